"""The vendors of screening as their servers answer: formats, keys, and who is listed."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from pydantic import SecretStr

from application.ports import Answer, ScreeningSource
from domain.findings import SourceReport
from infrastructure.screening.chainalysis_risk import ChainalysisRisk
from infrastructure.screening.chainalysis_sanctions import ChainalysisSanctions
from infrastructure.screening.trm import TrmSanctions
from infrastructure.screening.watchman import Watchman
from tests.support.raw_server import RawServer, Reply, Request, as_json, raw_server

KEY: Final = "canary-key-7f"
LISTED: Final = "0x1da5821544e25c636c1417ba96ade4cf6d2f9b5a"
CLEAN: Final = "0x00000000219ab540356cbb839cbe05303d7705fa"
LISTS: Final = {"us_ofac": "0629" * 16, "us_csl": "a572" * 16}
NOT_FOUND: Final = as_json({"message": "not found"}, 404)


def chainalysis_sanctions(request: Request) -> Reply:
    """The free sanctions API."""
    if request.headers.get("x-api-key") != KEY:
        return as_json({"message": "Forbidden"}, 403)
    listing = {
        "category": "sanctions",
        "name": "SANCTIONS: OFAC SDN Secondeye Solution 2021-04-15 1da5821544e25c636c1417ba96ade4cf6d2f9b5a",
        "description": "Pakistan-based Secondeye Solution (SES) ...",
        "url": "https://home.treasury.gov/news/press-releases/jy0126",
    }
    place, _, address = request.path.rpartition("/")
    if (request.method, place) != ("GET", "/api/v1/address"):
        return NOT_FOUND
    return as_json({"identifications": [listing] if address == LISTED else []})


class ChainalysisRiskServer:
    """Address screening: who was not registered is not known."""

    def __init__(self) -> None:
        self.registered: set[str] = set()

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("token") != KEY:
            return as_json({"message": "Invalid token"}, 403)
        if (request.method, request.path) == ("POST", "/api/risk/v2/entities"):
            assert request.headers["content-type"] == "application/json"
            address = json.loads(request.body)["address"]
            self.registered.add(address)
            return as_json({"address": address}, 201)
        address = request.path.removeprefix("/api/risk/v2/entities/")
        if address not in self.registered:
            return NOT_FOUND
        return as_json(assessment(address, "Severe" if address == LISTED else "Low"))


def assessment(address: str, risk: str) -> dict[str, Any]:
    """What address screening answers."""
    return {
        "address": address,
        "risk": risk,
        "cluster": None,
        "riskReason": None if risk == "Low" else "Identified as Sanctioned Entity",
        "addressIdentifications": [],
        "addressType": "PRIVATE_WALLET",
        "exposures": [],
        "triggers": [],
        "status": "COMPLETE",
    }


def trm(request: Request) -> Reply:
    """Sanctions screening, with a key."""
    if request.headers.get("authorization") != "Basic " + b64encode(f"{KEY}:{KEY}".encode()).decode():
        return as_json({"message": "Unauthorized"}, 401)
    if (request.method, request.path) != ("POST", "/public/v1/sanctions/screening"):
        return NOT_FOUND
    assert request.headers["content-type"] == "application/json"
    asked = [each["address"] for each in json.loads(request.body)]
    return as_json([{"address": each, "isSanctioned": each.lower() == LISTED} for each in asked], 201)


def watchman(request: Request) -> Reply:
    """moov-io/watchman: the listed address stands in a list in capitals, under a currency of a chain yet to come."""
    if request.path == "/v2/listinfo":
        return as_json(listinfo(LISTS))
    if request.path != "/v2/search":
        return NOT_FOUND
    written = "0x" + LISTED[2:].upper()
    asked = [value.split(":") for name, value in request.query if name == "cryptoAddress"]
    exact = any(currency in {"", "NEW"} and address.lower() == LISTED for currency, address in asked)
    found = [entity("35000", [("XBT", "1abc"), ("NEW", written)], match=1.0)] if exact else []
    return as_json({"entities": [*found, entity("12300", [("ETH", "0x" + "ab" * 20)]), entity("306", None)]})


def listinfo(hashes: dict[str, str]) -> dict[str, Any]:
    """The lists that are loaded."""
    return {
        "lists": dict.fromkeys(hashes, 442),
        "listHashes": hashes,
        "startedAt": "2026-01-05T08:00:00Z",
        "endedAt": "2026-01-05T08:01:00Z",
        "version": "v0.51.0",
    }


def entity(source_id: str, addresses: list[tuple[str, str]] | None, match: float = 0.0) -> dict[str, Any]:
    """One entity of a search."""
    crypto = None if addresses is None else [{"currency": c, "address": a} for c, a in addresses]
    return {
        "name": "SECONDEYE SOLUTION",
        "entityType": "organization",
        "sourceList": "us_ofac",
        "sourceID": source_id,
        "cryptoAddresses": crypto,
        "addresses": None,
        "match": match,
    }


@dataclass(frozen=True)
class Vendor:
    """A vendor's server, and our adapter to it."""

    server: Callable[[], Callable[[Request], Reply]]
    adapter: Callable[[str, httpx2.AsyncClient], ScreeningSource]
    calls: int = 1
    """Requests that one question takes."""
    keyed: bool = True


VENDORS: Final = {
    "chainalysis_sanctions": Vendor(
        lambda: chainalysis_sanctions, lambda url, client: ChainalysisSanctions(url, SecretStr(KEY), client=client)
    ),
    "chainalysis_risk": Vendor(
        ChainalysisRiskServer, lambda url, client: ChainalysisRisk(url, SecretStr(KEY), client=client), calls=2
    ),
    "trm": Vendor(lambda: trm, lambda url, client: TrmSanctions(url, SecretStr(KEY), client=client)),
    "watchman": Vendor(lambda: watchman, lambda url, client: Watchman(url, client=client), calls=2, keyed=False),
}


@asynccontextmanager
async def vendor(name: str) -> AsyncIterator[tuple[ScreeningSource, RawServer]]:
    """A vendor by its name: our adapter, and the server that it asks."""
    known = VENDORS[name]
    async with raw_server(known.server()) as server, httpx2.AsyncClient(trust_env=False) as client:
        yield known.adapter(server.url, client), server


def nothing_said(answer: Answer, source: str) -> None:
    """That an answer is an outage, and says nothing else."""
    expected = SourceReport(source=source, answered=False, retry_after=answer.report.retry_after)
    assert answer == Answer(expected, b"")
