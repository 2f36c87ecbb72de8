"""Tampering with a bundle: what there is to work on, and what a verifier has to say of it then."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from application.transparency.notes import Note
from bench.bundles import EntryLog, seal
from infrastructure.exports.verify import Problem


@dataclass
class Scene:
    """A bundle that is about to be tampered with: of a whole log, or of one customer.

    With the signing key it is sealed again afterwards, so that no file's digest gives the tampering away.
    """

    folder: Path
    log: EntryLog
    source: Random
    sealed: bool = True
    """Whether whoever tampers has the signing key."""
    customer: UUID | None = None
    known: list[Note] = field(default_factory=list)
    """Checkpoints that the auditor kept."""

    @property
    def lines(self) -> list[bytes]:
        """The lines of entries.jsonl, each with its end."""
        return (self.folder / "entries.jsonl").read_bytes().splitlines(keepends=True)

    @property
    def told(self) -> dict[str, Any]:
        """The manifest."""
        manifest: dict[str, Any] = json.loads((self.folder / "manifest.json").read_bytes())
        return manifest

    def put(self, lines: list[bytes], *, counted: bool = False) -> None:
        """Replace entries.jsonl. `counted`: the manifest says how many they are."""
        (self.folder / "entries.jsonl").write_bytes(b"".join(lines))
        self.reseal(**({"entries": len(lines)} if counted else {}))

    def reseal(self, **changes: object) -> None:
        """Sign the manifest over what is there now, if the key is at hand."""
        if self.sealed:
            seal(self.folder, self.told | changes, self.log.signer)

    def again(self, log: EntryLog, **filters: Any) -> None:  # noqa: ANN401 -- what `write` takes
        """Write another log's bundle in this one's place."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        log.write(self.folder, **filters)


@dataclass(frozen=True)
class Planted:
    """What was done: how it has to be named (one of the codes), and where, if anywhere: a file and a line in it."""

    codes: frozenset[str]
    file: str | None = None
    lines: tuple[int, ...] = ()
    """Any of them."""
    warned: bool = False
    """Whether it is something that may be, and is only told."""

    def named_in(self, problems: Iterable[Problem]) -> bool:
        """Whether one of the problems is what was planted, where it was planted."""
        return any(
            problem.code in self.codes
            and (self.file is None or problem.file == self.file)
            and (not self.lines or problem.line in self.lines)
            for problem in problems
        )


def planted(*codes: str, **where: Any) -> Planted:  # noqa: ANN401 -- the fields of Planted
    """Say what was done."""
    return Planted(frozenset(codes), **where)


def position_of(line: bytes) -> int:
    """The position that an entry gives."""
    return int(line[12:].partition(b",")[0])
