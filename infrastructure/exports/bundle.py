"""A bundle's files, as a function of what was asked, the log's size, and the key that signs it: never of when or where.

The entries are written in steps that are on the disk for good, so that whoever was cut off goes on there; all else is
made of what is there by then, and is made again.
"""

import json
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from application.streams import signing_stream
from application.transparency.notes import Note, Signer, parse_checkpoint, signed
from domain.events import EVENTS
from infrastructure.exports.asked import Asked
from infrastructure.exports.chain import Chain
from infrastructure.exports.conversion import convert
from infrastructure.exports.growing_file import GrowingFile
from infrastructure.exports.parts import Parts
from infrastructure.exports.progress import Progress
from infrastructure.exports.reading_entries import ENTRIES
from infrastructure.exports.selection import Selection
from infrastructure.exports.stretches import STRETCH, Stretches, reading
from infrastructure.exports.target import State, Target
from infrastructure.exports.tiles import put_tiles
from infrastructure.schemas import schemas

FORMAT: Final = "gatehouse-bundle/1"
STEP: Final = 32 * STRETCH
"""Positions from one point that an export can be gone on with to the next."""
VERIFIER: Final = Path(__file__).with_name("verify.py")
README: Final = b"""\
Events of a log, each a line of entries.jsonl, and all that it takes to check them on a computer without a network:
    python3 verify.py .
It needs Python alone. manifest.json says what was asked for; the events are described in schemas/.
"""


@dataclass(frozen=True, slots=True)
class Made:
    """All of a bundle but its manifest."""

    parts: Parts
    entries: int
    first: int
    """The first position that was looked at."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What a bundle is made of. It can be handed to another process."""

    conninfo: str
    asked: Asked
    checkpoint: Note
    """Of the log up to where it is exported, signed."""
    announced_at: int
    """Where in the log the key that signed it is announced: behind what is exported if that ends before."""
    target: Target
    state: State

    @property
    def origin(self) -> str:
        """The log's name."""
        return parse_checkpoint(self.checkpoint.text).origin

    def run(self, progress: Progress) -> Made:
        """Write below the target's folder, going on from the state.

        Raises `OSError`, `psycopg.Error`, `TilesMissing`, and `IllegibleEntry` where another format has no room for
        what the log holds.
        """
        parts, state = Parts(self.target.folder), self.state
        with reading(self.conninfo) as connection:
            first = Selection(connection, self.asked, state.upto).first()
            self._write_entries(first, parts, progress)
            announcements = Asked(customer=signing_stream(), types=("SigningKeyAnnounced",))
            keys = Selection(connection, announcements, self.announced_at)
            parts.put("keys.jsonl", Chain(keys).lines(keys.page(0, keys.upto)))
            put_tiles(connection, parts, state.upto, whole=state.entries == state.upto)
        convert(parts, self.asked.written, self.origin, progress)
        parts.put("checkpoint", self.checkpoint.whole.encode())
        parts.put("verify.py", VERIFIER.read_bytes())
        parts.put("README.txt", README)
        for name, schema in schemas().items():
            parts.put(f"schemas/{name}", schema)
        return Made(parts, state.entries, first)

    def _write_entries(self, first: int, parts: Parts, progress: Progress) -> None:
        """Write entries.jsonl from where the state has come to, and keep in it how far that is."""
        state = self.state
        state.position = max(state.position, first - 1)
        kept = state.position
        progress(state.position)
        with GrowingFile(parts.folder / ENTRIES, state.bytes) as file:
            with closing(Stretches(self.conninfo, self.asked, state.position, state.upto).all()) as stretches:
                for stretch in stretches:
                    file.append(stretch.lines)
                    progress(stretch.last - state.position)
                    state.entries += stretch.entries
                    state.position, state.bytes = stretch.last, file.bytes
                    if stretch.last - kept >= STEP or stretch.last == state.upto:
                        file.sync()
                        self.target.keep(self.asked, state)
                        kept = stretch.last
            parts.claim(ENTRIES, file)


def seal(writing: Writing, made: Made, signer: Signer) -> str:
    """Write the manifest over all files, and sign it. Answers its SHA-256."""
    checkpoint = parse_checkpoint(writing.checkpoint.text)
    told: dict[str, Any] = {
        **writing.asked.told(),
        "checkpoint": {"root": checkpoint.root.hex(), "size": checkpoint.size},
        "entries": made.entries,
        "files": made.parts.files(),
        "first": made.first,
        "format": FORMAT,
        "key": signer.public.vkey,
        "last": checkpoint.size,
        "origin": checkpoint.origin,
        "schemas": {name: event.schema_version for name, event in EVENTS.items()},
    }
    manifest = (json.dumps(told, indent=2, sort_keys=True) + "\n").encode()
    digest = sha256(manifest).hexdigest()
    made.parts.put("manifest.json", manifest)
    made.parts.put("manifest.sig", signed(f"{checkpoint.origin}\nmanifest\n{digest}\n", signer).whole.encode())
    return digest
