"""Gray Swan's Cygnet for LlamaIndex."""

from __future__ import annotations

try:
    import llama_index.core  # noqa: F401 - only to say which extra brings it
except ImportError as error:
    raise ImportError(
        "llama_index_grayswan needs LlamaIndex. Install it with:"
        ' pip install "grayswan-integrations[llama-index]"'
    ) from error

from llama_index_grayswan.llm import GraySwan
from llama_index_grayswan.messages import data_message

__all__ = ["GraySwan", "data_message"]
