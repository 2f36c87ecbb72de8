from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.export_failure import ExportFailure, check_export_failure
from ..models.export_formats_item import ExportFormatsItem, check_export_formats_item
from ..models.export_status import ExportStatus, check_export_status
from ..types import UNSET, Unset

T = TypeVar("T", bound="Export")


@_attrs_define
class Export:
    """An export: how far it has come, and what came of it."""

    id: UUID
    status: ExportStatus
    ordered_at: datetime.datetime
    formats: list[ExportFormatsItem]
    position: int
    size: int | Unset = UNSET
    entries: int | Unset = UNSET
    manifest: str | Unset = UNSET
    bytes_: int | Unset = UNSET
    sha256: str | Unset = UNSET
    failure: ExportFailure | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = str(self.id)

        status: str = self.status

        ordered_at = self.ordered_at.isoformat()

        formats = []
        for formats_item_data in self.formats:
            formats_item: str = formats_item_data
            formats.append(formats_item)

        position = self.position

        size = self.size

        entries = self.entries

        manifest = self.manifest

        bytes_ = self.bytes_

        sha256 = self.sha256

        failure: str | Unset = UNSET
        if not isinstance(self.failure, Unset):
            failure = self.failure

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "status": status,
                "orderedAt": ordered_at,
                "formats": formats,
                "position": position,
            }
        )
        if size is not UNSET:
            field_dict["size"] = size
        if entries is not UNSET:
            field_dict["entries"] = entries
        if manifest is not UNSET:
            field_dict["manifest"] = manifest
        if bytes_ is not UNSET:
            field_dict["bytes"] = bytes_
        if sha256 is not UNSET:
            field_dict["sha256"] = sha256
        if failure is not UNSET:
            field_dict["failure"] = failure

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = UUID(d.pop("id"))

        status = check_export_status(d.pop("status"))

        ordered_at = datetime.datetime.fromisoformat(d.pop("orderedAt"))

        formats = []
        _formats = d.pop("formats")
        for formats_item_data in _formats:
            formats_item = check_export_formats_item(formats_item_data)

            formats.append(formats_item)

        position = d.pop("position")

        size = d.pop("size", UNSET)

        entries = d.pop("entries", UNSET)

        manifest = d.pop("manifest", UNSET)

        bytes_ = d.pop("bytes", UNSET)

        sha256 = d.pop("sha256", UNSET)

        _failure = d.pop("failure", UNSET)
        failure: ExportFailure | Unset
        if isinstance(_failure, Unset):
            failure = UNSET
        else:
            failure = check_export_failure(_failure)

        export = cls(
            id=id,
            status=status,
            ordered_at=ordered_at,
            formats=formats,
            position=position,
            size=size,
            entries=entries,
            manifest=manifest,
            bytes_=bytes_,
            sha256=sha256,
            failure=failure,
        )

        export.additional_properties = d
        return export

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
