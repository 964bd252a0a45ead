"""Cygnal guards for LangChain: models, agents and retrieved documents."""
