"""A cheap partner for the pipeline bench: one keep-alive connection, one customer after the other, all the way in."""

import asyncio
import json
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

from bench.report import BenchError
from infrastructure.demo.wallet import OwnedWallet

LOOK_AGAIN: Final = 0.1
"""Seconds between two looks at a customer whose wallet is being screened."""


@dataclass(slots=True)
class Onboarded:
    """Customers that are in, by when and after how long."""

    at: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)


class Partner:
    """Brings customers from `POST` to `active` until time is up."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        self._reader = reader
        self._writer = writer
        self._head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nAccept: application/json\r\n"

    async def run(self, name: str, onboarded: Onboarded, *, until: float) -> None:
        """Bring one customer after the other; the last is brought to its end."""
        number = 0
        while (begun := perf_counter()) < until:
            number += 1
            await self._bring(f"{name}-{number}")
            onboarded.at.append(perf_counter())
            onboarded.took.append(onboarded.at[-1] - begun)

    async def _bring(self, external_id: str) -> None:
        wallet = OwnedWallet()
        made = await self._ask("POST", "/v1/customers", 201, {"chainId": wallet.account, "externalId": external_id})
        path, challenge = f"/v1/customers/{made['id']}", made["challenge"]
        answer = {"chainId": wallet.account, "challenge": challenge, "signature": wallet.sign(challenge)}
        await self._ask("POST", f"{path}/challenge/sign", 204, answer)
        while (status := (await self._ask("GET", path, 200))["status"]) == "screening":  # noqa: ASYNC110 -- asks the API, as partners do
            await asyncio.sleep(LOOK_AGAIN)
        if status != "verifying":
            raise BenchError(f"a customer ended in {status}")
        await self._ask("GET", f"{path}/verification", 200)
        await self._ask("PATCH", f"/v1/simulator/customers/{made['id']}/verify", 202)
        if (await self._ask("GET", path, 200))["status"] != "active":
            raise BenchError("a customer was verified and is not active")

    async def _ask(self, method: str, path: str, wanted: int, body: dict[str, str] | None = None) -> dict[str, Any]:
        content = json.dumps(body).encode() if body else b""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(content)}\r\n"
        head += "Content-Type: application/json\r\n\r\n" if content else "\r\n"
        self._writer.write(head.encode() + content)
        said = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = said.partition(b"content-length:")[2].partition(b"\r")[0]
        answer = await self._reader.readexactly(int(length or 0))
        if int(said[9:12]) != wanted:
            raise BenchError(f"{method} {path}: {said[9:12].decode()} {answer[:300]!r}")
        return dict(json.loads(answer)) if answer else {}

    def leave(self) -> None:
        """Close the connection."""
        self._writer.close()


async def bring(port: int, key: str, *, partners: int, seconds: float) -> Onboarded:
    """Onboard customers for a while, as many at once as there are partners."""
    onboarded, until = Onboarded(), perf_counter() + seconds
    made = [Partner(*await asyncio.open_connection("127.0.0.1", port), key) for _ in range(partners)]
    try:
        await asyncio.gather(*(partner.run(f"p{n}", onboarded, until=until) for n, partner in enumerate(made)))
    finally:
        for partner in made:
            partner.leave()
    return onboarded
