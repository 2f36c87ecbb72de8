"""When a refusal is told: not so soon that it tells more than it says, nor that whoever asks on takes others' time."""

import asyncio
from http import HTTPStatus
from random import uniform
from time import perf_counter
from typing import Final

from infrastructure.http.problems import PROBLEMS

BEAT: Final = 0.02
"""Seconds of which it takes a multiple to be told that there is nothing: somebody else's is found before it is refused,
and how long that took must not tell."""
HELD_BACK: Final = (0.1, 0.3)
"""Seconds, at least and at most, that a refusal waits for which its caller came too often, or would: who asks on at
once waits here, and not all come back together."""
COSTLY: Final = frozenset({"request_signature_required", "request_signature_invalid"})
"""A check of a signature takes as long as ten requests."""


async def wait_to_refuse(code: str, begun: float) -> None:
    """Wait before a problem is told, to a request that began then, by `perf_counter`."""
    status = PROBLEMS[code].status
    if status == HTTPStatus.NOT_FOUND:
        await asyncio.sleep(BEAT - (perf_counter() - begun) % BEAT)
    elif status == HTTPStatus.TOO_MANY_REQUESTS or code in COSTLY:
        await asyncio.sleep(uniform(*HELD_BACK))  # noqa: S311 -- no secret
