"""What a host name says by itself, without looking it up. Sans-I/O."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

__all__ = ["ascii_host", "is_loopback", "is_this_machine", "parse_ip"]

# RFC 1035, 2.3.4. Beyond these, Python's resolver raises a UnicodeError instead of an OSError.
_LONGEST_LABEL = 63
_LONGEST_NAME = 253

_LABEL = re.compile(r"[0-9A-Za-z_-]+")
_NUMERIC = re.compile(r"[0-9A-Fa-fxX.]+")


def ascii_host(host: str) -> str:
    """The host in lower case, a non-ASCII name in its ASCII form (IDNA 2008).

    Every transport then looks up the same name, whichever version of IDNA it has.

    Raises:
        ValueError: no host can have this name; the message says why.
    """
    if parse_ip(host) is not None:
        return host.lower()
    name = host.lower() if host.isascii() else _encoded(host)
    labels = name.removesuffix(".").split(".")
    if not all(labels):
        raise ValueError("its host name has an empty part between two dots")
    if max(map(len, labels)) > _LONGEST_LABEL or len(name) > _LONGEST_NAME:
        raise ValueError(
            f"its host name is too long (a part has at most {_LONGEST_LABEL} characters, the"
            f" whole {_LONGEST_NAME})"
        )
    if not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("its host name holds characters that no host name has")
    return name


def is_loopback(host: str) -> bool:
    """Whether the host is this machine's loopback interface, however it is written."""
    address = parse_ip(host)
    if address is None:
        name = host.lower().removesuffix(".")
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback


def is_this_machine(host: str) -> bool:
    """`is_loopback`, or `0.0.0.0` and `::`, which lead to this machine too."""
    address = parse_ip(host)
    return is_loopback(host) or (address is not None and address.is_unspecified)


def parse_ip(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that the host is, `127.1` and `::ffff:127.0.0.1` included, else None."""
    try:
        address = ip_address(host.removesuffix("."))
    except ValueError:
        return _short_ipv4(host)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _short_ipv4(host: str) -> IPv4Address | None:
    """An IPv4 address in one of the forms that resolvers still read: `127.1`, `0x7f000001`."""
    if not _NUMERIC.fullmatch(host):
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _encoded(host: str) -> str:
    import idna  # noqa: PLC0415 - few host names need it

    try:
        return idna.encode(host.lower()).decode()
    except idna.IDNAError:
        raise ValueError("its host name has no ASCII form (IDNA)") from None
