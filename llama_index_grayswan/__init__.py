"""Gray Swan's Cygnet for LlamaIndex."""

from __future__ import annotations

try:
    import llama_index.core  # noqa: F401 - only to say which extra brings it
except ImportError as error:
    raise ImportError(
        "llama_index_grayswan needs LlamaIndex. Install it with:"
        ' pip install "grayswan-integrations[llama-index]"'
    ) from error

from llama_index.core.llms.loading import RECOGNIZED_LLMS

from llama_index_grayswan.llm import GraySwan
from llama_index_grayswan.messages import data_message
from llama_index_grayswan.secure import secure
from llama_index_grayswan.untrusted import (
    UntrustedNodes,
    mark,
    mark_nodes,
    plain,
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

# LlamaIndex's `load_llm` knows an LLM that was written down by its class name.
RECOGNIZED_LLMS[GraySwan.class_name()] = GraySwan
