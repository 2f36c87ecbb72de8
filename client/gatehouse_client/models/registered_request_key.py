from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.registered_request_key_algorithm import (
    RegisteredRequestKeyAlgorithm,
    check_registered_request_key_algorithm,
)

T = TypeVar("T", bound="RegisteredRequestKey")


@_attrs_define
class RegisteredRequestKey:
    """What the API key's requests must be signed with."""

    key_id: UUID
    algorithm: RegisteredRequestKeyAlgorithm
    public_key: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        key_id = str(self.key_id)

        algorithm: str = self.algorithm

        public_key = self.public_key

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "keyId": key_id,
                "algorithm": algorithm,
                "publicKey": public_key,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        key_id = UUID(d.pop("keyId"))

        algorithm = check_registered_request_key_algorithm(d.pop("algorithm"))

        public_key = d.pop("publicKey")

        registered_request_key = cls(
            key_id=key_id,
            algorithm=algorithm,
            public_key=public_key,
        )

        registered_request_key.additional_properties = d
        return registered_request_key

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
