from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define

from ..models.export_request_formats_item import ExportRequestFormatsItem, check_export_request_formats_item
from ..models.export_request_types_item import ExportRequestTypesItem, check_export_request_types_item
from ..types import UNSET, Unset

T = TypeVar("T", bound="ExportRequest")


@_attrs_define
class ExportRequest:
    """`POST /v1/exports`: which events, in which formats beside the entries. Without filters, all of them."""

    formats: list[ExportRequestFormatsItem] | Unset = UNSET
    recorded_from: datetime.datetime | None | Unset = UNSET
    recorded_until: datetime.datetime | None | Unset = UNSET
    """ Exclusive. """
    customer: None | Unset | UUID = UNSET
    partner: None | Unset | UUID = UNSET
    """ The events of all customers of this partner. """
    types: list[ExportRequestTypesItem] | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        formats: list[str] | Unset = UNSET
        if not isinstance(self.formats, Unset):
            formats = []
            for formats_item_data in self.formats:
                formats_item: str = formats_item_data
                formats.append(formats_item)

        recorded_from: None | str | Unset
        if isinstance(self.recorded_from, Unset):
            recorded_from = UNSET
        elif isinstance(self.recorded_from, datetime.datetime):
            recorded_from = self.recorded_from.isoformat()
        else:
            recorded_from = self.recorded_from

        recorded_until: None | str | Unset
        if isinstance(self.recorded_until, Unset):
            recorded_until = UNSET
        elif isinstance(self.recorded_until, datetime.datetime):
            recorded_until = self.recorded_until.isoformat()
        else:
            recorded_until = self.recorded_until

        customer: None | str | Unset
        if isinstance(self.customer, Unset):
            customer = UNSET
        elif isinstance(self.customer, UUID):
            customer = str(self.customer)
        else:
            customer = self.customer

        partner: None | str | Unset
        if isinstance(self.partner, Unset):
            partner = UNSET
        elif isinstance(self.partner, UUID):
            partner = str(self.partner)
        else:
            partner = self.partner

        types: list[str] | Unset = UNSET
        if not isinstance(self.types, Unset):
            types = []
            for types_item_data in self.types:
                types_item: str = types_item_data
                types.append(types_item)

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if formats is not UNSET:
            field_dict["formats"] = formats
        if recorded_from is not UNSET:
            field_dict["recordedFrom"] = recorded_from
        if recorded_until is not UNSET:
            field_dict["recordedUntil"] = recorded_until
        if customer is not UNSET:
            field_dict["customer"] = customer
        if partner is not UNSET:
            field_dict["partner"] = partner
        if types is not UNSET:
            field_dict["types"] = types

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        _formats = d.pop("formats", UNSET)
        formats: list[ExportRequestFormatsItem] | Unset = UNSET
        if _formats is not UNSET:
            formats = []
            for formats_item_data in _formats:
                formats_item = check_export_request_formats_item(formats_item_data)

                formats.append(formats_item)

        def _parse_recorded_from(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                recorded_from_type_0 = datetime.datetime.fromisoformat(data)

                return recorded_from_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        recorded_from = _parse_recorded_from(d.pop("recordedFrom", UNSET))

        def _parse_recorded_until(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                recorded_until_type_0 = datetime.datetime.fromisoformat(data)

                return recorded_until_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        recorded_until = _parse_recorded_until(d.pop("recordedUntil", UNSET))

        def _parse_customer(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                customer_type_0 = UUID(data)

                return customer_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        customer = _parse_customer(d.pop("customer", UNSET))

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

        _types = d.pop("types", UNSET)
        types: list[ExportRequestTypesItem] | Unset = UNSET
        if _types is not UNSET:
            types = []
            for types_item_data in _types:
                types_item = check_export_request_types_item(types_item_data)

                types.append(types_item)

        export_request = cls(
            formats=formats,
            recorded_from=recorded_from,
            recorded_until=recorded_until,
            customer=customer,
            partner=partner,
            types=types,
        )

        return export_request
