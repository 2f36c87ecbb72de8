"""What an export was asked for: which events, in which formats.

What was asked alone, with the size of the log, says what is in a bundle, byte for byte.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

Format = Literal["jsonl", "cloudevents", "csv", "parquet", "ocel"]
ALWAYS: Final[Format] = "jsonl"
"""The entries themselves: without them nothing could be verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Filters, all of which an event must meet; None or nothing where all events do."""

    formats: tuple[Format, ...] = ()
    recorded_from: datetime | None = None
    recorded_until: datetime | None = None
    """Exclusive."""
    customer: UUID | None = None
    partner: UUID | None = None
    types: tuple[str, ...] = ()

    @property
    def written(self) -> list[Format]:
        """The formats in the bundle: each once, in one order."""
        return sorted({ALWAYS, *self.formats})

    @property
    def everything(self) -> bool:
        """Whether every event of the range is wanted."""
        return not (self.customer or self.partner or self.types)

    def filters(self) -> dict[str, Any]:
        """The filters as a manifest tells them."""
        return {
            "customer": _text(self.customer),
            "partner": _text(self.partner),
            "recordedFrom": _moment(self.recorded_from),
            "recordedUntil": _moment(self.recorded_until),
            "types": sorted(set(self.types)),
        }

    def told(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {"filters": self.filters(), "formats": self.written}


def in_utc(moment: datetime) -> datetime:
    """The same moment as entries write it. Raises `ValueError` for one that the calendar has no room for there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _moment(moment: datetime | None) -> str | None:
    """A time as entries write it."""
    return None if moment is None else f"{in_utc(moment).isoformat(timespec='microseconds')[:26]}Z"
