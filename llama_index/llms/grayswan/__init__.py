"""`from llama_index.llms.grayswan import GraySwan`, where LlamaIndex users look for it."""

from typing import TYPE_CHECKING

from llama_index_grayswan import GraySwan, data_message

if TYPE_CHECKING:
    from llama_index_grayswan import (
        UntrustedNodes,
        mark,
        mark_nodes,
        plain,
        secure,
        untrusted_tool,
    )
else:
    from llama_index_grayswan import __getattr__  # noqa: F401 - it imports the others when asked

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


def __dir__() -> list[str]:
    return __all__
