"""Chainalysis' address screening: how risky an address is, by whom it deals with.

An address is registered first, which may be repeated, and read then. A risk is a judgement, not a listing: it never
rejects by itself, however severe. https://docs.chainalysis.com/api/address-screening/
"""

import json
from typing import Final, Literal
from uuid import UUID

import httpx2
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from application.ports import Answer, Unreadable
from domain.findings import Finding, Severity, SourceReport
from infrastructure.provider_api import ProviderApi
from infrastructure.screening.api_source import answer_of, evm_address, is_about, one_meaning

CHAINALYSIS_RISK: Final = "chainalysis_risk"
RATE: Final = "40/second"
"""What the API allows."""
ENTITIES: Final = "/api/risk/v2/entities"

_SEVERITIES: Final = {
    "Low": Severity.LOW,
    "Medium": Severity.MEDIUM,
    "High": Severity.HIGH,
    "Severe": Severity.SEVERE,
}


class _Said(BaseModel):
    """An assessment. The reason for it is the vendor's words and stays in the payload."""

    model_config = ConfigDict(frozen=True, strict=True)

    address: str
    risk: Literal["Low", "Medium", "High", "Severe"]
    status: Literal["COMPLETE"] = "COMPLETE"


def findings_in(wallet: str, payload: bytes) -> tuple[Finding, ...]:
    """What an assessment says of a wallet. Raises `Unreadable`."""
    try:
        said = _Said.model_validate_json(one_meaning(payload))
    except ValidationError:
        raise Unreadable from None
    if not is_about(wallet, said.address):
        raise Unreadable
    return (Finding(category="address_risk", severity=_SEVERITIES[said.risk]),)


class ChainalysisRisk:
    """Asks with the key of a customer of Chainalysis."""

    name = CHAINALYSIS_RISK

    def __init__(self, base_url: str, key: SecretStr, *, client: httpx2.AsyncClient) -> None:
        def sign(_method: str, _path: str, content: bytes) -> dict[str, str]:
            headers = {"Token": key.get_secret_value(), "accept": "application/json"}
            return headers | {"content-type": "application/json"} if content else headers

        self._api = ProviderApi(self.name, base_url, client=client, sign=sign, rate=RATE)

    async def ask(self, wallet: str, *, customer: UUID, key: str) -> Answer:
        """Register the address and read its assessment."""
        return await answer_of(
            self._api,
            self._said(wallet),
            lambda payload: SourceReport(source=self.name, answered=True, findings=findings_in(wallet, payload)),
        )

    async def _said(self, wallet: str) -> bytes:
        address = evm_address(wallet)
        await self._api.call("POST", ENTITIES, content=json.dumps({"address": address}).encode(), expected=(200, 201))
        return (await self._api.call("GET", f"{ENTITIES}/{address}")).body
