from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.entry_proof import EntryProof


T = TypeVar("T", bound="CustomerProof")


@_attrs_define
class CustomerProof:
    """All events of a customer, each chained to the one before by `previous`, and each in the checkpoint's tree."""

    format_: str
    stream: str
    checkpoint: str
    entries: list[EntryProof]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        format_ = self.format_

        stream = self.stream

        checkpoint = self.checkpoint

        entries = []
        for entries_item_data in self.entries:
            entries_item = entries_item_data.to_dict()
            entries.append(entries_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "format": format_,
                "stream": stream,
                "checkpoint": checkpoint,
                "entries": entries,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.entry_proof import EntryProof  # noqa: PLC0415

        d = dict(src_dict)
        format_ = d.pop("format")

        stream = d.pop("stream")

        checkpoint = d.pop("checkpoint")

        entries = []
        _entries = d.pop("entries")
        for entries_item_data in _entries:
            entries_item = EntryProof.from_dict(entries_item_data)

            entries.append(entries_item)

        customer_proof = cls(
            format_=format_,
            stream=stream,
            checkpoint=checkpoint,
            entries=entries,
        )

        customer_proof.additional_properties = d
        return customer_proof

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
