"""One short story, told through LangChain and through LlamaIndex: `python -m demo`."""
