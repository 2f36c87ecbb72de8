from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.listed_api_key_role import ListedApiKeyRole, check_listed_api_key_role
from ..types import UNSET, Unset

T = TypeVar("T", bound="ListedApiKey")


@_attrs_define
class ListedApiKey:
    """A key that may call."""

    api_key: UUID
    role: ListedApiKeyRole
    name: str
    partner: UUID | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        api_key = str(self.api_key)

        role: str = self.role

        name = self.name

        partner: str | Unset = UNSET
        if not isinstance(self.partner, Unset):
            partner = str(self.partner)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "apiKey": api_key,
                "role": role,
                "name": name,
            }
        )
        if partner is not UNSET:
            field_dict["partner"] = partner

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        api_key = UUID(d.pop("apiKey"))

        role = check_listed_api_key_role(d.pop("role"))

        name = d.pop("name")

        _partner = d.pop("partner", UNSET)
        partner: UUID | Unset
        if isinstance(_partner, Unset):
            partner = UNSET
        else:
            partner = UUID(_partner)

        listed_api_key = cls(
            api_key=api_key,
            role=role,
            name=name,
            partner=partner,
        )

        listed_api_key.additional_properties = d
        return listed_api_key

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
