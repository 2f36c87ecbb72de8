"""One customer's events, all of them: each in the log of one checkpoint, chained from the first to the last.

What it cannot show by itself is that nothing came after the last one: whoever asks for that compares with a whole log.
"""

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from application.transparency.notes import BadNote, Checkpoint, decoded
from application.transparency.tree import leaf_hash, verify_inclusion

FORMAT: Final = "gatehouse-stream-proof/1"


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry's line without its end, and the siblings that lead from it to the root."""

    line: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class StreamProof:
    """That a stream begins with these events, none left out, in the log that `checkpoint`, a signed note, is of."""

    stream: UUID
    checkpoint: str
    entries: tuple[ProvenEntry, ...]

    @property
    def text(self) -> str:
        """The proof as one line of JSON."""
        entries = [
            {"entry": entry.line.decode(), "path": [b64encode(node).decode() for node in entry.path]}
            for entry in self.entries
        ]
        told = {"format": FORMAT, "stream": str(self.stream), "checkpoint": self.checkpoint, "entries": entries}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a proof. Raises `BadNote`."""
        try:
            told = json.loads(text)
            entries = tuple(
                ProvenEntry(each["entry"].encode(), tuple(map(decoded, each["path"]))) for each in told["entries"]
            )
            proof = cls(UUID(told["stream"]), str(told["checkpoint"]), entries)
            as_written = proof.text
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise BadNote("not a proof of a stream") from None
        if as_written != text:
            raise BadNote("not a proof of a stream as it is written")
        return proof

    def proves(self, checkpoint: Checkpoint) -> bool:
        """Whether it shows that; the checkpoint was opened already."""
        before: bytes | None = None
        for version, entry in enumerate(self.entries, 1):
            told, leaf = _told(entry.line), leaf_hash(entry.line)
            chained = (str(self.stream), version, before.hex() if before else None)
            if (told.get("stream"), told.get("version"), told.get("previous")) != chained:
                return False
            index = told.get("position", 0) - 1 if type(told.get("position")) is int else -1
            if not verify_inclusion(index, checkpoint.size, leaf, entry.path, checkpoint.root):
                return False
            before = leaf
        return before is not None


def _told(line: bytes) -> dict[str, Any]:
    """What an entry says; nothing where it is no entry."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
