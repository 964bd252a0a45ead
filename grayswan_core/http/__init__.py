"""Requests over HTTP with deadlines and retries; the only room that imports an HTTP library."""
