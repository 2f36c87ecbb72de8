"""Bundles made without a database: a log in memory, and any part of it written as an export writes it."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from shutil import copyfile
from typing import Any, Final, NamedTuple
from uuid import UUID

from application.streams import signing_stream
from application.transparency.entry import entry_of
from application.transparency.notes import Checkpoint, Note, Signer, signed
from application.transparency.tiles import BYTES, Growth, Place, path_of, paths_to, root_of, width_at
from application.transparency.tree import leaf_hash
from bench.data import SINCE
from bench.lives import stored_lives
from infrastructure.exports import verify

ORIGIN: Final = "gatehouse.example/log"
OWN: Final = frozenset({"SigningKeyAnnounced", "CheckpointPublished"})
"""Types of events that tell of the log itself."""
PUBLISHED: Final = 100
"""Entries from one checkpoint on record to the next."""
NO_FILTERS: Final[dict[str, Any]] = {
    "customer": None,
    "partner": None,
    "recordedFrom": None,
    "recordedUntil": None,
    "types": [],
}
Row = tuple[UUID, int, str, bytes, int, datetime]
"""Stream, version, type, state, position, and when it was recorded."""


class Told(NamedTuple):
    """What was told to whom: an event without its place in the log."""

    stream: UUID
    topic: str
    state: bytes


class EntryLog:
    """Entries, the tree over them, and the key that signs both. Nothing of it is ever checked here."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self.entries: list[bytes] = []
        self.told: list[Told] = []
        """What each entry tells."""
        self.tiles: dict[Place, bytes] = {}
        self.first_signer = signer
        self.signers: dict[int, Signer] = {}
        """Who was announced by which entry, counted from 0."""
        self._growth = Growth()
        self._heads: dict[UUID, tuple[int, bytes]] = {}

    def extend(self, rows: Iterable[Row]) -> None:
        """Take rows of a log, which follow those that are there."""
        leaves = []
        for stream, version, topic, state, position, recorded_at in rows:
            _, previous = self._heads.get(stream, (0, None))
            entry = entry_of(stream, version, topic, state, position, recorded_at, previous)
            leaves.append(leaf_hash(entry))
            self._heads[stream] = version, leaves[-1]
            self.entries.append(entry)
            self.told.append(Told(stream, topic, state))
        self.tiles |= self._growth.extend(leaves)

    def append(self, stream: UUID, topic: str, state: bytes) -> None:
        """Take one event."""
        position = len(self.entries) + 1
        version, _ = self._heads.get(stream, (0, b""))
        self.extend([(stream, version + 1, topic, state, position, moment(position))])

    def tell(self, topic: str, stream: UUID | None = None, **data: object) -> None:
        """Take an event of the log's own, in a stream of its own unless one is given."""
        position = len(self.entries) + 1
        self.append(stream or UUID(int=position, version=5), topic, state_of(data, number=position))

    def announce(self, signer: Signer, *, handed_over: bool = True, by: Signer | None = None) -> None:
        """Have another key sign from here on. The one before hands over to it, or whoever does so in its place."""
        before = self.signer.public.vkey if self.signers else None
        text = f"{signer.public.name}\nnext signing key\n{signer.public.vkey}\n"
        handover = signed(text, by or self.signer).whole if before and handed_over else None
        told = {"key": signer.public.vkey, "previous": before, "handover": handover}
        self.tell("SigningKeyAnnounced", signing_stream(), **{name: value for name, value in told.items() if value})
        self.signer = self.signers[len(self.entries) - 1] = signer

    def mislead(self, stream: UUID, previous: bytes) -> None:
        """Have a stream's next entry name another hash than that of the entry before it."""
        self._heads[stream] = self._heads[stream][0], previous

    def publish(self) -> None:
        """Take the checkpoint of what is there as an event."""
        checkpoint = Checkpoint(self.signer.public.name, len(self.entries), self.root(len(self.entries)))
        note = signed(checkpoint.text, self.signer).whole
        self.tell("CheckpointPublished", size=checkpoint.size, root=checkpoint.root.hex(), note=note)

    def root(self, size: int) -> bytes:
        """The root of the first entries."""
        return root_of(self.tiles, size)

    def checkpoint(self, size: int | None = None) -> Note:
        """The signed checkpoint of the first entries, or of all."""
        size = len(self.entries) if size is None else size
        return signed(Checkpoint(self.signer.public.name, size, self.root(size)).text, self.signer)

    def write(
        self,
        folder: Path,
        *,
        size: int | None = None,
        first: int = 1,
        chosen: Callable[[Told], bool] = lambda _: True,
        keys: Callable[[Told], bool] = lambda told: told.topic == "SigningKeyAnnounced",
        **filters: object,
    ) -> None:
        """Write the bundle of the entries from `first` up to `size` that are `chosen`, as `filters` say of them."""
        size = len(self.entries) if size is None else size
        picked = [index for index in range(first - 1, size) if chosen(self.told[index])]
        announced = [index for index in range(size) if keys(self.told[index])]
        for name, indices in (("entries.jsonl", picked), ("keys.jsonl", announced)):
            _put(folder / name, b"".join(self.entries[index] + b"\n" for index in indices))
        whole = len(picked) == size
        places = (
            {place for place in self.tiles if width_at(place, size)} if whole else paths_to([*picked, *announced], size)
        )
        for place in places:
            width = width_at(place, size)
            _put(folder / path_of(place, width), self.tiles[place][: width * BYTES])
        _put(folder / "checkpoint", self.checkpoint(size).whole.encode())
        _put(folder / "schemas/CustomerRegistered.v1.json", b"{}\n")
        copyfile(verify.__file__, folder / "verify.py")
        told = {
            "checkpoint": {"root": self.root(size).hex(), "size": size},
            "entries": len(picked),
            "filters": {**NO_FILTERS, **filters},
            "first": first,
            "format": "gatehouse-bundle/1",
            "formats": ["jsonl"],
            "last": size,
            "origin": self.signer.public.name,
            "schemas": {"CustomerRegistered": 1},
        }
        seal(folder, told, self.signer)


def lived_log(size: int) -> EntryLog:
    """A log of customers' lives, interleaved, with a checkpoint now and then, and another key from its midst on."""
    log, lives = EntryLog(Signer(ORIGIN, b"\1" * 32)), stored_lives(size, after=0)
    log.announce(log.signer)
    while len(log.entries) < size:
        if len(log.entries) == size // 2:
            log.announce(Signer(ORIGIN, b"\2" * 32))
        elif len(log.entries) % PUBLISHED == PUBLISHED - 1:
            log.publish()
        else:
            stream, _, topic, state, *_ = next(lives)
            log.append(stream, topic, state)
    return log


def seal(folder: Path, told: dict[str, Any], signer: Signer) -> None:
    """Write the manifest over the files as they are, and sign it: what whoever has the key can do at any time."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {"manifest.json", "manifest.sig"}
    }
    told["files"] = {name: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in files.items()}
    told["key"] = signer.public.vkey
    manifest = (json.dumps(told, indent=2, sort_keys=True) + "\n").encode()
    _put(folder / "manifest.json", manifest)
    text = f"{told['origin']}\nmanifest\n{sha256(manifest).hexdigest()}\n"
    _put(folder / "manifest.sig", signed(text, signer).whole.encode())


def state_of(data: dict[str, object], *, number: int) -> bytes:
    """An event's state as it is stored."""
    name = str(UUID(int=number, version=4))
    told = {
        "eventId": name,
        "occurredAt": written(moment(number)),
        "actor": "system:gatehouse",
        "correlationId": name,
        "commandId": name,
        "data": data,
    }
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()


def written(at: datetime) -> str:
    """A time as entries write it."""
    return f"{at.isoformat(timespec='microseconds')[:26]}Z"


def moment(position: int) -> datetime:
    """When the log heard of what is at a position."""
    return SINCE + timedelta(seconds=position)


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
