"""Which addresses are public, and what a name resolves to: looked up by us, and refused where one address is not.

What is allowed is listed for IPv6, where new special ranges keep coming; what is forbidden for IPv4, where they do not.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from time import monotonic
from typing import Final

Address = IPv4Address | IPv6Address
Resolve = Callable[[str], Awaitable[list[str]]]
"""The port: a host's addresses as text. Raises `OSError` where there are none."""

FRESH: Final = 1.0
"""Seconds for which an answer counts: a burst of deliveries asks once."""
PATIENCE: Final = 3.0
"""Seconds that a name has to be resolved."""
THREADS: Final = 16
"""Of each kind."""
MOST: Final = 1024
"""Answers that are kept."""

NOT_PUBLIC_4: Final[tuple[IPv4Network, ...]] = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by carriers' NATs, and clouds' metadata
            "127.0.0.0/8",
            "168.63.129.16/32",  # a cloud's metadata in the public range
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
"""IANA's special-purpose registry, multicast, and what is reserved."""
PUBLIC_6: Final = IPv6Network("2000::/3")
"""Global unicast. Mapped and translated IPv4, unique local, link-local and multicast addresses lie elsewhere."""
NOT_PUBLIC_6: Final[tuple[IPv6Network, ...]] = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo, which embeds IPv4 addresses, and other protocols
            "2001:db8::/32",
            "2002::/16",  # 6to4, the same
            "3fff::/20",
        ),
    )
)


class AddressRefused(Exception):
    """The host resolves to something that is not public, or to nothing. Which, nobody is told."""


def is_public(address: Address) -> bool:
    """Whether an address is somebody's on the open internet."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in NOT_PUBLIC_4)
    return (
        address.scope_id is None
        and address in PUBLIC_6
        and address.is_global
        and not any(address in network for network in NOT_PUBLIC_6)
    )


class Resolver:
    """The system's resolver, in threads: some for hosts that were resolved in time before, some for all others.

    However many names hang, those that do not are resolved.
    """

    def __init__(self, resolve: Callable[[str], list[str]] | None = None) -> None:
        self._resolve = resolve or _resolve
        self._proven: set[str] = set()
        self._of_proven = ThreadPoolExecutor(THREADS, "resolver")
        self._of_others = ThreadPoolExecutor(THREADS, "resolver-others")

    async def __call__(self, host: str) -> list[str]:
        """The host's addresses, IPv4 first."""
        loop = asyncio.get_running_loop()
        threads, began = self._of_proven if host in self._proven else self._of_others, loop.time()
        self._proven.discard(host)
        found = await loop.run_in_executor(threads, self._resolve, host)
        if loop.time() - began < PATIENCE:
            if len(self._proven) >= MOST:
                self._proven.pop()
            self._proven.add(host)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Take no more questions."""
        for threads in (self._of_proven, self._of_others):
            threads.shutdown(wait=False, cancel_futures=True)


def _resolve(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in sorted(found, key=lambda entry: entry[0] == socket.AF_INET6)]


class Guard:
    """Says where a host may be connected to: at these very addresses, and nowhere else."""

    def __init__(self, resolve: Resolve, *, allow_loopback: bool = False) -> None:
        self._resolve = resolve
        self._allow_loopback = allow_loopback
        self._asked: dict[str, tuple[float, asyncio.Task[list[str]]]] = {}

    async def addresses(self, host: str) -> list[str]:
        """The host's addresses, every one of them public, as of now. Raises `AddressRefused`."""
        checked = self._answer(host.strip("[]"))
        if checked.done():
            return checked.result()
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(checked)
        except TimeoutError:
            raise AddressRefused from None

    async def _checked(self, answer: Awaitable[list[str]]) -> list[str]:
        try:
            addresses = [ip_address(address) for address in await answer]
        except (OSError, ValueError):  # a name that cannot be encoded is a ValueError
            raise AddressRefused from None
        if not addresses or not all(map(self._may_be_called, addresses)):
            raise AddressRefused
        return [str(address) for address in addresses]

    def _may_be_called(self, address: Address) -> bool:
        return is_public(address) or (self._allow_loopback and address.is_loopback)

    def _answer(self, host: str) -> "asyncio.Task[list[str]]":
        """The answer to whoever asked last, while it is fresh: also where it is not there yet."""
        now = monotonic()
        asked = self._asked.get(host)
        if asked and (now - asked[0] < FRESH or not asked[1].done()):
            return asked[1]
        if len(self._asked) >= MOST:
            self._asked = {host: asked for host, asked in self._asked.items() if now - asked[0] < FRESH}
        task = asyncio.ensure_future(self._checked(self._resolve(host)))
        task.add_done_callback(_heard)
        self._asked[host] = now, task
        return task


def _heard(task: "asyncio.Task[list[str]]") -> None:
    """Its fault is raised where somebody waits for it; nobody may be left."""
    if not task.cancelled():
        task.exception()
