"""From rows and outcomes to resources, for every route that answers with a customer."""

from base64 import b64encode
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel
from starlette.responses import Response

from application.executor import Outcome
from application.handlers import Condition
from domain.commands import Command
from domain.customer import Challenge, fold
from domain.refusals import UnknownCustomer
from domain.wallet import MalformedAccount, Wallet, parse_account
from infrastructure.api_keys import Role
from infrastructure.as_of import ClockName, InFuture, ListedCustomer
from infrastructure.http import models
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_if_match, read_moment
from infrastructure.http.routing import Call
from infrastructure.reading import Moment, fold_row
from infrastructure.services import Services
from infrastructure.wallets.wallet_proof import keccak256
from projections.customers import CustomerRow

PARTNER: Final[frozenset[Role]] = frozenset({"partner"})
ACTORS: Final[frozenset[Role]] = frozenset({"partner", "officer"})
READERS: Final[frozenset[Role]] = frozenset({"partner", "officer", "auditor"})


class JsonResponse(Response):
    """An answer whose head is written at once, without looking for what others might have put there."""

    def __init__(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        self.status_code, self.body, self.background = status, content, None
        self.raw_headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(content)),
            *[(name.lower().encode(), value.encode()) for name, value in headers.items()],
        ]


async def own_customer(services: Services, call: Call, customer_id: UUID) -> CustomerRow:
    """The customer as of now, if the caller may see it; another partner's does not exist."""
    return seen_by(call, await services.reader.customer(customer_id))


def seen_by(call: Call, row: CustomerRow | None) -> CustomerRow:
    """The row, if there is one and the caller may see it."""
    if row is None or call.caller.partner not in (None, row.partner):
        raise UnknownCustomer
    return row


async def moment_of(services: Services, text: str, clock: ClockName, *, name: str = "asOf") -> Moment:
    """The moment that the parameter `name` asks for."""
    asked = read_moment(text, now=services.clock(), name=name)
    try:
        return await services.as_of.moment(asked, clock)
    except InFuture:
        raise Problem("as_of_in_future") from None


async def change_customer(
    services: Services, call: Call, customer_id: UUID, command: Command, *, if_match: Condition | None = None
) -> Outcome:
    """Run the caller's command, on its own customers alone where it is a partner."""
    return await services.execute_once(
        services.change(customer_id, command, partner=call.caller.partner, if_match=if_match),
        actor=call.caller.actor,
        once=call.once,
    )


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


def resource_of(row: CustomerRow | ListedCustomer) -> models.Customer:
    """The customer as its partner sees it."""
    return models.Customer(**shown(row))


def answer(resource: BaseModel, status: int = 200, *, headers: dict[str, str] | None = None) -> Response:
    """The resource as JSON, straight from its model."""
    content = resource.__pydantic_serializer__.to_json(resource, exclude_none=True)
    return JsonResponse(content, status, headers or {})


def shown(row: CustomerRow | ListedCustomer) -> dict[str, Any]:
    """What partners see of a row."""
    return {
        "id": row.id,
        "external_id": row.external_id,
        "chain_id": row.chain_id,
        "status": row.status,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def etag(call: Call, row: CustomerRow) -> dict[str, str]:
    """The entity tag of a customer, as the caller sees it."""
    return {"ETag": f'"{_tag(call, row)}"'}


def if_match(call: Call) -> Condition | None:
    """Whether the customer is still as the caller saw it, where the caller asks for that."""
    asked = read_if_match(call.request)
    if asked is None:
        return None
    return lambda history: (row := fold_row(history)) is not None and _tag(call, row) in asked


def _tag(call: Call, row: CustomerRow) -> str:
    """The stream's version; for partners the time of the last change that they can see, or they would see others."""
    if call.caller.role != "partner":
        return str(row.version)
    return f"{int(row.updated_at.timestamp() * 1_000_000):x}"


def open_challenge(outcome: Outcome) -> Challenge:
    """The challenge that waits to be signed after a command."""
    customer = fold(envelope.event for envelope in outcome.history)
    if customer is None or customer.challenge is None:
        raise UnknownCustomer
    return customer.challenge


def encoded(challenge: Challenge) -> str:
    """The message as it travels."""
    return b64encode(challenge.message.encode()).decode()


def row_of(outcome: Outcome) -> CustomerRow:
    """The customer after a command."""
    row = fold_row(outcome.history)
    if row is None:
        raise UnknownCustomer
    return row
