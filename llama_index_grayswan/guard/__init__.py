"""Cygnal guards for LlamaIndex: LLMs, tools and retrieved nodes."""
