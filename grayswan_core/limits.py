"""Timeouts and size limits of a client, as validated values."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from grayswan_core.errors import ConfigurationError

__all__ = ["DEFAULT_LIMITS", "DEFAULT_TIMEOUT", "Limits", "Timeout"]

# Longer waits than this, 30 years, overflow the system's clocks.
_LONGEST_WAIT = 1e9


def _check_wait(name: str, wait: float) -> None:
    if not 0 < wait <= _LONGEST_WAIT:
        raise ConfigurationError(
            f"{name} is a number of seconds above 0 (None for no limit), not {wait!r}."
        )


@dataclass(frozen=True)
class Timeout:
    """Longest waits in seconds; None waits for ever.

    An API may be silent, send nothing useful, or take too long in all: `read`, `between_chunks`
    and `total` bound one each. The time that the caller's own code takes between two chunks
    is in none of them.

    Attributes:
        connect: For a connection to be made.
        read: For the next bytes of a response, whatever they are.
        write: For a piece of the request to be taken.
        pool: For a free connection when all are in use.
        between_chunks: For the next chunk of a stream. Comments that keep the connection alive
            and bytes that make no chunk do not count. The body of an error response has as long.
        total: For the whole call: every try, the waits between them, and the streaming.
    """

    connect: float | None = 5.0
    read: float | None = 60.0
    write: float | None = 60.0
    pool: float | None = 60.0
    between_chunks: float | None = 60.0
    total: float | None = 600.0

    def __post_init__(self) -> None:
        for each in fields(self):
            wait = getattr(self, each.name)
            if wait is not None:
                _check_wait(f"The timeout `{each.name}`", wait)

    @classmethod
    def of(cls, timeout: Any) -> Timeout:
        """The timeout in any form that HTTP libraries take.

        Connecting is never given more than its default. The whole call keeps its default,
        unless one wait alone may take longer.

        Args:
            timeout: A `Timeout`; None for no limit; a number, for each wait for the API to go on;
                an `httpx.Timeout`; or a tuple as httpx and requests take it, of the seconds to
                connect and read, and to write and to wait for a free connection.

        Raises:
            ConfigurationError: it is something else.
        """
        if isinstance(timeout, Timeout):
            return timeout
        if timeout is None:
            return cls(None, None, None, None, None, None)
        if isinstance(timeout, int | float):
            _check_wait("`timeout`", timeout)
            connect = min(timeout, _DEFAULT_CONNECT)
            return cls(connect, timeout, timeout, timeout, timeout, _total(timeout))
        match timeout:
            case (connect, read):
                return cls(connect, read, read, read, read, _total(read))
            case (connect, read, write, pool):
                return cls(connect, read, write, pool, read, _total(read))
        try:
            waits = [getattr(timeout, name) for name in _HTTPX_WAITS]
        except AttributeError:
            raise ConfigurationError(
                "timeout is a number of seconds, a grayswan_core.Timeout, an httpx.Timeout, a tuple"
                f" of 2 or 4 numbers, or None, not a {type(timeout).__name__}."
            ) from None
        return cls.of(tuple(waits))


@dataclass(frozen=True)
class Limits:
    """The largest responses, in bytes, and how many connections may be open.

    Attributes:
        max_event_size: Of one event of a stream.
        max_response_size: Of one response, all events and comments of a stream together.
        max_error_size: Of the body of an error response; the rest is not read.
        max_connections: At once, in one process for sync calls and in each event loop.
        idle_seconds: After which an unused connection is closed, and not used again.
    """

    max_event_size: int = 1024 * 1024
    max_response_size: int = 32 * 1024 * 1024
    max_error_size: int = 64 * 1024
    max_connections: int = 1024
    idle_seconds: float = 30.0

    def __post_init__(self) -> None:
        for each in fields(self):
            limit = getattr(self, each.name)
            if not 0 < limit <= _LONGEST_WAIT:
                raise ConfigurationError(
                    f"The limit `{each.name}` is a number above 0, not {limit!r}."
                )


DEFAULT_TIMEOUT = Timeout()
DEFAULT_LIMITS = Limits()

_DEFAULT_CONNECT = DEFAULT_TIMEOUT.connect or _LONGEST_WAIT
_DEFAULT_TOTAL = DEFAULT_TIMEOUT.total or _LONGEST_WAIT

_HTTPX_WAITS = ("connect", "read", "write", "pool")


def _total(read: float | None) -> float | None:
    return None if read is None else max(read, _DEFAULT_TOTAL)
