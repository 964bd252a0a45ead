"""Cygnal: the monitor, and protected completions."""
