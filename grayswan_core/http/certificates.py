"""The TLS context that verifies the API's certificate, one for the process."""

from __future__ import annotations

import os
import ssl
from functools import cache

from grayswan_core.errors import ConfigurationError

__all__ = ["ssl_context"]


@cache
def ssl_context() -> ssl.SSLContext:
    """Verifies with `SSL_CERT_FILE`, else `SSL_CERT_DIR`, else certifi's certificates.

    Cached, because to make one costs 20 ms and more for the certificates it loads.

    Raises:
        ConfigurationError: one of those variables, or `SSLKEYLOGFILE`, names what cannot be used.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if folder and not file:
        # pathlib would raise for a name that is too long.
        if not any(map(os.path.isdir, folder.split(os.pathsep))):
            raise _unusable("SSL_CERT_DIR", "a folder of certificates")
        return ssl.create_default_context(capath=folder)
    if not file:
        import certifi  # noqa: PLC0415 - not needed where a variable is set

    try:
        return ssl.create_default_context(cafile=file or certifi.where())
    except OSError as error:  # `ssl.SSLError` is one
        if error.filename:  # OpenSSL names no file; Python does, and the key log is all it opens
            raise _unusable("SSLKEYLOGFILE", "a file that can be written") from error
        raise _unusable("SSL_CERT_FILE", "a file of certificates in PEM format") from error


def _unusable(variable: str, expected: str) -> ConfigurationError:
    return ConfigurationError(
        f"The environment variable {variable} does not name {expected}: set it to one, or unset it."
    )
