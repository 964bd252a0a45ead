"""One call of a model, with what the API lacks: required tool calls, and checked responses."""
