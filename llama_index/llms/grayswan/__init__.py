"""`from llama_index.llms.grayswan import GraySwan`, where LlamaIndex users look for it."""

from llama_index_grayswan import (
    GraySwan,
    UntrustedNodes,
    data_message,
    mark,
    mark_nodes,
    plain,
    secure,
    untrusted_tool,
)

__all__ = [
    "GraySwan",
    "UntrustedNodes",
    "data_message",
    "mark",
    "mark_nodes",
    "plain",
    "secure",
    "untrusted_tool",
]
