from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.status import Status, check_status

if TYPE_CHECKING:
    from ..models.review import Review


T = TypeVar("T", bound="ReviewedCustomer")


@_attrs_define
class ReviewedCustomer:
    """A customer after an officer's word: its status, the detail inside it, and what still waits for an officer."""

    id: UUID
    status: Status
    """ What a partner sees, and all it sees. """
    detail: str
    legal_hold: bool
    reviews: list[Review]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = str(self.id)

        status: str = self.status

        detail = self.detail

        legal_hold = self.legal_hold

        reviews = []
        for reviews_item_data in self.reviews:
            reviews_item = reviews_item_data.to_dict()
            reviews.append(reviews_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "status": status,
                "detail": detail,
                "legalHold": legal_hold,
                "reviews": reviews,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.review import Review  # noqa: PLC0415

        d = dict(src_dict)
        id = UUID(d.pop("id"))

        status = check_status(d.pop("status"))

        detail = d.pop("detail")

        legal_hold = d.pop("legalHold")

        reviews = []
        _reviews = d.pop("reviews")
        for reviews_item_data in _reviews:
            reviews_item = Review.from_dict(reviews_item_data)

            reviews.append(reviews_item)

        reviewed_customer = cls(
            id=id,
            status=status,
            detail=detail,
            legal_hold=legal_hold,
            reviews=reviews,
        )

        reviewed_customer.additional_properties = d
        return reviewed_customer

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
