"""Prepared HTTP requests. Every side gets the same bytes, credentials included, whether it reads them or not."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from uuid import UUID, uuid4

from Crypto.Hash import keccak

SEED: Final = 20250101
NO_KEY: Final = "gh_none"


def registrations(key: str) -> Iterator[bytes]:
    """Yield `POST /v1/customers` without end, each with a wallet and an external id of its own."""
    source = random.Random(SEED)  # noqa: S311  # the same traffic in every run
    number = 0
    while True:
        number += 1
        body = {"chainId": f"eip155:1:{checksummed(source.randbytes(20))}", "externalId": f"user-{number}"}
        yield _request("POST", "/v1/customers", key, json.dumps(body).encode())


def lookups(key: str, customers: Sequence[UUID]) -> Iterator[bytes]:
    """Yield `GET /v1/customers/{id}` without end, of customers drawn at random."""
    source = random.Random(SEED)  # noqa: S311  # the same traffic in every run
    while True:
        yield _request("GET", f"/v1/customers/{source.choice(customers)}", key)


def guarded(requests: Iterable[bytes], bearer: str) -> Iterator[bytes]:
    """Yield the same requests as a careful caller sends them: with its own credentials, writes with a key of their own.

    Each call makes other idempotency keys.
    """
    for request in requests:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Authorization: ")]
        lines.append(f"Authorization: Bearer {bearer}".encode())
        if not head.startswith(b"GET "):
            lines.append(f'Idempotency-Key: "{uuid4()}"'.encode())
        yield b"\r\n".join([*lines, b"", body])


def checksummed(address: bytes) -> str:
    """Return an address with the upper and lower case of EIP-55, as wallets give it out."""
    lower = address.hex()
    digest = keccak.new(data=lower.encode(), digest_bits=256).hexdigest()
    return "0x" + "".join(
        letter.upper() if nibble >= "8" else letter for letter, nibble in zip(lower, digest[:40], strict=True)
    )


def _request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json", f"Authorization: Bearer {key}"]
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body
