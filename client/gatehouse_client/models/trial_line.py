from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.policy_trial import PolicyTrial
    from ..models.problem_details import ProblemDetails


T = TypeVar("T", bound="TrialLine")


@_attrs_define
class TrialLine:
    """A line of a trial's answer: how far it has come, or the result, or why there is none."""

    events: int | Unset = UNSET
    of: int | Unset = UNSET
    problem: ProblemDetails | Unset = UNSET
    """ An error, as RFC 9457 has it. `code` is stable; `type` is made of it. """
    result: PolicyTrial | Unset = UNSET
    """ What came of a trial: how many decisions were judged, and how many, of how many customers, otherwise. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        events = self.events

        of = self.of

        problem: dict[str, Any] | Unset = UNSET
        if not isinstance(self.problem, Unset):
            problem = self.problem.to_dict()

        result: dict[str, Any] | Unset = UNSET
        if not isinstance(self.result, Unset):
            result = self.result.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if events is not UNSET:
            field_dict["events"] = events
        if of is not UNSET:
            field_dict["of"] = of
        if problem is not UNSET:
            field_dict["problem"] = problem
        if result is not UNSET:
            field_dict["result"] = result

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.policy_trial import PolicyTrial  # noqa: PLC0415
        from ..models.problem_details import ProblemDetails  # noqa: PLC0415

        d = dict(src_dict)
        events = d.pop("events", UNSET)

        of = d.pop("of", UNSET)

        _problem = d.pop("problem", UNSET)
        problem: ProblemDetails | Unset
        if isinstance(_problem, Unset):
            problem = UNSET
        else:
            problem = ProblemDetails.from_dict(_problem)

        _result = d.pop("result", UNSET)
        result: PolicyTrial | Unset
        if isinstance(_result, Unset):
            result = UNSET
        else:
            result = PolicyTrial.from_dict(_result)

        trial_line = cls(
            events=events,
            of=of,
            problem=problem,
            result=result,
        )

        trial_line.additional_properties = d
        return trial_line

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
