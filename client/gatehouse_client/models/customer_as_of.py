from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.status import Status, check_status
from ..types import UNSET, Unset

T = TypeVar("T", bound="CustomerAsOf")


@_attrs_define
class CustomerAsOf:
    """A customer at a moment. Its partner never sees `detail`."""

    id: UUID
    external_id: str
    chain_id: str
    status: Status
    """ What a partner sees, and all it sees. """
    created_at: datetime.datetime
    updated_at: datetime.datetime
    detail: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = str(self.id)

        external_id = self.external_id

        chain_id = self.chain_id

        status: str = self.status

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        detail = self.detail

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "externalId": external_id,
                "chainId": chain_id,
                "status": status,
                "createdAt": created_at,
                "updatedAt": updated_at,
            }
        )
        if detail is not UNSET:
            field_dict["detail"] = detail

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = UUID(d.pop("id"))

        external_id = d.pop("externalId")

        chain_id = d.pop("chainId")

        status = check_status(d.pop("status"))

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updatedAt"))

        detail = d.pop("detail", UNSET)

        customer_as_of = cls(
            id=id,
            external_id=external_id,
            chain_id=chain_id,
            status=status,
            created_at=created_at,
            updated_at=updated_at,
            detail=detail,
        )

        customer_as_of.additional_properties = d
        return customer_as_of

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
