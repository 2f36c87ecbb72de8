"""A service with something in it, so that generated requests meet more than 404: customers at every step, and the rest.

All of it comes about through the typed client, as a partner, an officer and an auditor would have it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final, TypeVar
from uuid import UUID

import httpx2

from bench.report import BenchError
from gatehouse_client import AuthenticatedClient
from gatehouse_client.api.customers import (
    customers_deactivate,
    customers_register,
    customers_show,
    customers_sign,
)
from gatehouse_client.api.exports import exports_order, exports_status
from gatehouse_client.api.keys import keys_issue
from gatehouse_client.api.officers_and_auditors import officers_and_auditors_page, officers_and_auditors_propose
from gatehouse_client.api.simulator import simulator_monitoring, simulator_screening, simulator_verification
from gatehouse_client.api.time_travel import time_travel_funnel
from gatehouse_client.api.webhooks import webhooks_page, webhooks_register
from gatehouse_client.models import (
    ApiKeyWithSecret,
    Credentials,
    CustomerRegistration,
    ExportRequest,
    KeyOrder,
    ProblemDetails,
    Proposal,
    SignedChallenge,
    SimulatedOutcome,
    WebhookRegistration,
)
from gatehouse_client.types import Response
from infrastructure.demo.wallet import OwnedWallet

PATIENCE: Final = 60.0
LOOK: Final = 0.05
VERIFYING: Final = ("verifying", "to verify", "to reject")
EACH: Final = 3
"""Customers at each step: generated requests move them on. So it is with webhooks and keys, which they remove."""
ALLOWED: Final = {"GATEHOUSE_WEBHOOKS_ALLOW_LOOPBACK": "true"}
"""What the service must be started with: its webhooks go to this machine, and nowhere else."""
NOBODY: Final = "http://127.0.0.1:9/webhooks"
"""Where nobody takes what is delivered: it stays to be listed and sent again."""
Live = Callable[[AuthenticatedClient, AuthenticatedClient, UUID], None]
"""What becomes of a customer, by its partner and an officer."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seed:
    """What generated requests may ask for by name, and say."""

    at: dict[str, list[str]]
    """Customers, by where they are; and all of them."""
    ids: dict[str, list[str]]
    """Of other things, by a parameter's name, or its path and name."""
    bodies: dict[str, dict[str, Any]]
    """By path, what can be posted with success: a challenge with its signature, a key with its secret."""


@contextmanager
def callers(url: str, keys: Mapping[str, str]) -> Iterator[dict[str, AuthenticatedClient]]:
    """A client for each role's key."""
    patience = httpx2.Timeout(30)
    with ExitStack() as stack:
        yield {
            role: stack.enter_context(
                AuthenticatedClient(base_url=url, token=key, timeout=patience, httpx_args={"trust_env": False})
            )
            for role, key in keys.items()
        }


def sow(clients: Mapping[str, AuthenticatedClient]) -> Seed:
    """Bring customers to every status, open reviews, and order an export."""
    partner, officer, auditor = clients["partner"], clients["officer"], clients["auditor"]
    webhooks = [_told_to_nobody(partner, str(number)) for number in range(1 + EACH)]
    kept, *revoked = [_key(clients["admin"]) for _ in range(1 + EACH)]
    unsigned = [_registered(partner) for _ in range(EACH)]
    stuck = _registered(partner)
    _told(simulator_screening.sync_detailed(stuck[0], client=partner, body=SimulatedOutcome("outage")))
    entered = {name: [_registered(partner) for _ in range(EACH)] for name in (*VERIFYING, *LIVES)}
    everybody = [one for group in entered.values() for one in group]
    for customer, answer in (stuck, *everybody):
        _signed(customers_sign.sync_detailed(customer, client=partner, body=answer))
    for customer, _ in everybody:
        ask = partial(customers_show.sync_detailed, customer, client=partner)
        _until(ask, lambda told: told.status == "verifying")
    for name, live in LIVES.items():
        for customer, _ in entered[name]:
            live(partner, officer, customer)
    reviews = _until(
        lambda: officers_and_auditors_page.sync_detailed(client=officer, limit=200),
        lambda told: len(told.reviews) >= 3 * EACH,
    ).reviews
    export = _told(exports_order.sync_detailed(client=auditor, body=ExportRequest(types=["CustomerRegistered"])))
    _until(lambda: exports_status.sync_detailed(export.id, client=auditor), lambda told: told.status == "ready")
    now = str(_told(time_travel_funnel.sync_detailed(client=partner)).position)
    delivered = partial(webhooks_page.sync_detailed, webhooks[0], client=partner)
    deliveries = _until(delivered, lambda told: bool(told.deliveries)).deliveries
    at = {name: [str(customer) for customer, _ in group] for name, group in entered.items()}
    at |= {"signing": [str(unsigned[0][0])], "anywhere": [str(each) for each, _ in (*unsigned[1:], *everybody)]}
    return Seed(
        at=at,
        ids={
            "review_id": [str(review.id) for review in reviews if review.kind == "verification_hold"],
            "alert_id": [str(review.id) for review in reviews if review.kind == "alert"],
            "asOf": [now],
            "from": [now],
            "to": [now],
            "export_id": [str(export.id)],
            "webhook_id": [str(webhooks[0])],
            "/v1/webhooks/{webhook_id} webhook_id": [str(webhook) for webhook in webhooks[1:]],
            "delivery_id": [str(delivery.id) for delivery in deliveries],
            "key_id": [str(kept.api_key)],
            "/v1/keys/{key_id} key_id": [str(key.api_key) for key in revoked],
            "digest": [digest for review in reviews for digest in review.evidence],
        },
        bodies={
            "/v1/customers/{customer_id}/challenge/sign": unsigned[0][1].to_dict(),
            "/v1/auth/token": _credentials(_key(clients["admin"])),
        },
    )


def _verify(outcome: str) -> Live:
    return lambda partner, _, customer: _verified(partner, customer, outcome)


def _verified(partner: AuthenticatedClient, customer: UUID, outcome: str = "pass") -> None:
    _told(simulator_verification.sync_detailed(customer, client=partner, body=SimulatedOutcome(outcome)))


def _suspend(partner: AuthenticatedClient, _: AuthenticatedClient, customer: UUID) -> None:
    _verified(partner, customer)
    _told(customers_deactivate.sync_detailed(customer, client=partner))


def _suspect(partner: AuthenticatedClient, _: AuthenticatedClient, customer: UUID) -> None:
    _verified(partner, customer)
    _told(simulator_monitoring.sync_detailed(customer, client=partner, body=SimulatedOutcome("suspicion")))


def _propose(partner: AuthenticatedClient, officer: AuthenticatedClient, customer: UUID) -> None:
    _verified(partner, customer)
    proposal = Proposal(reason="The contract is being explored.")
    _told(officers_and_auditors_propose.sync_detailed(customer, client=officer, body=proposal))


LIVES: Final[dict[str, Live]] = {
    "active": _verify("pass"),
    "to suspend": _verify("pass"),
    "to accuse": _verify("pass"),
    "rejected": _verify("final"),
    "held": _verify("hold"),
    "inactive": _suspend,
    "suspected": _suspect,
    "proposed": _propose,
}
"""What becomes of customers that are being verified."""


def _registered(partner: AuthenticatedClient) -> tuple[UUID, SignedChallenge]:
    """A customer whose wallet has yet to sign, and the answer to its challenge."""
    wallet = OwnedWallet()
    registration = CustomerRegistration(chain_id=wallet.account, external_id="seed")
    made = _told(customers_register.sync_detailed(client=partner, body=registration))
    signature = wallet.sign(made.challenge)
    return made.id, SignedChallenge(chain_id=wallet.account, challenge=made.challenge, signature=signature)


def _told_to_nobody(partner: AuthenticatedClient, path: str) -> UUID:
    """A webhook whose deliveries nobody takes."""
    registration = WebhookRegistration(callback_url=f"{NOBODY}/{path}", types=["customer.created", "customer.updated"])
    return _told(webhooks_register.sync_detailed(client=partner, body=registration)).id


def _key(admin: AuthenticatedClient) -> ApiKeyWithSecret:
    """A key that nobody explores with."""
    return _told(keys_issue.sync_detailed(client=admin, body=KeyOrder(role="auditor", name="seed")))


def _credentials(key: ApiKeyWithSecret) -> dict[str, Any]:
    return Credentials(api_key=key.api_key, api_secret=key.api_secret).to_dict()


def _until(ask: Callable[[], Response[ProblemDetails | T]], holds: Callable[[T], bool]) -> T:
    """What is shown once it `holds`."""
    deadline = time.monotonic() + PATIENCE
    while not holds(told := _told(ask())):
        if time.monotonic() > deadline:
            raise BenchError(f"not within {PATIENCE:g} s")
        time.sleep(LOOK)
    return told


def _told(response: Response[ProblemDetails | T]) -> T:
    """What a call is answered if all goes well."""
    if response.parsed is None or isinstance(response.parsed, ProblemDetails):
        raise BenchError(f"answered {response.status_code}: {response.content!r}")
    return response.parsed


def _signed(response: Response[Any]) -> None:
    if response.status_code != HTTPStatus.NO_CONTENT:
        raise BenchError(f"the signature was answered {response.status_code}: {response.content!r}")
