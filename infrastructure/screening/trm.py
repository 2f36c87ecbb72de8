"""TRM's sanctions screening: whether an address is sanctioned, yes or no.

It may be asked without a key, once a second. https://docs.sanctions.trmlabs.com
"""

import json
from base64 import b64encode
from typing import Final
from uuid import UUID

import httpx2
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError

from application.ports import Answer, Unreadable
from domain.findings import Finding, Severity, SourceReport
from infrastructure.provider_api import ProviderApi
from infrastructure.screening.api_source import answer_of, evm_address, is_about, one_meaning

TRM: Final = "trm"
RATE: Final = "100/second"
"""A tenth of what the API allows who has a key."""
RATE_WITHOUT_KEY: Final = "1/second"


class _Screened(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    address: str
    is_sanctioned: bool = Field(alias="isSanctioned")


_SAID: Final = TypeAdapter(tuple[_Screened])
"""One address was asked for, so one is answered."""


def findings_in(wallet: str, payload: bytes) -> tuple[Finding, ...]:
    """What an answer says of a wallet. Raises `Unreadable`."""
    try:
        [screened] = _SAID.validate_json(one_meaning(payload))
    except ValidationError:
        raise Unreadable from None
    if not is_about(wallet, screened.address):
        raise Unreadable
    if not screened.is_sanctioned:
        return ()
    return (Finding(category="sanctions", severity=Severity.SEVERE, listed=True),)


class TrmSanctions:
    """Asks with a key, or without."""

    name = TRM

    def __init__(self, base_url: str, key: SecretStr | None, *, client: httpx2.AsyncClient) -> None:
        def sign(_method: str, _path: str, _content: bytes) -> dict[str, str]:
            headers = {"content-type": "application/json", "accept": "application/json"}
            return headers | {"authorization": _basic(key)} if key else headers

        rate = RATE if key else RATE_WITHOUT_KEY
        self._api = ProviderApi(self.name, base_url, client=client, sign=sign, rate=rate)

    async def ask(self, wallet: str, *, customer: UUID, key: str) -> Answer:
        """Ask whether the address is sanctioned."""
        return await answer_of(
            self._api,
            self._said(wallet),
            lambda payload: SourceReport(source=self.name, answered=True, findings=findings_in(wallet, payload)),
        )

    async def _said(self, wallet: str) -> bytes:
        content = json.dumps([{"address": evm_address(wallet)}]).encode()
        answered = await self._api.call("POST", "/public/v1/sanctions/screening", content=content, expected=(200, 201))
        return answered.body


def _basic(key: SecretStr) -> str:
    """HTTP basic authentication, the key being both user and password."""
    secret = key.get_secret_value()
    return "Basic " + b64encode(f"{secret}:{secret}".encode()).decode()
