from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.status import Status, check_status

T = TypeVar("T", bound="CustomerServices")


@_attrs_define
class CustomerServices:
    """What the customer may use now."""

    status: Status
    """ What a partner sees, and all it sees. """
    account_creation: bool
    card_creation: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        status: str = self.status

        account_creation = self.account_creation

        card_creation = self.card_creation

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "status": status,
                "accountCreation": account_creation,
                "cardCreation": card_creation,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        status = check_status(d.pop("status"))

        account_creation = d.pop("accountCreation")

        card_creation = d.pop("cardCreation")

        customer_services = cls(
            status=status,
            account_creation=account_creation,
            card_creation=card_creation,
        )

        customer_services.additional_properties = d
        return customer_services

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
