from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.reason import Reason, check_reason
from ..models.review_kind import ReviewKind, check_review_kind
from ..types import UNSET, Unset

T = TypeVar("T", bound="Review")


@_attrs_define
class Review:
    """One thing for officers to decide: why, since when, and on what evidence. What was decided says by which event."""

    id: UUID
    customer_id: UUID
    kind: ReviewKind
    since: datetime.datetime
    reasons: list[Reason]
    evidence: list[str]
    officer: str | Unset = UNSET
    expires_at: datetime.datetime | Unset = UNSET
    closed_at: datetime.datetime | Unset = UNSET
    closed_by: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = str(self.id)

        customer_id = str(self.customer_id)

        kind: str = self.kind

        since = self.since.isoformat()

        reasons = []
        for reasons_item_data in self.reasons:
            reasons_item: str = reasons_item_data
            reasons.append(reasons_item)

        evidence = self.evidence

        officer = self.officer

        expires_at: str | Unset = UNSET
        if not isinstance(self.expires_at, Unset):
            expires_at = self.expires_at.isoformat()

        closed_at: str | Unset = UNSET
        if not isinstance(self.closed_at, Unset):
            closed_at = self.closed_at.isoformat()

        closed_by = self.closed_by

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "customerId": customer_id,
                "kind": kind,
                "since": since,
                "reasons": reasons,
                "evidence": evidence,
            }
        )
        if officer is not UNSET:
            field_dict["officer"] = officer
        if expires_at is not UNSET:
            field_dict["expiresAt"] = expires_at
        if closed_at is not UNSET:
            field_dict["closedAt"] = closed_at
        if closed_by is not UNSET:
            field_dict["closedBy"] = closed_by

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = UUID(d.pop("id"))

        customer_id = UUID(d.pop("customerId"))

        kind = check_review_kind(d.pop("kind"))

        since = datetime.datetime.fromisoformat(d.pop("since"))

        reasons = []
        _reasons = d.pop("reasons")
        for reasons_item_data in _reasons:
            reasons_item = check_reason(reasons_item_data)

            reasons.append(reasons_item)

        evidence = cast(list[str], d.pop("evidence"))

        officer = d.pop("officer", UNSET)

        _expires_at = d.pop("expiresAt", UNSET)
        expires_at: datetime.datetime | Unset
        if isinstance(_expires_at, Unset):
            expires_at = UNSET
        else:
            expires_at = datetime.datetime.fromisoformat(_expires_at)

        _closed_at = d.pop("closedAt", UNSET)
        closed_at: datetime.datetime | Unset
        if isinstance(_closed_at, Unset):
            closed_at = UNSET
        else:
            closed_at = datetime.datetime.fromisoformat(_closed_at)

        closed_by = d.pop("closedBy", UNSET)

        review = cls(
            id=id,
            customer_id=customer_id,
            kind=kind,
            since=since,
            reasons=reasons,
            evidence=evidence,
            officer=officer,
            expires_at=expires_at,
            closed_at=closed_at,
            closed_by=closed_by,
        )

        review.additional_properties = d
        return review

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
