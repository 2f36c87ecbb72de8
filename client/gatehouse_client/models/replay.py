from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.divergent import Divergent
    from ..models.replay_positions import ReplayPositions


T = TypeVar("T", bound="Replay")


@_attrs_define
class Replay:
    """What came of a replay: as of which positions, and what does not agree. All is counted, up to 1,000 are listed."""

    agrees: bool
    positions: ReplayPositions
    events: int
    rows: int
    divergent: int
    divergences: list[Divergent]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        agrees = self.agrees

        positions = self.positions.to_dict()

        events = self.events

        rows = self.rows

        divergent = self.divergent

        divergences = []
        for divergences_item_data in self.divergences:
            divergences_item = divergences_item_data.to_dict()
            divergences.append(divergences_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agrees": agrees,
                "positions": positions,
                "events": events,
                "rows": rows,
                "divergent": divergent,
                "divergences": divergences,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.divergent import Divergent  # noqa: PLC0415
        from ..models.replay_positions import ReplayPositions  # noqa: PLC0415

        d = dict(src_dict)
        agrees = d.pop("agrees")

        positions = ReplayPositions.from_dict(d.pop("positions"))

        events = d.pop("events")

        rows = d.pop("rows")

        divergent = d.pop("divergent")

        divergences = []
        _divergences = d.pop("divergences")
        for divergences_item_data in _divergences:
            divergences_item = Divergent.from_dict(divergences_item_data)

            divergences.append(divergences_item)

        replay = cls(
            agrees=agrees,
            positions=positions,
            events=events,
            rows=rows,
            divergent=divergent,
            divergences=divergences,
        )

        replay.additional_properties = d
        return replay

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
