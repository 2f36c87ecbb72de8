"""Callers who mean no good: `python -m bench.abuse`, a process of its own.

One job per line of standard input, one count of answers per line of standard output, both JSON; it ends with its input.
An attack is a coroutine that goes on until it is cancelled; what the service does to it, it suffers and begins again.
"""

import asyncio
import json
import os
import random
import secrets
import sys
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.report import BenchError
from infrastructure.demo.wallet import OwnedWallet

SLOW: Final = 0.25
"""Seconds between two bytes of who is slow."""
PIECE: Final = b"x" * 65536
SLOW_ONES: Final = 300
IDLE_ONES: Final = 3000
FAST_ONES: Final = 16
WRONG_ONES: Final = 128
NICENESS: Final = 15
BACK: Final = 0.1
"""Seconds within which who was thrown out is back: each in its own time, as machines that know nothing of another."""


@dataclass(frozen=True)
class Target:
    """Whom to attack, as whom: `key` may call; `signed_key` has a public key. `customer` has an open challenge."""

    port: int
    key: str
    signed_key: str
    signed_key_id: str
    customer: dict[str, str]

    def head(self, line: str, *fields: str, key: str | None = None) -> bytes:
        """A request's head."""
        given = (line + " HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key or self.key}", *fields, "", "")
        return "\r\n".join(given).encode()


Answers = Counter[str]
Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def again_and_again(target: Target, answers: Answers, attack: Connected) -> None:
    """Connect, attack, and come back."""
    while True:
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
            await attack(reader, writer)
        except (OSError, EOFError, asyncio.IncompleteReadError):
            answers["cut off"] += 1
        finally:
            if writer is not None:
                writer.transport.abort()
        await asyncio.sleep(random.uniform(0, BACK))  # noqa: S311 -- nobody is to guess it


async def answered(reader: asyncio.StreamReader, answers: Answers) -> None:
    """Read one answer, and count its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r")[0]
    await reader.readexactly(int(length or 0))
    answers[head[9:12].decode()] += 1


def trickle(answers: Answers, start: bytes) -> Connected:
    """Send `start`, then a byte now and then."""

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        answer = asyncio.create_task(answered(reader, answers))
        try:
            while not answer.done():
                writer.write(b"x")
                await asyncio.sleep(SLOW)
            await answer
        finally:
            answer.cancel()

    return attack


def repeat(answers: Answers, request: Callable[[], bytes]) -> Connected:
    """Send one request after the other, as fast as they are answered."""

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(request())
            await answered(reader, answers)

    return attack


def pour(answers: Answers, start: bytes, piece: bytes) -> Connected:
    """Send `start` and then `piece` for ever, and read what is said to it."""

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        answer = asyncio.create_task(answered(reader, answers))
        try:
            while not reader.at_eof():
                writer.write(piece)
                await writer.drain()
        finally:
            with suppress(OSError, asyncio.IncompleteReadError):
                await answer

    return attack


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing."""
    await reader.read()
    raise EOFError


def slow_heads(_: Target, answers: Answers) -> list[Connected]:
    """Heads byte by byte."""
    return [trickle(answers, b"GET /v1/customers HTTP/1.1\r\nX: ")] * SLOW_ONES


def slow_bodies(target: Target, answers: Answers) -> list[Connected]:
    """Bodies byte by byte, of somebody who may call."""
    head = target.head("POST /v1/customers", "Content-Type: application/json", "Content-Length: 60000")
    return [trickle(answers, head)] * SLOW_ONES


def huge_bodies(target: Target, answers: Answers) -> list[Connected]:
    """Gigabytes, announced and in chunks."""
    json_type = "Content-Type: application/json"
    announced = target.head("POST /v1/customers", json_type, f"Content-Length: {1 << 30}")
    chunked = target.head("POST /v1/customers", json_type, "Transfer-Encoding: chunked")
    small = b"1\r\nx\r\n" * 10_000
    return [
        *[pour(answers, announced, PIECE)] * (FAST_ONES // 2),
        *[pour(answers, chunked, b"10000\r\n" + PIECE + b"\r\n")] * (FAST_ONES // 4),
        *[pour(answers, chunked, small)] * (FAST_ONES // 4),
    ]


def header_floods(target: Target, answers: Answers) -> list[Connected]:
    """Very many fields, very long ones, and a head without an end."""
    head = target.head("GET /v1/customers")[:-2]
    return [
        *[pour(answers, head, b"a:\r\n" * 16_000)] * (FAST_ONES // 2),
        *[pour(answers, head + b"X: ", PIECE)] * (FAST_ONES // 2),
    ]


def idle_connections(_: Target, __: Answers) -> list[Connected]:
    """Connections that say nothing."""
    return [silent] * IDLE_ONES


def wrong_wallet_signatures(target: Target, answers: Answers) -> list[Connected]:
    """Answers to a challenge by other wallets."""
    customer = target.customer

    def request() -> bytes:
        body = {
            "chainId": customer["chainId"],
            "challenge": customer["challenge"],
            "signature": OwnedWallet().sign(customer["challenge"]),
        }
        content = json.dumps(body).encode()
        line = f"POST /v1/customers/{customer['id']}/challenge/sign"
        return target.head(line, "Content-Type: application/json", f"Content-Length: {len(content)}") + content

    return [repeat(answers, request)] * WRONG_ONES


def wrong_request_signatures(target: Target, answers: Answers) -> list[Connected]:
    """Requests that somebody else signed."""

    def request() -> bytes:
        covered = '("@method" "@target-uri" "authorization")'
        signed = f'sig={covered};created={int(time.time())};keyid="{target.signed_key_id}"'
        signature = f"Signature: sig=:{b64encode(secrets.token_bytes(96)).decode()}:"
        return target.head("GET /v1/customers", f"Signature-Input: {signed}", signature, key=target.signed_key)

    return [repeat(answers, request)] * WRONG_ONES


def wrong_keys(target: Target, answers: Answers) -> list[Connected]:
    """Requests with keys that are none."""
    return [
        repeat(answers, lambda: target.head("GET /v1/customers", key=f"gh_partner_{secrets.token_urlsafe(32)}"))
    ] * WRONG_ONES


ATTACKS: Final[dict[str, Callable[[Target, Answers], list[Connected]]]] = {
    attack.__name__: attack
    for attack in (
        slow_heads,
        slow_bodies,
        huge_bodies,
        header_floods,
        idle_connections,
        wrong_wallet_signatures,
        wrong_request_signatures,
        wrong_keys,
    )
}


async def attack_for(seconds: float, name: str, target: Target) -> Answers:
    """Attack for a while, and count the answers."""
    answers: Answers = Counter()
    attackers = [
        asyncio.create_task(again_and_again(target, answers, attack)) for attack in ATTACKS[name](target, answers)
    ]
    await asyncio.wait(attackers, timeout=seconds)
    for attacker in attackers:
        attacker.cancel()
    for ended in await asyncio.gather(*attackers, return_exceptions=True):
        if not isinstance(ended, asyncio.CancelledError):
            raise BenchError(f"an attacker gave up: {ended!r}")
    return answers


def main() -> None:
    """Do one job after another until standard input ends. Attackers have machines of their own: they give way here."""
    os.nice(NICENESS)
    with suppress(OSError):  # where Linux weighs sessions against each other, niceness alone says nothing
        Path("/proc/self/autogroup").write_text(str(NICENESS))
    for line in sys.stdin:
        job = json.loads(line)
        answers = uvloop.run(attack_for(job["seconds"], job["attack"], Target(**job["target"])))
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
