"""Exports that were ordered over HTTP, as files below the data folder: what was asked by whom, and what came of it.

An order without an outcome is unfinished, whatever process took it; nothing else says how it stands.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from pydantic import TypeAdapter

from infrastructure.exports.asked import Asked
from infrastructure.exports.target import Target

ORDER, OUTCOME, BUNDLE = "order.json", "outcome.json", "bundle.zip"


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants what, and since when."""

    asked: Asked
    reader: UUID
    """The API key."""
    actor: str
    ordered_at: datetime


@dataclass(frozen=True, slots=True)
class Finished:
    """A bundle that can be fetched."""

    entries: int
    size: int
    """Of the log that it is of."""
    manifest: str
    """The SHA-256 of its manifest, which is on record."""
    bytes: int
    sha256: str
    """Of the zip."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no bundle."""

    failure: Literal["nothing_recorded", "export_failed"]


Outcome = Finished | Failed
_ORDER: Final = TypeAdapter(Order)
_OUTCOME: Final = TypeAdapter[Outcome](Outcome)


@dataclass(frozen=True, slots=True)
class OrderFolder:
    """One order's files."""

    path: Path

    @property
    def id(self) -> UUID:
        """The order's id."""
        return UUID(self.path.name)

    @property
    def order(self) -> Order:
        """What was ordered."""
        return _ORDER.validate_json((self.path / ORDER).read_bytes())

    @property
    def target(self) -> Target:
        """Where its bundle goes."""
        return Target(self.path / BUNDLE)

    @property
    def outcome(self) -> Outcome | None:
        """What came of it; None as long as it is not finished."""
        try:
            return _OUTCOME.validate_json((self.path / OUTCOME).read_bytes())
        except FileNotFoundError:
            return None

    def conclude(self, outcome: Outcome) -> None:
        """This came of it. What is left of an unfinished bundle goes. Raises `OSError`."""
        shutil.rmtree(self.target.partial, ignore_errors=True)
        _write(self.path / OUTCOME, _OUTCOME.dump_json(outcome))


class ExportOrders:
    """All orders. `kept` is how long each is there."""

    def __init__(self, path: Path, kept: timedelta) -> None:
        self._path = path
        self._kept = kept

    def take(self, order_id: UUID, order: Order) -> OrderFolder:
        """Note an order. Raises `OSError`."""
        taken = OrderFolder(self._path / str(order_id))
        taken.path.mkdir(mode=0o700, parents=True)
        self._path.chmod(0o700)
        _write(taken.path / ORDER, _ORDER.dump_json(order))
        return taken

    def find(self, order_id: UUID) -> OrderFolder | None:
        """An order, while it is kept."""
        found = OrderFolder(self._path / str(order_id))
        return found if (found.path / ORDER).exists() else None

    def all(self) -> Iterator[OrderFolder]:
        """Every order, in no order."""
        for note in self._path.glob(f"*/{ORDER}"):
            yield OrderFolder(note.parent)

    def clear(self, now: datetime) -> None:
        """Remove what was kept long enough, and what a process that was killed had half removed."""
        for path in list(self._path.glob("*")):
            if not (path / ORDER).exists() or now - OrderFolder(path).order.ordered_at >= self._kept:
                shutil.rmtree(path, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all."""
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
