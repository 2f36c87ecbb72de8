"""A provider to call: our side of its API, and a server of the test's own behind it."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

import httpx2
import pytest

from application.ports import ProviderUnavailable
from infrastructure.metrics import PROVIDER_CALLS
from infrastructure.provider_api import ProviderApi
from tests.support.raw_server import RawServer, Reply, Request, as_json, raw_server

SECRET: Final = "hush-7f"
PATH: Final = "/of/0xca11ab1e"
OK: Final = as_json({"fine": True})
NUMBERS: Final = count()


class Hands:
    """The hands of the clock: `time.time`, moved by the test."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._true = time.time

    def __call__(self) -> float:
        return self._true() + self.ahead


def always(reply: Reply) -> Callable[[Request], Reply]:
    return lambda _: reply


def after(*first: Reply, then: Reply = OK) -> Callable[[Request], Reply]:
    """Some replies one after the other, and then another for ever."""
    replies = iter(first)
    return lambda _: next(replies, then)


@asynccontextmanager
async def provider(
    respond: Callable[[Request], Reply], *, rate: str = "1000/second"
) -> AsyncIterator[tuple[ProviderApi, RawServer]]:
    signed = count(1)

    def sign(method: str, path: str, content: bytes) -> dict[str, str]:
        return {"x-signature": f"{SECRET} {method} {path} {content!r} {next(signed)}"}

    async with raw_server(respond) as server, httpx2.AsyncClient(trust_env=False) as client:
        name = f"provider{next(NUMBERS)}"
        yield ProviderApi(name, server.url + "/", client=client, sign=sign, rate=rate), server


async def outage(api: ProviderApi, path: str = PATH) -> int:
    """That a call fails, and what it says about coming back."""
    with pytest.raises(ProviderUnavailable) as raised:
        await api.call("GET", path)
    assert raised.value.__cause__ is None
    assert str(raised.value) == "the provider is unavailable"
    return raised.value.retry_after


def counted(api: ProviderApi, what: str) -> float:
    return float(PROVIDER_CALLS.labels(api.name, what)._value.get())  # noqa: SLF001 -- no other way to read it
