from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.customer_as_of import CustomerAsOf


T = TypeVar("T", bound="CustomerChanges")


@_attrs_define
class CustomerChanges:
    """A customer at two moments; `before` is absent where it was not registered yet."""

    after: CustomerAsOf
    """ A customer at a moment. Its partner never sees `detail`. """
    changed: list[str]
    before: CustomerAsOf | Unset = UNSET
    """ A customer at a moment. Its partner never sees `detail`. """
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        after = self.after.to_dict()

        changed = self.changed

        before: dict[str, Any] | Unset = UNSET
        if not isinstance(self.before, Unset):
            before = self.before.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "after": after,
                "changed": changed,
            }
        )
        if before is not UNSET:
            field_dict["before"] = before

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.customer_as_of import CustomerAsOf  # noqa: PLC0415

        d = dict(src_dict)
        after = CustomerAsOf.from_dict(d.pop("after"))

        changed = cast(list[str], d.pop("changed"))

        _before = d.pop("before", UNSET)
        before: CustomerAsOf | Unset
        if isinstance(_before, Unset):
            before = UNSET
        else:
            before = CustomerAsOf.from_dict(_before)

        customer_changes = cls(
            after=after,
            changed=changed,
            before=before,
        )

        customer_changes.additional_properties = d
        return customer_changes

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
