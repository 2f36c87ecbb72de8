"""Where a list comes from: a file or an https URL, read as it comes, with nothing kept on the way.

Plain http is for this very machine. Redirects are followed few, to https alone. A server that trickles is given up, and
so is one that ends before it said it would. No error repeats a path or a URL: both may hold what is secret.
"""

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import httpx2

from infrastructure.sanctions.sdn_advanced import Stream

TIMEOUT: Final = httpx2.Timeout(30.0, connect=10.0)
REDIRECTS: Final = 5
GRACE: Final = 30.0
SLOWEST: Final = 16 << 10
"""Bytes a second, on average, that a server has to send after `GRACE` seconds."""
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_OURS: Final = {"localhost", "127.0.0.1", "::1"}


class SourceUnavailable(Exception):
    """The list cannot be had, and why."""


@contextmanager
def opened(source: str) -> Iterator[tuple[Stream, int | None]]:
    """A list's bytes, and how many there are where that is known. Raises `SourceUnavailable`."""
    with _downloaded(source) if _URL.match(source) else _read(Path(source)) as found:
        yield found


@contextmanager
def _read(path: Path) -> Iterator[tuple[Stream, int | None]]:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            yield file, status.st_size if stat.S_ISREG(status.st_mode) else None
    except OSError as fault:
        raise SourceUnavailable(f"the file cannot be read: {fault.strerror}") from fault


@contextmanager
def _downloaded(source: str) -> Iterator[tuple[Stream, int | None]]:
    try:
        url = httpx2.URL(source)
        local = _allowed(url, local=True)
        with (
            httpx2.Client(timeout=TIMEOUT, trust_env=not local, headers={"Accept-Encoding": "identity"}) as client,
            closing(_answer(client, url)) as response,
        ):
            length = response.headers.get("content-length", "")
            yield _Download(response), int(length) if re.fullmatch("[0-9]{1,15}", length, re.ASCII) else None
    except httpx2.InvalidURL:
        raise SourceUnavailable("this is no URL") from None
    except httpx2.TimeoutException:
        raise SourceUnavailable("the server does not answer in time") from None
    except httpx2.RemoteProtocolError:
        raise SourceUnavailable("the server broke the download off") from None
    except httpx2.HTTPError:
        raise SourceUnavailable("the server cannot be reached") from None


def _answer(client: httpx2.Client, url: httpx2.URL) -> httpx2.Response:
    """The answer at the end of all redirects, its body still to come."""
    for _ in range(REDIRECTS + 1):
        response = client.send(client.build_request("GET", url), stream=True)
        if response.next_request is None:
            return _sound(response)
        response.close()
        local, url = _local(url), response.next_request.url
        _allowed(url, local=local)
    raise SourceUnavailable(f"the server redirects more than {REDIRECTS} times")


def _sound(response: httpx2.Response) -> httpx2.Response:
    if response.status_code != httpx2.codes.OK:
        response.close()
        raise SourceUnavailable(f"the server answers {response.status_code}")
    if response.headers.get("content-encoding", "identity") != "identity":
        response.close()
        raise SourceUnavailable("the server sends the list encoded, which was not asked for")
    return response


def _allowed(url: httpx2.URL, *, local: bool) -> bool:
    """Whether a URL is this machine's own, which only others of its own may lead to; any other has to be https."""
    if url.scheme == "https" and url.host:
        return False
    if local and _local(url):
        return True
    raise SourceUnavailable("a list comes from a file or an https URL; http is for localhost alone")


def _local(url: httpx2.URL) -> bool:
    return url.scheme == "http" and url.host in _OURS


class _Download:
    """A response's body as a stream."""

    def __init__(self, response: httpx2.Response) -> None:
        self._pieces = response.iter_raw()
        self._rest = b""
        self._received = 0
        self._begun = time.monotonic()

    def read(self, size: int = -1, /) -> bytes:
        """Read what has come, up to `size` bytes."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
            self._received += len(piece)
            if self._received < (time.monotonic() - self._begun - GRACE) * SLOWEST:
                raise SourceUnavailable("the server is too slow")
        taken, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return taken
