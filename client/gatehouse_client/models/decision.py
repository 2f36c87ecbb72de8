from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.decision_outcome import DecisionOutcome, check_decision_outcome

T = TypeVar("T", bound="Decision")


@_attrs_define
class Decision:
    """`POST /v1/reviews/{id}/decision`: how a hold ends, and why."""

    reason: str
    outcome: DecisionOutcome

    def to_dict(self) -> dict[str, Any]:
        reason = self.reason

        outcome: str = self.outcome

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "reason": reason,
                "outcome": outcome,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        reason = d.pop("reason")

        outcome = check_decision_outcome(d.pop("outcome"))

        decision = cls(
            reason=reason,
            outcome=outcome,
        )

        return decision
