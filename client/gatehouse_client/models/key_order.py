from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..models.key_order_role import KeyOrderRole, check_key_order_role
from ..types import UNSET, Unset

T = TypeVar("T", bound="KeyOrder")


@_attrs_define
class KeyOrder:
    """`POST /v1/keys`: a key for whom. A partner's key without a partner is the first of a new one."""

    role: KeyOrderRole
    name: str
    partner: None | Unset | UUID = UNSET

    def to_dict(self) -> dict[str, Any]:
        role: str = self.role

        name = self.name

        partner: None | str | Unset
        if isinstance(self.partner, Unset):
            partner = UNSET
        elif isinstance(self.partner, UUID):
            partner = str(self.partner)
        else:
            partner = self.partner

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
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
        role = check_key_order_role(d.pop("role"))

        name = d.pop("name")

        def _parse_partner(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                partner_type_0 = UUID(data)

                return partner_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        partner = _parse_partner(d.pop("partner", UNSET))

        key_order = cls(
            role=role,
            name=name,
            partner=partner,
        )

        return key_order
