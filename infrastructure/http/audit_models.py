"""What auditors ask for and are answered about the transparency log."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from infrastructure.http.models import Resource

LARGEST: Final = 2**63 - 1
VKEY: Final = "gatehouse.example/log+0f8d2a61+AZ9GMNo5Vh6Tfdxwyrs5WkIUlHLdJYIc7ksS4vVyLQW1"
SIBLING: Final = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
NOTE: Final = (
    "gatehouse.example/log\n6123\nn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n\n— gatehouse.example/log D40qYQ==\n"
)


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
