"""A model's settings and a call's arguments to a request. Sans-I/O."""
