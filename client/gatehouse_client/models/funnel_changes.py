from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.funnel_move import FunnelMove


T = TypeVar("T", bound="FunnelChanges")


@_attrs_define
class FunnelChanges:
    """Who had another status at the later moment than at the earlier one; how much of the log each moment knew."""

    from_position: int
    to_position: int
    moves: list[FunnelMove]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from_position = self.from_position

        to_position = self.to_position

        moves = []
        for moves_item_data in self.moves:
            moves_item = moves_item_data.to_dict()
            moves.append(moves_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "fromPosition": from_position,
                "toPosition": to_position,
                "moves": moves,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.funnel_move import FunnelMove  # noqa: PLC0415

        d = dict(src_dict)
        from_position = d.pop("fromPosition")

        to_position = d.pop("toPosition")

        moves = []
        _moves = d.pop("moves")
        for moves_item_data in _moves:
            moves_item = FunnelMove.from_dict(moves_item_data)

            moves.append(moves_item)

        funnel_changes = cls(
            from_position=from_position,
            to_position=to_position,
            moves=moves,
        )

        funnel_changes.additional_properties = d
        return funnel_changes

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
