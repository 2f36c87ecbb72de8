"""What auditors ask for and are answered about the transparency log."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infrastructure.exports.asked import in_utc
from infrastructure.http.export_models import EventType
from infrastructure.http.fields import Moment
from infrastructure.http.models import Resource, StoredEvent, WorkLine

LARGEST: Final = 2**63 - 1
VKEY: Final = "gatehouse.example/log+0f8d2a61+AZ9GMNo5Vh6Tfdxwyrs5WkIUlHLdJYIc7ksS4vVyLQW1"
SIBLING: Final = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
NOTE: Final = (
    "gatehouse.example/log\n6123\nn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n\n— gatehouse.example/log D40qYQ==\n"
)


class AuditQuery(BaseModel):
    """`GET /v1/audit/events`: of which type, by whom, recorded when and of which customer, and how many at a time."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    type: EventType | None = None
    actor: Annotated[str, Field(pattern=r"^[a-z]+:[!-~]+$", max_length=200)] | None = None
    recorded_from: Annotated[Moment, AfterValidator(in_utc)] | None = None
    recorded_until: Annotated[Annotated[Moment, AfterValidator(in_utc)] | None, Field(description="Exclusive.")] = None
    customer: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str, Field(max_length=100)] | None = None


class AuditPage(Resource):
    """Events as they are stored, newest first. A page may be short, or empty: only the last has no `nextCursor`."""

    events: list[StoredEvent]
    next_cursor: str | None = None


class InclusionQuery(BaseModel):
    """`GET /v1/audit/proofs/inclusion`: of the event at which position."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    position: Annotated[int, Field(ge=1, le=LARGEST)]


class ConsistencyQuery(BaseModel):
    """`GET /v1/audit/proofs/consistency`: that the first `old` entries are those of the checkpoint of `new`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    old: Annotated[int, Field(ge=0, le=LARGEST)]
    new: Annotated[
        int | None, Field(ge=1, le=LARGEST, description="A published checkpoint's size; the newest's by default.")
    ] = None


class Checkpoint(Resource):
    """The newest checkpoint; `note` is the signed note itself."""

    origin: Annotated[str, Field(examples=["gatehouse.example/log"])]
    size: Annotated[int, Field(examples=[6123])]
    root: Annotated[str, Field(description="SHA-256, in hex.", examples=["9f86d081884c7d65" * 4])]
    note: Annotated[str, Field(examples=[NOTE])]
    published_at: datetime


class SigningKey(Resource):
    """A key that the log is signed with since a position, and the word for it of the key before."""

    key: Annotated[str, Field(examples=[VKEY])]
    since: int
    previous: Annotated[str | None, Field(examples=[VKEY])] = None
    handover: Annotated[
        str | None, Field(description="A note signed by `previous`; none where that was lost.", examples=[NOTE])
    ] = None


class SigningKeys(Resource):
    """All keys in order; the last is in force."""

    keys: list[SigningKey]


class EntryProof(Resource):
    """An entry as the line that was hashed, and the siblings, in base64, from its leaf up to the root."""

    entry: Annotated[
        str, Field(examples=['{"position":7,"stream":"…","version":1,"type":"CustomerRegistered","…":"…"}'])
    ]
    path: Annotated[list[str], Field(examples=[[SIBLING]])]


class CustomerProof(Resource):
    """All events of a customer, each chained to the one before by `previous`, and each in the checkpoint's tree."""

    format: Annotated[str, Field(examples=["gatehouse-stream-proof/1"])]
    stream: str
    checkpoint: Annotated[str, Field(examples=[NOTE])]
    entries: list[EntryProof]


class Divergent(Resource):
    """A row of a read model that is not what the log leads to; where it is there, the columns that differ."""

    projection: Annotated[str, Field(examples=["customers"])]
    key: Annotated[list[str], Field(examples=[["019f3c1e-7a40-7c11-9a55-3d0d5a8b2c10"]])]
    what: Literal["different", "missing", "extra"]
    columns: Annotated[list[str], Field(examples=[["status"]])]


class Replay(Resource):
    """What came of a replay: as of which positions, and what does not agree. All is counted, up to 1,000 are listed."""

    agrees: bool
    positions: Annotated[dict[str, int], Field(examples=[{"customers": 120000, "spans": 120000}])]
    events: int
    rows: int
    divergent: int
    divergences: list[Divergent]


class ReplayLine(WorkLine):
    """A line of a replay's answer: how far it has come, or the result, or why there is none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"events": 4000, "of": 120000},
                {
                    "result": {
                        "agrees": True,
                        "positions": {"customers": 120000, "spans": 120000},
                        "events": 120000,
                        "rows": 48211,
                        "divergent": 0,
                        "divergences": [],
                    }
                },
            ]
        }
    )

    result: Replay | None = None
