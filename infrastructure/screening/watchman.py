"""moov-io/watchman, a server of sanctions lists that the deployment runs itself: who has this very address?

A search ranks by likeness and answers with what is merely like it too; only an entity that has the address counts. An
address is searched under the currencies that lists have for EVM chains, and under none, which means any.
https://moov-io.github.io/watchman/
"""

from hashlib import sha256
from typing import Annotated, Final
from urllib.parse import urlencode
from uuid import UUID

import httpx2
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from application.ports import Answer, Unreadable
from domain.findings import Finding, Severity, SourceReport
from infrastructure.provider_api import ProviderApi
from infrastructure.screening.api_source import answer_of, evm_address, is_about, one_meaning

WATCHMAN: Final = "watchman"
RATE: Final = "100/second"
CURRENCIES: Final = ("ETH", "USDT", "USDC", "ARB", "BSC", "ETC", "")

# Not \w, which is all scripts' letters: repeated so often, it takes 25 MB in every process.
_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
_Hash = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:+/=-]{1,128}$")]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, alias_generator=to_camel)


class _ListInfo(_Answer):
    """The lists that are loaded: entries and hash of each. Before any is, there is nothing to search in."""

    lists: dict[_Name, int]
    list_hashes: Annotated[dict[_Name, _Hash], Field(min_length=1, max_length=64)]

    def version(self) -> str:
        return " ".join(f"{name}:{self.list_hashes[name]}" for name in sorted(self.list_hashes))


class _CryptoAddress(_Answer):
    currency: str
    address: str


class _Entity(_Answer):
    source_list: str = Field(max_length=64)
    source_id: str = Field(alias="sourceID", max_length=128)
    crypto_addresses: tuple[_CryptoAddress, ...] | None = None


class _Search(_Answer):
    entities: tuple[_Entity, ...] | None


class _Kept(BaseModel):
    """Both bodies as they came, and whom they were asked for: a search's answer does not say."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    wallet: str
    listinfo: str
    search: str


def findings_in(wallet: str, payload: bytes) -> tuple[Finding, ...]:
    """What the answers that were kept say of a wallet. Raises `Unreadable`."""
    try:
        kept = _Kept.model_validate_json(payload)
        lists = _ListInfo.model_validate_json(one_meaning(kept.listinfo.encode()))
        search = _Search.model_validate_json(one_meaning(kept.search.encode()))
    except ValidationError:
        raise Unreadable from None
    if kept.wallet != wallet or not all(lists.lists.get(name, 0) > 0 for name in {*lists.lists, *lists.list_hashes}):
        raise Unreadable
    return tuple(
        Finding(
            category="sanctions",
            severity=Severity.SEVERE,
            listed=True,
            reference=f"{entity.source_list}/{entity.source_id}",
        )
        for entity in search.entities or ()
        if any(is_about(wallet, known.address) for known in entity.crypto_addresses or ())
    )


def list_in(payload: bytes) -> tuple[str, str]:
    """Every list that was searched with its hash, and the SHA-256 of that text. Raises `Unreadable`."""
    try:
        version = _ListInfo.model_validate_json(_Kept.model_validate_json(payload).listinfo).version()
    except ValidationError:
        raise Unreadable from None
    return version, sha256(version.encode()).hexdigest()


class Watchman:
    """Asks for the lists that are loaded, and searches them."""

    name = WATCHMAN

    def __init__(self, base_url: str, *, client: httpx2.AsyncClient) -> None:
        def sign(_method: str, _path: str, _content: bytes) -> dict[str, str]:
            return {"accept": "application/json"}

        self._api = ProviderApi(self.name, base_url, client=client, sign=sign, rate=RATE)

    async def ask(self, wallet: str, *, customer: UUID, key: str) -> Answer:
        """Search for the address in every list that is loaded."""
        return await answer_of(self._api, self._said(wallet), lambda payload: self._report(wallet, payload))

    async def _said(self, wallet: str) -> bytes:
        query = urlencode([("cryptoAddress", f"{currency}:{evm_address(wallet)}") for currency in CURRENCIES])
        listinfo = await self._api.call("GET", "/v2/listinfo")
        search = await self._api.call("GET", f"/v2/search?{query}")
        try:
            kept = _Kept(wallet=wallet, listinfo=listinfo.body.decode(), search=search.body.decode())
        except UnicodeDecodeError:
            raise Unreadable from None
        return kept.model_dump_json().encode()

    def _report(self, wallet: str, payload: bytes) -> SourceReport:
        version, digest = list_in(payload)
        return SourceReport(
            source=self.name,
            answered=True,
            findings=findings_in(wallet, payload),
            list_version=version,
            list_hash=digest,
        )
