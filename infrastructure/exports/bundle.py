"""A bundle's files, as a function of what was asked, the log's size, and the key that signs it: never of when or where.

The entries are written in steps that are on the disk for good, so that whoever is cut off goes on there; all else is
made of what is there by then, and is made again.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
from psycopg import Connection

from application.streams import signing_stream
from application.transparency.notes import Note, Signer, parse_checkpoint, signed
from domain.events import EVENTS
from infrastructure.arrays import understand_arrays
from infrastructure.exports.asked import Asked
from infrastructure.exports.chain import Chain
from infrastructure.exports.growing_file import GrowingFile
from infrastructure.exports.parts import Parts
from infrastructure.exports.selection import SPAN, Selection
from infrastructure.exports.target import State, Target
from infrastructure.exports.tiles import put_tiles
from infrastructure.schemas import schemas

FORMAT: Final = "gatehouse-bundle/1"
ENTRIES: Final = "entries.jsonl"
STEP: Final = 32 * SPAN
"""Positions from one point that an export can be gone on with to the next."""
VERIFIER: Final = Path(__file__).with_name("verify.py")
README: Final = b"""\
Events of a log, each a line of entries.jsonl, and all that it takes to check them on a computer without a network:
    python3 verify.py .
It needs Python alone. manifest.json says what was asked for; the events are described in schemas/.
"""

T = TypeVar("T")
Progress = Callable[[int], None]
"""Told how many more positions are done."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a bundle is made of."""

    asked: Asked
    checkpoint: Note
    """Of the log up to where it is exported."""
    signer: Signer


@dataclass(frozen=True, slots=True)
class Written:
    """What became of it."""

    entries: int
    manifest: str
    """The SHA-256 of manifest.json."""


def write_bundle(conninfo: str, order: Order, target: Target, state: State, progress: Progress) -> Written:
    """Write all of it below the target's folder, going on from `state`. Raises `OSError` and `psycopg.Error`."""
    parts = Parts(target.folder)
    with _reading(conninfo) as connection:
        selection = Selection(connection, order.asked, state.upto)
        _write_entries(selection, target, state, parts, progress)
        keys = Selection(connection, Asked(customer=signing_stream(), types=("SigningKeyAnnounced",)), state.upto)
        parts.put("keys.jsonl", b"".join(Chain(keys).lines(page) for page in keys.pages(0)))
        put_tiles(connection, parts, state.upto, whole=state.entries == state.upto)
        first = selection.first()
    parts.put("checkpoint", order.checkpoint.whole.encode())
    parts.put("verify.py", VERIFIER.read_bytes())
    parts.put("README.txt", README)
    for name, schema in schemas().items():
        parts.put(f"schemas/{name}", schema)
    return Written(state.entries, _seal(parts, order, state, first))


def _write_entries(selection: Selection, target: Target, state: State, parts: Parts, progress: Progress) -> None:
    """Write entries.jsonl from where `state` has come to, and keep in it how far that is."""
    chain, kept = Chain(selection), state.position
    state.position = max(state.position, selection.first() - 1)
    progress(state.position)
    with GrowingFile(target.folder / ENTRIES, state.bytes) as file:
        for page in ahead(selection.pages(state.position)):
            file.append(chain.lines(page))
            progress(page.last - state.position)
            state.entries += len(page.rows)
            state.position, state.bytes = page.last, file.bytes
            if page.last - kept >= STEP or page.last == state.upto:
                file.sync()
                target.keep(selection.asked, state)
                kept = page.last
        parts.claim(ENTRIES, file)


def _seal(parts: Parts, order: Order, state: State, first: int) -> str:
    """Write the manifest over all files, and sign it. Answers its SHA-256."""
    checkpoint = parse_checkpoint(order.checkpoint.text)
    told: dict[str, Any] = {
        **order.asked.told(),
        "checkpoint": {"root": checkpoint.root.hex(), "size": checkpoint.size},
        "entries": state.entries,
        "files": parts.files(),
        "first": first,
        "format": FORMAT,
        "key": order.signer.public.vkey,
        "last": state.upto,
        "origin": checkpoint.origin,
        "schemas": {name: event.schema_version for name, event in EVENTS.items()},
    }
    manifest = (json.dumps(told, indent=2, sort_keys=True) + "\n").encode()
    digest = sha256(manifest).hexdigest()
    parts.put("manifest.json", manifest)
    parts.put("manifest.sig", signed(f"{checkpoint.origin}\nmanifest\n{digest}\n", order.signer).whole.encode())
    return digest


def ahead(pages: Iterator[T]) -> Iterator[T]:
    """The same, with the next one being read meanwhile."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = thread.submit(next, pages, None)
            yield page


@contextmanager
def _reading(conninfo: str) -> Iterator[Connection[Any]]:
    """A connection that finds pages by their keys, whatever the planner thinks of a table."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        understand_arrays(connection)
        connection.execute("SET enable_seqscan = off")
        yield connection
