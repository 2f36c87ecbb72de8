"""What partners call: register a wallet, sign its challenge, follow the customer, suspend and resume it."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel
from starlette.responses import Response

from application.executor import Outcome
from application.handlers import register
from domain.challenge import issue
from domain.commands import (
    DeactivateCustomer,
    IssueChallenge,
    ReactivateCustomer,
    RegisterCustomer,
    SignChallenge,
    StartVerification,
)
from domain.customer import Customer as Folded
from domain.customer import fold
from domain.events import ChallengeFailed
from domain.refusals import NotVerifying, UnknownCustomer
from domain.vocabulary import Ground, Status
from domain.wallet import MalformedAccount, Wallet, canonical, parse_account
from infrastructure.api_keys import Role
from infrastructure.http import models
from infrastructure.http.cursor import read_cursor, write_cursor
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_body, read_id, read_if_match, read_moment, read_query
from infrastructure.http.routing import Call, Route
from infrastructure.ids import nonce
from infrastructure.reading import CustomerFilter, fold_row
from infrastructure.services import Services
from infrastructure.wallet_proof import keccak256, prove
from projections.customers import CustomerRow

PARTNER: Final[frozenset[Role]] = frozenset({"partner"})
ACTORS: Final[frozenset[Role]] = frozenset({"partner", "officer"})
READERS: Final[frozenset[Role]] = frozenset({"partner", "officer", "auditor"})

_FAILED: Final = {
    "expired": "challenge_expired",
    "other_message": "signature_invalid",
    "malformed": "signature_invalid",
    "wrong_signer": "signature_invalid",
    "unknown_contract": "contract_wallet_unsupported",
}


class CustomerRoutes:
    """The partner's side of a customer."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        one, gone = "/customers/{customer_id}", ("malformed_id", "customer_not_found")
        return [
            Route(
                "POST",
                "/customers",
                self.register,
                PARTNER,
                "Register a wallet",
                answer=models.RegisteredCustomer,
                status=201,
                body=models.CustomerRegistration,
                problems=("customer_exists", "onboarding_barred", "malformed_account", "invalid_checksum"),
            ),
            Route(
                "GET",
                "/customers",
                self.page,
                READERS,
                "List customers, newest first",
                answer=models.CustomerPage,
                query=models.CustomerQuery,
                problems=("invalid_cursor", "malformed_account", "as_of_in_future", "as_of_unsupported"),
            ),
            Route(
                "GET",
                one,
                self.show,
                READERS,
                "Read a customer",
                answer=models.Customer,
                query=models.MomentQuery,
                problems=(*gone, "as_of_in_future"),
            ),
            Route(
                "GET",
                one + "/challenge",
                self.challenge,
                PARTNER,
                "Read the challenge to sign",
                answer=models.ChallengeResource,
                problems=(*gone, "challenge_already_signed"),
            ),
            Route(
                "POST",
                one + "/challenge/sign",
                self.sign,
                PARTNER,
                "Answer the challenge with a signature",
                status=204,
                body=models.SignedChallenge,
                problems=(
                    *gone,
                    "signature_invalid",
                    "challenge_already_signed",
                    "challenge_expired",
                    "contract_wallet_unsupported",
                    "malformed_account",
                ),
            ),
            Route(
                "GET",
                one + "/verification",
                self.verification,
                PARTNER,
                "Open a verification session",
                answer=models.VerificationSession,
                problems=(*gone, "not_verifying"),
            ),
            Route(
                "PATCH",
                one + "/deactivate",
                self.deactivate,
                ACTORS,
                "Suspend a customer",
                answer=models.Customer,
                problems=(*gone, "wrong_status", "version_mismatch"),
            ),
            Route(
                "PATCH",
                one + "/activate",
                self.activate,
                ACTORS,
                "Resume a suspended customer",
                answer=models.Customer,
                problems=(*gone, "wrong_status", "activation_reserved", "version_mismatch"),
            ),
            Route(
                "GET",
                one + "/services",
                self.services,
                READERS,
                "Ask what the customer may use now",
                answer=models.CustomerServices,
                problems=gone,
            ),
        ]

    async def register(self, call: Call) -> Response:
        """201 with the customer and its challenge."""
        body = await read_body(call.request, models.CustomerRegistration)
        wallet = read_wallet(body.chain_id)
        services, now, customer_id = self._services, self._services.clock(), self._services.new_id()
        command = RegisterCustomer(
            partner=partner_of(call),
            wallet=body.chain_id,
            external_id=body.external_id,
            challenge=issue(services.site, wallet, customer=customer_id, nonce=nonce(), now=now),
        )
        outcome = await services.execute(
            lambda: register(customer_id, command, fingerprint=services.keys.fingerprint_of),
            actor=call.caller.actor,
            correlation_id=call.correlation_id,
            occurred_at=now,
        )
        row = _row(outcome)
        resource = models.RegisteredCustomer(
            **_fields(row), challenge=b64encode(command.challenge.message.encode()).decode()
        )
        return answer(resource, 201, version=row.version, headers={"Location": f"/v1/customers/{row.id}"})

    async def challenge(self, call: Call) -> Response:
        """The open challenge; a new one if the last expired or failed."""
        customer_id = read_id(call.request)
        row = await self._own(call, customer_id)
        wallet = read_wallet(row.chain_id)
        now = self._services.clock()
        fresh = issue(self._services.site, wallet, customer=customer_id, nonce=nonce(), now=now)
        outcome = await self._change(call, customer_id, IssueChallenge(fresh, now))
        open_challenge = _folded(outcome).challenge
        if open_challenge is None:
            raise UnknownCustomer
        return answer(
            models.ChallengeResource(
                challenge=b64encode(open_challenge.message.encode()).decode(), expires_at=open_challenge.expires_at
            ),
            version=outcome.version,
        )

    async def sign(self, call: Call) -> Response:
        """204 once the signature proves ownership."""
        customer_id = read_id(call.request)
        body = await read_body(call.request, models.SignedChallenge)
        read_wallet(body.chain_id)
        message = _message(body.challenge)
        command = SignChallenge(
            wallet=body.chain_id,
            message=message,
            signature=body.signature,
            proof=prove((message or "").encode(), body.signature),
            submitted=sha256(f"{body.challenge}\n{body.signature}".encode()).hexdigest(),
            now=self._services.clock(),
        )
        outcome = await self._change(call, customer_id, command)
        for envelope in outcome.added:
            if isinstance(envelope.event, ChallengeFailed):
                raise Problem(_FAILED[envelope.event.reason])
        return Response(status_code=204, headers=_etag(outcome.version))

    async def show(self, call: Call) -> Response:
        """The customer, as of now or as of `asOf`."""
        row = await self._own(call, read_id(call.request), read_query(call.request, models.MomentQuery).as_of)
        return answer(resource_of(row), version=row.version)

    async def page(self, call: Call) -> Response:
        """One page; the cursor goes on where it ends, whatever is registered meanwhile."""
        query = read_query(call.request, models.CustomerQuery)
        if query.as_of is not None:
            read_moment(query.as_of, now=self._services.clock())
            raise Problem("as_of_unsupported")
        wanted = CustomerFilter(
            partner=call.caller.partner,
            status=query.status,
            external_id=query.external_id,
            wallet=_wallet_filter(query.chain_id),
            created_after=query.created_after,
        )
        key, name = self._services.keys.cursor, repr(wanted)
        before = read_cursor(key, name, query.cursor) if query.cursor else None
        rows = await self._services.reader.customers(wanted, before=before, limit=query.limit + 1)
        shown, more = rows[: query.limit], len(rows) > query.limit
        cursor = write_cursor(key, name, shown[-1].registered_position) if more else None
        return answer(models.CustomerPage(customers=[resource_of(row) for row in shown], next_cursor=cursor))

    async def verification(self, call: Call) -> Response:
        """Where the person verifies themselves; the provider is asked for it now."""
        customer_id = read_id(call.request)
        row = await self._own(call, customer_id)
        if row.status != Status.VERIFYING:
            raise NotVerifying
        provider = self._services.provider
        applicant = await provider.open(customer_id, key=f"{customer_id}/open_verification/1")
        await self._change(
            call, customer_id, StartVerification(applicant.provider, applicant.reference, applicant.level)
        )
        session = await provider.session(customer_id, applicant.reference, now=self._services.clock())
        return answer(
            models.VerificationSession(
                provider=session.provider,
                session_url=session.url,
                session_token=session.token,
                expires_at=session.expires_at,
            )
        )

    async def deactivate(self, call: Call) -> Response:
        """200 with the customer; a repeat changes nothing."""
        ground = Ground.ISSUE if call.caller.role == "officer" else Ground.PARTNER_REQUEST
        return await self._switch(call, DeactivateCustomer(ground, by=call.caller.actor))

    async def activate(self, call: Call) -> Response:
        """200 with the customer; a repeat changes nothing."""
        return await self._switch(call, ReactivateCustomer(by=call.caller.actor, officer=call.caller.role == "officer"))

    async def services(self, call: Call) -> Response:
        """What the customer may use now."""
        row = await self._own(call, read_id(call.request))
        active = row.status == Status.ACTIVE
        return answer(models.CustomerServices(status=Status(row.status), account_creation=active, card_creation=active))

    async def _switch(self, call: Call, command: DeactivateCustomer | ReactivateCustomer) -> Response:
        outcome = await self._change(call, read_id(call.request), command, if_version=read_if_match(call.request))
        return answer(resource_of(_row(outcome)), version=outcome.version)

    async def _change(
        self,
        call: Call,
        customer_id: UUID,
        command: IssueChallenge | SignChallenge | StartVerification | DeactivateCustomer | ReactivateCustomer,
        *,
        if_version: int | None = None,
    ) -> Outcome:
        return await self._services.execute(
            self._services.change(customer_id, command, partner=call.caller.partner, if_version=if_version),
            actor=call.caller.actor,
            correlation_id=call.correlation_id,
        )

    async def _own(self, call: Call, customer_id: UUID, as_of: str | None = None) -> CustomerRow:
        """The customer, if the caller may see it; another partner's does not exist."""
        reader = self._services.reader
        if as_of is None:
            row = await reader.customer(customer_id)
        else:
            row = await reader.customer_as_of(customer_id, read_moment(as_of, now=self._services.clock()))
        if row is None or call.caller.partner not in (None, row.partner):
            raise UnknownCustomer
        return row


def read_wallet(account: str) -> Wallet:
    """A CAIP-10 account, or the problem with it."""
    try:
        return parse_account(account, keccak256)
    except MalformedAccount as fault:
        raise Problem(fault.code) from None


def partner_of(call: Call) -> UUID:
    """The partner that a partner's key is for."""
    if call.caller.partner is None:
        raise Problem("forbidden")
    return call.caller.partner


def resource_of(row: CustomerRow) -> models.Customer:
    """The customer as its partner sees it."""
    return models.Customer(**_fields(row))


def answer(
    resource: BaseModel, status: int = 200, *, version: int | None = None, headers: dict[str, str] | None = None
) -> Response:
    """The resource as JSON, straight from its model."""
    content = resource.__pydantic_serializer__.to_json(resource, exclude_none=True)
    return Response(content, status, headers=_etag(version) | (headers or {}), media_type="application/json")


def _fields(row: CustomerRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "external_id": row.external_id,
        "chain_id": row.chain_id,
        "status": row.status,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def _etag(version: int | None) -> dict[str, str]:
    return {} if version is None else {"ETag": f'"{version}"'}


def _row(outcome: Outcome) -> CustomerRow:
    row = fold_row(outcome.history)
    if row is None:
        raise UnknownCustomer
    return row


def _folded(outcome: Outcome) -> Folded:
    customer = fold(envelope.event for envelope in outcome.history)
    if customer is None:
        raise UnknownCustomer
    return customer


def _message(challenge: str) -> str | None:
    """The message in a base64 challenge; None where there is none, which no issued message equals."""
    try:
        return b64decode(challenge, validate=True).decode()
    except (NotBase64, ValueError):
        return None


def _wallet_filter(account: str | None) -> str | None:
    if account is None:
        return None
    read_wallet(account)
    return canonical(account)
