from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.divergent_what import DivergentWhat, check_divergent_what

T = TypeVar("T", bound="Divergent")


@_attrs_define
class Divergent:
    """A row of a read model that is not what the log leads to; where it is there, the columns that differ."""

    projection: str
    key: list[str]
    what: DivergentWhat
    columns: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        projection = self.projection

        key = self.key

        what: str = self.what

        columns = self.columns

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "projection": projection,
                "key": key,
                "what": what,
                "columns": columns,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        projection = d.pop("projection")

        key = cast(list[str], d.pop("key"))

        what = check_divergent_what(d.pop("what"))

        columns = cast(list[str], d.pop("columns"))

        divergent = cls(
            projection=projection,
            key=key,
            what=what,
            columns=columns,
        )

        divergent.additional_properties = d
        return divergent

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
