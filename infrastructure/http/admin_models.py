"""What administrators send and are answered: sanctions lists, trials of policies, and erasures."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from domain.vocabulary import LegalBasis
from infrastructure.http.models import Body, Resource, WorkLine


class SanctionsListQuery(BaseModel):
    """`POST /v1/sanctions-lists`: whether an older or much smaller list is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    force: bool = False


class SanctionsListAdoption(Resource):
    """Which list is in force, and how it differs from the one before; nothing `changed` where it was already."""

    changed: bool
    list_version: str
    list_hash: str
    entries: int
    addresses: int
    sample: bool
    previous_hash: str | None = None
    added: list[str]
    removed: list[str]


class Erasure(Body):
    """`POST …/erasure`: why the law allows it. A partner's request alone is refused."""

    legal_basis: Annotated[LegalBasis, Field(examples=["retention_over"])]


class ErasedCustomer(Resource):
    """Whose personal data is gone, and since when; nothing of the customer, which administrators do not see."""

    id: UUID
    erased_at: datetime


class PolicyChange(Resource):
    """Decisions that a policy would take otherwise: what they were, what they would be, and why."""

    was: str
    would_be: str
    reasons: list[str]
    decisions: int


class PolicyTrial(Resource):
    """What came of a trial: how many decisions were judged, and how many, of how many customers, otherwise."""

    policy: str
    step: Literal["screening", "verification", "monitoring"]
    position: int
    decisions: int
    otherwise: int
    customers: int
    changes: list[PolicyChange]


class TrialLine(WorkLine):
    """A line of a trial's answer: how far it has come, or the result, or why there is none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"events": 4000, "of": 120000},
                {
                    "result": {
                        "policy": "screening-2",
                        "step": "screening",
                        "position": 120000,
                        "decisions": 12750,
                        "otherwise": 812,
                        "customers": 812,
                        "changes": [
                            {
                                "was": "clear",
                                "wouldBe": "hold",
                                "reasons": ["suspicious_to_two_sources"],
                                "decisions": 812,
                            }
                        ],
                    }
                },
            ]
        }
    )

    result: PolicyTrial | None = None
