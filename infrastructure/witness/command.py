"""`./run witness`: follows a log until it is told to end, or until the log is found out."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import typer

from application.transparency.notes import SIGNS, BadNote, PublicKey, Signer, parse_key
from infrastructure.faults import CannotStart
from infrastructure.witness.memory import Memory, remembered
from infrastructure.witness.remote_log import RemoteLog, Unanswered, client_for
from infrastructure.witness.witness import Fork, Refused, Witness


def follow(  # noqa: PLR0913 -- what the command line says
    url: str, *, key: str | None, name: str, state: Path, once: bool, every: float
) -> int:
    """Follow, and answer the exit code: 1 where the log was forked or, `once`, nothing could be cosigned."""
    given, client = _key(key), client_for(url)

    async def run(memory: Memory, signer: Signer) -> int:
        async with client:
            witness = Witness(RemoteLog(url, client), memory, signer, lambda: int(time.time()), given)
            return await _follow(witness.look, once=once, every=every)

    with remembered(state) as memory:
        signer = memory.own_key(name)
        typer.echo(f"witness {signer.public.vkey}", err=True)
        return asyncio.run(run(memory, signer))


async def _follow(look: Callable[[], Awaitable[str | None]], *, once: bool, every: float) -> int:
    while True:
        try:
            cosigned = await look()
        except Fork as fault:
            typer.echo(f"REFUSED: {fault}", err=True)
            return 1
        except (Refused, Unanswered) as fault:
            typer.echo(f"not cosigned: {fault}", err=True)
            if once:
                return 1
        else:
            if cosigned is not None:
                typer.echo(cosigned)
            if once:
                return 0
        await asyncio.sleep(every)


def _key(vkey: str | None) -> PublicKey | None:
    try:
        key = parse_key(vkey) if vkey else None
    except BadNote as fault:
        raise CannotStart("--key is no key of a log") from fault
    if key and key.kind != SIGNS:
        raise CannotStart("--key is no key of a log")
    return key
