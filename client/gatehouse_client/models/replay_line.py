from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.problem_details import ProblemDetails
    from ..models.replay import Replay


T = TypeVar("T", bound="ReplayLine")


@_attrs_define
class ReplayLine:
    """A line of a replay's answer: how far it has come, or the result, or why there is none."""

    events: int | Unset = UNSET
    of: int | Unset = UNSET
    problem: ProblemDetails | Unset = UNSET
    """ An error, as RFC 9457 has it. `code` is stable; `type` is made of it. """
    result: Replay | Unset = UNSET
    """ What came of a replay: as of which positions, and what does not agree. All is counted, up to 1,000 are
    listed. """
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
        from ..models.problem_details import ProblemDetails  # noqa: PLC0415
        from ..models.replay import Replay  # noqa: PLC0415

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
        result: Replay | Unset
        if isinstance(_result, Unset):
            result = UNSET
        else:
            result = Replay.from_dict(_result)

        replay_line = cls(
            events=events,
            of=of,
            problem=problem,
            result=result,
        )

        replay_line.additional_properties = d
        return replay_line

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
