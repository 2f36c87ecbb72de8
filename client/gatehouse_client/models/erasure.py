from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..models.legal_basis import LegalBasis, check_legal_basis

T = TypeVar("T", bound="Erasure")


@_attrs_define
class Erasure:
    """`POST …/erasure`: why the law allows it. A partner's request alone is refused."""

    legal_basis: LegalBasis
    """ Why a customer's personal data is erased. """

    def to_dict(self) -> dict[str, Any]:
        legal_basis: str = self.legal_basis

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "legalBasis": legal_basis,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        legal_basis = check_legal_basis(d.pop("legalBasis"))

        erasure = cls(
            legal_basis=legal_basis,
        )

        return erasure
