"""Sumsub: KYC by applicants, sessions in its WebSDK, and callbacks signed with a secret of their own.

https://docs.sumsub.com/reference. A callback's only time stands in its signed body and says when the result was
reported, not when it was sent: deliveries are repeated for a day, so a callback's age is not checked. An old one that
is replayed is harmless, because results are ordered by that very time.
"""

import hmac
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx2
import structlog
from pydantic import Field, SecretStr, ValidationError
from pydantic_core import to_json

from application.ports import (
    Applicant,
    Fingerprint,
    ForgedCallback,
    MalformedCallback,
    Reported,
    Session,
    Unreadable,
)
from infrastructure.metrics import IGNORED_RESULTS
from infrastructure.provider_api import ProviderApi
from infrastructure.verification.sumsub_messages import RESULTS, SAID, SUMSUB, Created, Message, Notice, result_in
from infrastructure.verification.sumsub_messages import Applicant as Stated

SESSION: Final = timedelta(minutes=30)
RATE: Final = "10/second"
"""https://docs.sumsub.com/reference/rate-limits: 50 POST requests in 5 seconds."""
_DIGESTS: Final = {"HMAC_SHA256_HEX": "sha256", "HMAC_SHA512_HEX": "sha512"}
"""`HMAC_SHA1_HEX` is one of Sumsub's, too, and none of ours."""
_CONFLICT: Final = 409
_NOT_FOUND: Final = 404

M = TypeVar("M", bound=Message)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Account:
    """How Sumsub knows us: an app token with its secret, the callbacks' secret, and the level persons must reach."""

    token: SecretStr
    secret: SecretStr
    callback_secret: SecretStr
    level: str
    url: str
    sandbox: bool


class _Token(Message):
    token: str = Field(min_length=1)


class _Link(Message):
    url: str = Field(pattern=r"^https?://")


class Sumsub:
    """The KYC provider."""

    name = SUMSUB

    def __init__(self, account: Account, *, client: httpx2.AsyncClient, fingerprint: Fingerprint) -> None:
        self._account = account
        self._fingerprint = fingerprint
        self._api = ProviderApi(SUMSUB, account.url, client=client, sign=self._sign, rate=RATE)

    async def open(self, customer: UUID, *, key: str) -> Applicant:
        """Create the applicant, or find the one that the customer has already: its id with Sumsub is our id."""
        path = f"/resources/applicants?levelName={quote(self._account.level, safe='')}"
        answered = await self._api.call(
            "POST",
            path,
            content=to_json({"externalUserId": str(customer), "type": "individual"}),
            expected=(200, 201, _CONFLICT),
        )
        body = answered.body
        if answered.status == _CONFLICT:
            body = (await self._api.call("GET", f"/resources/applicants/-;externalUserId={customer}/one")).body
        created = self._read(Created, body)
        if created.external_user_id != str(customer):
            raise self._api.unavailable("malformed")
        return Applicant(SUMSUB, created.id, self._account.level)

    async def session(self, customer: UUID, applicant: str, *, now: datetime) -> Session:
        """A link to the hosted WebSDK and a token for an embedded one, good for half an hour."""
        asked = {"userId": str(customer), "levelName": self._account.level, "ttlInSecs": int(SESSION.total_seconds())}
        token = await self._ask(_Token, "/resources/accessTokens/sdk", asked)
        link = await self._ask(_Link, "/resources/sdkIntegrations/levels/-/websdkLink", asked)
        return Session(SUMSUB, link.url, token.token, now + SESSION)

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> Reported | None:
        """Check the digest of the raw body, then read it, and ask who the person is."""
        self._check(body, headers)
        try:
            if Notice.model_validate_json(body).type not in RESULTS:
                return None
            said = SAID.validate_json(body)
            if isinstance(said, Stated):
                raise MalformedCallback
            outcome = said.outcome()
        except ValidationError:
            raise MalformedCallback from None
        if said.sandbox_mode not in {None, self._account.sandbox}:
            return self._ignored("other_mode")
        if outcome.customer is None:
            return self._ignored("nobody")
        if said.level_name not in {None, self._account.level}:
            return self._ignored("other_level")
        applicant = await self._applicant(outcome.applicant)
        if applicant is None or self._read(Created, applicant).external_user_id != str(outcome.customer):
            return self._ignored("nobody")
        return self._reported((body, applicant))

    async def poll(self, customer: UUID, applicant: str) -> Reported | None:
        """The applicant as they stand; None while the review is not over."""
        payload = await self._applicant(applicant)
        if payload is None:
            return self._ignored("nobody")
        stated = self._read(Stated, payload)
        if (stated.id, stated.external_user_id) != (applicant, str(customer)):
            raise self._api.unavailable("malformed")
        try:
            if stated.outcome() is None or stated.level not in {None, self._account.level}:
                return None
        except (Unreadable, ValidationError):
            raise self._api.unavailable("malformed") from None
        return self._reported((payload,))

    def _check(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Raise `ForgedCallback` unless the digest is the raw body's, by an algorithm that is still safe."""
        given = {name.lower(): value for name, value in headers.items()}
        algorithm = _DIGESTS.get(given.get("x-payload-digest-alg", "HMAC_SHA256_HEX"))
        digest = given.get("x-payload-digest", "").encode("utf-8", "replace")
        if algorithm is None:
            raise ForgedCallback
        secret = self._account.callback_secret.get_secret_value().encode()
        if not hmac.compare_digest(hmac.digest(secret, body, algorithm).hex().encode(), digest):
            raise ForgedCallback

    def _sign(self, method: str, path: str, content: bytes) -> dict[str, str]:
        """https://docs.sumsub.com/reference/authentication: the time, the request line's parts and the body."""
        account, sent_at = self._account, str(int(time.time()))
        text = f"{sent_at}{method}{path}".encode() + content
        return {
            "content-type": "application/json",
            "x-app-token": account.token.get_secret_value(),
            "x-app-access-ts": sent_at,
            "x-app-access-sig": hmac.digest(account.secret.get_secret_value().encode(), text, "sha256").hex(),
        }

    async def _applicant(self, reference: str) -> bytes | None:
        """Who the applicant is, and how their review stands; None where there is no such applicant."""
        path = f"/resources/applicants/{quote(reference, safe='')}/one"
        answered = await self._api.call("GET", path, expected=(200, _NOT_FOUND))
        return answered.body if answered.status != _NOT_FOUND else None

    async def _ask(self, model: type[M], path: str, asked: dict[str, object]) -> M:
        expected: Collection[int] = (200, 201)
        return self._read(model, (await self._api.call("POST", path, content=to_json(asked), expected=expected)).body)

    def _read(self, model: type[M], body: bytes) -> M:
        """The answer, or an outage where it cannot be read."""
        try:
            return model.model_validate_json(body)
        except ValidationError:
            raise self._api.unavailable("malformed") from None

    def _reported(self, payloads: tuple[bytes, ...]) -> Reported:
        """The result, read from its evidence as it will be read again; an outage where the evidence is no good."""
        try:
            customer, result = result_in(payloads, fingerprint=self._fingerprint)
        except Unreadable:
            raise self._api.unavailable("malformed") from None
        return Reported(customer, result, payloads)

    @staticmethod
    def _ignored(why: str) -> None:
        """A callback that is not for this deployment or its customers changes nothing, and leaves a trace."""
        IGNORED_RESULTS.labels(SUMSUB).inc()
        log.info("result_ignored", provider=SUMSUB, why=why)
