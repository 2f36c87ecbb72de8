"""Chainalysis' free sanctions API: whether an address is on a sanctions list, and nothing else.

The answer does not name the address, so what was kept of it can only be read with the wallet it was kept for.
https://public.chainalysis.com/docs
"""

from typing import Final
from uuid import UUID

import httpx2
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from application.ports import Answer, Unreadable
from domain.findings import Finding, Severity, SourceReport
from infrastructure.provider_api import ProviderApi
from infrastructure.screening.api_source import answer_of, evm_address, one_meaning

CHAINALYSIS_SANCTIONS: Final = "chainalysis_sanctions"
RATE: Final = "5000/5 minutes"
"""What the API allows."""


class _Identification(BaseModel):
    """One listing of the address. Name, description and URL are the vendor's words and stay in the payload."""

    model_config = ConfigDict(frozen=True, strict=True)

    category: str
    name: str


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    identifications: tuple[_Identification, ...]


def findings_in(wallet: str, payload: bytes) -> tuple[Finding, ...]:
    """What an answer says of the wallet that was asked for. Raises `Unreadable`."""
    evm_address(wallet)
    try:
        said = _Said.model_validate_json(one_meaning(payload))
    except ValidationError:
        raise Unreadable from None
    return tuple(Finding(category="sanctions", severity=Severity.SEVERE, listed=True) for _ in said.identifications)


class ChainalysisSanctions:
    """Asks with a key that Chainalysis gives away."""

    name = CHAINALYSIS_SANCTIONS

    def __init__(self, base_url: str, key: SecretStr, *, client: httpx2.AsyncClient) -> None:
        def sign(_method: str, _path: str, _content: bytes) -> dict[str, str]:
            return {"X-API-Key": key.get_secret_value(), "accept": "application/json"}

        self._api = ProviderApi(self.name, base_url, client=client, sign=sign, rate=RATE)

    async def ask(self, wallet: str, *, customer: UUID, key: str) -> Answer:
        """Ask whether the address is listed."""
        return await answer_of(
            self._api,
            self._said(wallet),
            lambda payload: SourceReport(source=self.name, answered=True, findings=findings_in(wallet, payload)),
        )

    async def _said(self, wallet: str) -> bytes:
        return (await self._api.call("GET", f"/api/v1/address/{evm_address(wallet)}")).body
