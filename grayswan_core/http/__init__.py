"""Requests over HTTP with deadlines and retries; the only package that imports an HTTP library."""
