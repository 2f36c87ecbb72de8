"""Callback URLs, read strictly: one spelling is taken, and what was read is what is called.

No library that calls reads the URL again: scheme, host, port and target go to it in parts, so that two readers cannot
disagree on whom they name.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

LONGEST: Final = 2048
LONGEST_HOST: Final = 253
LEAST_PORT: Final = 1024
"""Ports below belong to other protocols' servers, who shall not be spoken to in our name; 443 is HTTPS's own."""
LARGEST_PORT: Final = 65535
PORTS: Final = {"https": 443, "http": 80}
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Hosts that only a developer's own machine is called by."""

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<target>/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?P<query>\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?",
    re.ASCII,
)
"""RFC 3986 without user, fragment and dot segments' meaning. Hosts are names in ASCII: of others, their `xn--` form."""
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""What some resolvers take for a part of an IPv4 address, in decimal, octal or hexadecimal."""


class BadCallbackUrl(Exception):
    """Not a callback URL that anything is sent to. `code` says what is wrong with it, and nothing repeats it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, repr=False)
class CallbackUrl:
    """A URL in its parts. Path and query may hold a secret: it is never shown but to its owner."""

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """Host and port as the `Host` header has them."""
        return self.host if self.port == PORTS[self.scheme] else f"{self.host}:{self.port}"


def parse_callback_url(text: str, *, allow_loopback: bool = False) -> CallbackUrl:
    """Read a URL. `allow_loopback` takes http, and any port, for the machine itself. Raises `BadCallbackUrl`."""
    match = _URL.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        raise BadCallbackUrl("malformed_url")
    scheme, host = match["scheme"], match["host"].lower()
    port = int(match["port"] or PORTS[scheme])
    if allow_loopback and host in LOOPBACK:
        if port > LARGEST_PORT:
            raise BadCallbackUrl("port_not_allowed")
    else:
        _check_public(scheme, host, port)
    return CallbackUrl(scheme, host, port, (match["target"] or "/") + (match["query"] or ""))


def _check_public(scheme: str, host: str, port: int) -> None:
    """Refuse what cannot be an HTTPS server with a public name."""
    if scheme != "https":
        raise BadCallbackUrl("https_only")
    labels = host.split(".")
    if _is_address(host) or _NUMBER.fullmatch(labels[-1]):
        raise BadCallbackUrl("name_needed")
    if len(host) > LONGEST_HOST or len(labels) == 1 or not all(map(_LABEL.fullmatch, labels)):
        raise BadCallbackUrl("malformed_host")
    if port != PORTS["https"] and not LEAST_PORT <= port <= LARGEST_PORT:
        raise BadCallbackUrl("port_not_allowed")


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
