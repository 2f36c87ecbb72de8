from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.policy_trial_step import PolicyTrialStep, check_policy_trial_step

if TYPE_CHECKING:
    from ..models.policy_change import PolicyChange


T = TypeVar("T", bound="PolicyTrial")


@_attrs_define
class PolicyTrial:
    """What came of a trial: how many decisions were judged, and how many, of how many customers, otherwise."""

    policy: str
    step: PolicyTrialStep
    position: int
    decisions: int
    otherwise: int
    customers: int
    changes: list[PolicyChange]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        policy = self.policy

        step: str = self.step

        position = self.position

        decisions = self.decisions

        otherwise = self.otherwise

        customers = self.customers

        changes = []
        for changes_item_data in self.changes:
            changes_item = changes_item_data.to_dict()
            changes.append(changes_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "policy": policy,
                "step": step,
                "position": position,
                "decisions": decisions,
                "otherwise": otherwise,
                "customers": customers,
                "changes": changes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.policy_change import PolicyChange  # noqa: PLC0415

        d = dict(src_dict)
        policy = d.pop("policy")

        step = check_policy_trial_step(d.pop("step"))

        position = d.pop("position")

        decisions = d.pop("decisions")

        otherwise = d.pop("otherwise")

        customers = d.pop("customers")

        changes = []
        _changes = d.pop("changes")
        for changes_item_data in _changes:
            changes_item = PolicyChange.from_dict(changes_item_data)

            changes.append(changes_item)

        policy_trial = cls(
            policy=policy,
            step=step,
            position=position,
            decisions=decisions,
            otherwise=otherwise,
            customers=customers,
            changes=changes,
        )

        policy_trial.additional_properties = d
        return policy_trial

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
