from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SanctionsListAdoption")


@_attrs_define
class SanctionsListAdoption:
    """Which list is in force, and how it differs from the one before; nothing `changed` where it was already."""

    changed: bool
    list_version: str
    list_hash: str
    entries: int
    addresses: int
    sample: bool
    added: list[str]
    removed: list[str]
    previous_hash: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        changed = self.changed

        list_version = self.list_version

        list_hash = self.list_hash

        entries = self.entries

        addresses = self.addresses

        sample = self.sample

        added = self.added

        removed = self.removed

        previous_hash = self.previous_hash

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "changed": changed,
                "listVersion": list_version,
                "listHash": list_hash,
                "entries": entries,
                "addresses": addresses,
                "sample": sample,
                "added": added,
                "removed": removed,
            }
        )
        if previous_hash is not UNSET:
            field_dict["previousHash"] = previous_hash

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        changed = d.pop("changed")

        list_version = d.pop("listVersion")

        list_hash = d.pop("listHash")

        entries = d.pop("entries")

        addresses = d.pop("addresses")

        sample = d.pop("sample")

        added = cast(list[str], d.pop("added"))

        removed = cast(list[str], d.pop("removed"))

        previous_hash = d.pop("previousHash", UNSET)

        sanctions_list_adoption = cls(
            changed=changed,
            list_version=list_version,
            list_hash=list_hash,
            entries=entries,
            addresses=addresses,
            sample=sample,
            added=added,
            removed=removed,
            previous_hash=previous_hash,
        )

        sanctions_list_adoption.additional_properties = d
        return sanctions_list_adoption

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
