"""Untrusted text, kept out of the trusted roles.

It is marked where it enters (`marks`), found again in a prompt (`spans`), and sent in `data`
messages (`data_messages`).

Outside this project: a defence against indirect prompt injection by datamarking (a form of
spotlighting, arXiv:2403.14720) and taint tracking through templates.
"""
