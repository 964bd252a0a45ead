"""Bytes to a response or an error. Sans-I/O."""
