"""`from llama_index.llms.grayswan import GraySwan`, where LlamaIndex users look for it."""

from llama_index_grayswan import GraySwan, data_message

__all__ = ["GraySwan", "data_message"]
