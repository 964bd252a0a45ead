"""Which proxy an address has, by `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.

Sans-I/O but for `proxy_settings`. This machine (loopback) is never reached through a proxy: its
servers would not be found there, and the proxy would get the key in clear text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import ip_network
from urllib.parse import SplitResult, urlsplit

from grayswan_core.errors import ConfigurationError
from grayswan_core.http.hosts import ascii_host, is_this_machine, parse_ip

__all__ = ["Proxy", "proxy_for", "proxy_settings"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SOCKS = frozenset({"socks5", "socks5h"})


class MissingPackageError(ConfigurationError, ImportError):
    """A setting needs a package that is not installed."""


@dataclass(frozen=True)
class Proxy:
    """A proxy to use.

    Attributes:
        url: Its address, with a scheme. It may hold a password, so no repr shows it.
        variable: The environment variable that names it, for messages.
    """

    url: str = field(repr=False)
    variable: str


def proxy_settings() -> dict[str, str]:
    """The proxy settings of the environment, or of the operating system (macOS, Windows).

    The keys are `http`, `https`, `all` and `no`. Lower-case variables win over upper-case ones, and
    `HTTP_PROXY` is ignored in CGI scripts (https://httpoxy.org).
    """
    from urllib.request import getproxies  # noqa: PLC0415 - costs 20 ms, and is needed once

    return getproxies()


def proxy_for(url: str, settings: Mapping[str, str]) -> Proxy | None:
    """The proxy through which requests to an address go, or None for a direct connection.

    Args:
        url: The address, `http` or `https`.
        settings: As `proxy_settings` returns them.

    Raises:
        ConfigurationError: the proxy that is named cannot be used.
    """
    target = urlsplit(url)
    host = target.hostname or ""
    name = next((key for key in (target.scheme, "all") if settings.get(key, "").strip()), None)
    if name is None or is_this_machine(host) or _is_excluded(target, settings.get("no", "")):
        return None
    variable = f"{name.upper()}_PROXY"
    return Proxy(_checked(settings[name].strip(), variable), variable)


def _checked(value: str, variable: str) -> str:
    value = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(value)
        ascii_host(parts.hostname or "")
        _ = parts.port
    except ValueError:
        raise ConfigurationError(
            f"The proxy in {variable} cannot be used: it has to look like http://host:port."
        ) from None
    if parts.scheme in _SOCKS:
        if find_spec("socksio") is None:
            raise MissingPackageError(
                f"The proxy in {variable} is a SOCKS proxy, which needs another package:"
                " pip install 'httpx[socks]'. Or unset the variable, or name an HTTP proxy."
            )
    elif parts.scheme not in _DEFAULT_PORTS:
        raise ConfigurationError(
            f"The proxy in {variable} cannot be used: unknown scheme {parts.scheme[:20]!r}."
            " Available: http, https, socks5, socks5h."
        )
    return value


def _is_excluded(target: SplitResult, no_proxy: str) -> bool:
    """Whether `NO_PROXY` lists the address.

    An entry is `*`, a domain (its subdomains included, with or without a dot in front), an IP
    address or a range of them (CIDR); each but the first may have a port behind it.
    """
    entries = (entry.strip().lower() for entry in no_proxy.split(","))
    return any(_matches(target, entry) for entry in entries if entry)


def _matches(target: SplitResult, entry: str) -> bool:
    if entry == "*":
        return True
    entry, port = _split_port(entry.rpartition("://")[2])
    if port is not None and port != (target.port or _DEFAULT_PORTS.get(target.scheme)):
        return False
    host = (target.hostname or "").removesuffix(".")
    address = parse_ip(host)
    if address is not None:
        try:
            return address in ip_network(entry, strict=False)
        except ValueError:
            return address == parse_ip(entry)
    domain = entry.removeprefix("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _split_port(entry: str) -> tuple[str, int | None]:
    """An entry's host without its brackets, and its port if it has one."""
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        port = rest.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    else:  # a name, or an IPv6 address without brackets
        return entry, None
    return host, int(port) if port.isdecimal() else None
