"""Proofs as text: C2SP tlog-proof for inclusion, and what C2SP tlog-witness takes for consistency.

What is parsed is written again as the very same bytes, or it is not parsed. Parsing proves nothing yet.
https://c2sp.org/tlog-proof · https://c2sp.org/tlog-witness
"""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from application.transparency.notes import BadNote, Checkpoint, decoded
from application.transparency.tree import verify_consistency, verify_inclusion

HEADER: Final = "c2sp.org/tlog-proof@v1"
LONGEST_PATH: Final = 63
HASH: Final = 32
_NUMBER: Final = re.compile("0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry is at `index`, counted from 0, of the log that `checkpoint`, a signed note, is of."""

    index: int
    path: tuple[bytes, ...]
    """Siblings from the leaf up."""
    checkpoint: str

    @property
    def text(self) -> str:
        """The proof as a `.tlog-proof` file."""
        return f"{HEADER}\nindex {self.index}\n{_lines(self.path)}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a proof without extra data. Raises `BadNote`."""
        head, _, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if lines[0] != HEADER or len(lines) < 2:  # noqa: PLR2004 -- the header and the index
            raise BadNote("not a tlog-proof")
        proof = cls(_number(lines[1], "index"), _path(lines[2:]), checkpoint)
        if proof.text != text:
            raise BadNote("not a tlog-proof as it is written")
        return proof

    def proves(self, leaf: bytes, checkpoint: Checkpoint) -> bool:
        """Whether it shows that this leaf hash is in the log that the checkpoint, opened already, is of."""
        return verify_inclusion(self.index, checkpoint.size, leaf, self.path, checkpoint.root)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log that `checkpoint`, a signed note, is of begins with the log of `old` entries."""

    old: int
    path: tuple[bytes, ...]
    checkpoint: str

    @property
    def text(self) -> str:
        """The proof as the body of a witness's `add-checkpoint`."""
        return f"old {self.old}\n{_lines(self.path)}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a proof. Raises `BadNote`."""
        head, _, checkpoint = text.partition("\n\n")
        first, *lines = head.split("\n")
        proof = cls(_number(first, "old"), _path(lines), checkpoint)
        if proof.text != text:
            raise BadNote("not a proof as it is written")
        return proof

    def proves(self, old: Checkpoint, new: Checkpoint) -> bool:
        """Whether it shows that the new checkpoint's log begins with the old one's; both were opened already."""
        return (old.origin, old.size) == (new.origin, self.old) and verify_consistency(
            old.size, new.size, self.path, old.root, new.root
        )


def _lines(path: Sequence[bytes]) -> str:
    return "".join(f"{b64encode(node).decode()}\n" for node in path)


def _number(line: str, word: str) -> int:
    name, _, number = line.partition(" ")
    if name != word or not _NUMBER.fullmatch(number):
        raise BadNote(f"not a proof: no {word}")
    return int(number)


def _path(lines: Sequence[str]) -> tuple[bytes, ...]:
    path = tuple(decoded(line) for line in lines)
    if len(path) > LONGEST_PATH or any(len(node) != HASH for node in path):
        raise BadNote("not a proof: its path is not one of hashes")
    return path
