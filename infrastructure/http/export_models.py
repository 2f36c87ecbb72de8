"""What auditors ask of exports, and are answered."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field
from pydantic_core import PydanticCustomError

from domain.events import EVENTS
from infrastructure.exports.asked import ALWAYS, Format, in_utc
from infrastructure.http.models import Body, Resource


def _known(name: str) -> str:
    if name not in EVENTS:
        raise PydanticCustomError("unknown_type", "not a type of event")
    return name


Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
EventType = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": [*EVENTS]})]


class ExportRequest(Body):
    """`POST /v1/exports`: which events, in which formats beside the entries. Without filters, all of them."""

    formats: list[Format] = Field(default_factory=lambda: [ALWAYS], max_length=5, examples=[["jsonl", "csv"]])
    recorded_from: Annotated[Moment | None, Field(examples=["2026-01-01T00:00:00Z"])] = None
    recorded_until: Annotated[Moment | None, Field(description="Exclusive.", examples=["2027-01-01T00:00:00Z"])] = None
    customer: UUID | None = None
    partner: Annotated[UUID | None, Field(description="The events of all customers of this partner.")] = None
    types: list[EventType] = Field(default_factory=list, max_length=len(EVENTS), examples=[["CustomerRegistered"]])


class Export(Resource):
    """An export: how far it has come, and what came of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "5f0f2f6e-6c1c-4b57-9a0c-2f4f6b3e8d21",
                    "status": "ready",
                    "orderedAt": "2026-05-01T12:00:00Z",
                    "formats": ["csv", "jsonl"],
                    "position": 120000,
                    "size": 120000,
                    "entries": 120000,
                    "manifest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "bytes": 91422807,
                    "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                }
            ]
        }
    )

    id: UUID
    status: Literal["running", "ready", "failed"]
    ordered_at: datetime
    formats: list[Format]
    position: int
    """Where in the log it is; other formats are made afterwards."""
    size: int | None = None
    """How many entries the log has that it is of."""
    entries: int | None = None
    """How many are in it."""
    manifest: str | None = None
    """The SHA-256 of its manifest, as it is on record."""
    bytes: int | None = None
    sha256: str | None = None
    """Of the file, which is also its entity tag."""
    failure: Literal["nothing_recorded", "export_failed"] | None = None
