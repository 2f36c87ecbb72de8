from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.status import Status, check_status

T = TypeVar("T", bound="FunnelMove")


@_attrs_define
class FunnelMove:
    """How many customers went from a status, or `new`, to another."""

    from_: Literal["new"] | Status
    to: Status
    """ What a partner sees, and all it sees. """
    customers: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from_: Literal["new"] | str
        if isinstance(self.from_, str):
            from_ = self.from_
        else:
            from_ = self.from_

        to: str = self.to

        customers = self.customers

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "from": from_,
                "to": to,
                "customers": customers,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_from_(data: object) -> Literal["new"] | Status:
            try:
                if not isinstance(data, str):
                    raise TypeError()
                from_type_0 = check_status(data)

                return from_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            from_type_1 = cast(Literal["new"], data)
            if from_type_1 != "new":
                raise ValueError(f"from_type_1 must match const 'new', got '{from_type_1}'")
            return from_type_1

        from_ = _parse_from_(d.pop("from"))

        to = check_status(d.pop("to"))

        customers = d.pop("customers")

        funnel_move = cls(
            from_=from_,
            to=to,
            customers=customers,
        )

        funnel_move.additional_properties = d
        return funnel_move

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
