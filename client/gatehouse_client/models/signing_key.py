from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SigningKey")


@_attrs_define
class SigningKey:
    """A key that the log is signed with since a position, and the word for it of the key before."""

    key: str
    since: int
    previous: str | Unset = UNSET
    handover: str | Unset = UNSET
    """ A note signed by `previous`; none where that was lost. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        key = self.key

        since = self.since

        previous = self.previous

        handover = self.handover

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "key": key,
                "since": since,
            }
        )
        if previous is not UNSET:
            field_dict["previous"] = previous
        if handover is not UNSET:
            field_dict["handover"] = handover

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        key = d.pop("key")

        since = d.pop("since")

        previous = d.pop("previous", UNSET)

        handover = d.pop("handover", UNSET)

        signing_key = cls(
            key=key,
            since=since,
            previous=previous,
            handover=handover,
        )

        signing_key.additional_properties = d
        return signing_key

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
