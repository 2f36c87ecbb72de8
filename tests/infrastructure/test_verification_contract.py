"""Every KYC provider, through one suite."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

import httpx2
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from infrastructure.sandbox.provider import Answer, Callback, Person, SandboxProvider
from infrastructure.verification.sumsub import Account, Sumsub
from tests.infrastructure.verification_contract import VerificationContract
from tests.support import sumsub as vendor
from tests.support.sumsub import SumsubServer, passport, sumsub_server

pytestmark = pytest.mark.anyio

SECRET: Final = bytes(range(32))


def fingerprint(text: str) -> str:
    return sha256(f"key {text}".encode()).hexdigest()


class SandboxStage:
    """The sandbox's provider is its own vendor."""

    def __init__(self) -> None:
        self.provider = SandboxProvider(SECRET, "http://127.0.0.1", fingerprint)
        self.fingerprint = fingerprint

    def callback(
        self,
        customer: UUID,
        answer: Answer,
        *,
        at: datetime,
        number: str = "P1",
        country: str = "AUT",
    ) -> tuple[bytes, dict[str, str]]:
        person = Person(name="Somebody", document_number=number, document_country=country)
        signed = self.provider.sign(Callback(applicant=customer, answer=answer, reported_at=at, person=person))
        return signed.body, signed.headers

    def signed(self, body: bytes) -> dict[str, str]:
        sent_at = datetime.now(UTC)
        signature = Webhook(SECRET).sign("msg_1", sent_at, body.decode("utf-8", "replace"))
        return {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": signature,
        }


class SumsubStage:
    """Sumsub, behind a real socket."""

    def __init__(self, server: SumsubServer, client: httpx2.AsyncClient) -> None:
        account = Account(
            token=SecretStr(vendor.TOKEN),
            secret=SecretStr(vendor.SECRET),
            callback_secret=SecretStr(vendor.CALLBACK_SECRET),
            level=vendor.LEVEL,
            url=server.url,
            sandbox=True,
        )
        self.provider = Sumsub(account, client=client, fingerprint=fingerprint)
        self.fingerprint = fingerprint
        self._server = server

    def callback(
        self, customer: UUID, answer: str, *, at: datetime, number: str = "P1", country: str = "AUT"
    ) -> tuple[bytes, dict[str, str]]:
        word = {"approved": "GREEN", "retry": "RETRY", "rejected": "FINAL", "on_hold": "onHold"}[answer]
        self._server.review(str(customer), word, at=at, info={"idDocs": [passport(number, country)]})
        body = self._server.callback(str(customer), word, at=at)
        return body, self._server.sign(body)

    def signed(self, body: bytes) -> dict[str, str]:
        return self._server.sign(body)


class TestSandbox(VerificationContract):
    @pytest.fixture
    def stage(self) -> SandboxStage:
        return SandboxStage()


class TestSumsub(VerificationContract):
    @pytest.fixture
    async def stage(self) -> AsyncIterator[SumsubStage]:
        async with sumsub_server() as server, httpx2.AsyncClient(trust_env=False) as client:
            yield SumsubStage(server, client)
