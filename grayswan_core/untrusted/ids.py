"""The IDs of marks: keyed hashes. Sans-I/O but for the key, which the environment may bring.

An ID is made of a text and a key. So equal texts have equal marks, and caches and comparisons
work; and who writes a text cannot know its ID, since the key is not known. The first half says
which text it is, the second half is a signature of the first.
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import b32encode
from functools import cache

from grayswan_core.errors import ConfigurationError

__all__ = ["ID_LENGTH", "KEY_VARIABLE", "id_of", "is_genuine", "is_id_of"]

KEY_VARIABLE = "GRAYSWAN_MARKS_KEY"
"""Names a secret that the processes of one application share, so that they make equal marks.

Without it, each process makes a key of its own when it starts.
"""

_LEAST_KEY_LENGTH = 16
_HALF = 5
ID_LENGTH = 2 * _HALF


def id_of(text: str) -> str:
    """The ID of a text's marks: lower-case base32.

    Raises:
        ConfigurationError: the key in the environment is too short.
    """
    name = _digest(b"text", _canonical(text))
    return name + _digest(b"name", name.encode())


def is_genuine(name: str) -> bool:
    """Whether an ID was made with this process's key."""
    signature = _digest(b"name", name[:_HALF].encode())
    return hmac.compare_digest(signature.encode(), name[_HALF:].encode())


def is_id_of(name: str, text: str) -> bool:
    """Whether an ID is that of this text, whichever way a template has rewritten the text.

    Case, white space, punctuation and the escapes of JSON, HTML and URLs make no difference.
    """
    return hmac.compare_digest(_digest(b"text", _canonical(text)).encode(), name[:_HALF].encode())


# Each alternative begins with a character of its own, which makes the search several times faster.
_ESCAPES = re.compile(
    rb"\\\\*(?:u[0-9a-f]{4}|x[0-9a-f]{2}|[a-z])?"
    rb"|&(?:amp;)*#?\w{1,32};"
    rb"|%(?:25)*(?:5c(?:u[0-9a-f]{4}|x[0-9a-f]{2}|[a-z])?|[0-9a-f]{2})"
)
_NOT_ALPHANUMERIC = bytes(code for code in range(128) if not chr(code).isalnum())


def _canonical(text: str) -> bytes:
    """What templates leave of a text, however they write it."""
    data = text.casefold().encode("utf-8", "surrogatepass")
    if b"\\" in data or b"&" in data or b"%" in data:
        data = _ESCAPES.sub(b"", data)
    return data.translate(None, _NOT_ALPHANUMERIC)


def _digest(use: bytes, data: bytes) -> str:
    digest = hmac.digest(_key(), use + b":" + data, "sha256")
    return b32encode(digest)[:_HALF].decode().lower()


@cache
def _key() -> bytes:
    given = os.environ.get(KEY_VARIABLE)
    if given is None:
        return os.urandom(32)
    if len(given) < _LEAST_KEY_LENGTH:
        raise ConfigurationError(
            f"{KEY_VARIABLE} needs at least {_LEAST_KEY_LENGTH} characters that cannot be guessed:"
            ' python -c "import secrets; print(secrets.token_urlsafe(32))" makes some.'
        )
    return given.encode("utf-8", "surrogateescape")
