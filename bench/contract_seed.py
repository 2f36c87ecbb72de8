"""A service with something in it, so that generated requests meet more than 404: customers at every step, and the rest.

All of it comes about over HTTP, as a partner, an officer and an auditor would have it.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from bench.report import BenchError
from infrastructure.demo.wallet import OwnedWallet

PATIENCE: Final = 60.0
LOOK: Final = 0.05
VERIFYING: Final = ("verifying", "to verify", "to reject")
EACH: Final = 3
"""Customers at each step: generated requests move them on."""
REASON: Final = {"reason": "The contract is being explored."}
Live = Callable[[httpx2.Client, httpx2.Client, str], None]
"""What becomes of a customer, by its partner and an officer."""


@dataclass(frozen=True, slots=True)
class Seed:
    """What generated requests may ask for by name, and a challenge with its signature."""

    at: dict[str, list[str]]
    """Customers, by where they are; and all of them."""
    ids: dict[str, list[str]]
    """Of other things, by a path's parameter."""
    signed: dict[str, str]


@contextmanager
def callers(url: str, keys: Mapping[str, str]) -> Iterator[dict[str, httpx2.Client]]:
    """A client for each role's key."""
    with ExitStack() as stack:
        yield {
            role: stack.enter_context(
                httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False)
            )
            for role, key in keys.items()
        }


def sow(clients: Mapping[str, httpx2.Client]) -> Seed:
    """Bring customers to every status, open reviews, and order an export."""
    partner, officer, auditor = clients["partner"], clients["officer"], clients["auditor"]
    unsigned = [_registered(partner) for _ in range(EACH)]
    stuck = _registered(partner)
    _rehearse(partner, stuck[0]["id"], "screening", "outage")
    entered = {name: [_registered(partner) for _ in range(EACH)] for name in (*VERIFYING, *LIVES)}
    ids = {name: [customer["id"] for customer, _ in group] for name, group in entered.items()}
    everybody = [customer for group in ids.values() for customer in group]
    for told, answer in (stuck, *(one for group in entered.values() for one in group)):
        _done(partner.post(f"/v1/customers/{told['id']}/challenge/sign", json=answer))
    for customer in everybody:
        _until(partner, f"/v1/customers/{customer}", lambda told: told["status"] == "verifying")
    for name, live in LIVES.items():
        for customer in ids[name]:
            live(partner, officer, customer)
    reviews = _until(officer, "/v1/reviews?limit=200", lambda told: len(told["reviews"]) >= 3 * EACH)["reviews"]
    export = _done(auditor.post("/v1/exports", json={"types": ["CustomerRegistered"]}))
    _until(auditor, f"/v1/exports/{export['id']}", lambda told: told["status"] == "ready")
    challenge, signed = unsigned[0]
    now = str(_done(partner.get("/v1/funnel"))["position"])
    of_kind = {kind: [one["id"] for one in reviews if one["kind"] == kind] for kind in {one["kind"] for one in reviews}}
    return Seed(
        at=ids
        | {"signing": [challenge["id"]], "anywhere": [customer["id"] for customer, _ in unsigned[1:]] + everybody},
        ids={
            "review_id": of_kind["verification_hold"],
            "alert_id": of_kind["alert"],
            "asOf": [now],
            "from": [now],
            "to": [now],
            "export_id": [export["id"]],
            "digest": [digest for review in reviews for digest in review["evidence"]],
        },
        signed=signed,
    )


def _verify(outcome: str) -> Live:
    return lambda partner, _, customer: _rehearse(partner, customer, "verification", outcome)


def _suspend(partner: httpx2.Client, officer: httpx2.Client, customer: str) -> None:
    _verify("pass")(partner, officer, customer)
    _done(partner.patch(f"/v1/customers/{customer}/deactivate"))


def _suspect(partner: httpx2.Client, officer: httpx2.Client, customer: str) -> None:
    _verify("pass")(partner, officer, customer)
    _rehearse(partner, customer, "monitoring", "suspicion")


def _propose(partner: httpx2.Client, officer: httpx2.Client, customer: str) -> None:
    _verify("pass")(partner, officer, customer)
    _done(officer.post(f"/v1/customers/{customer}/rejection", json=REASON))


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


def _rehearse(partner: httpx2.Client, customer: str, step: str, outcome: str) -> None:
    _done(partner.patch(f"/v1/simulator/customers/{customer}/{step}", json={"outcome": outcome}))


def _registered(partner: httpx2.Client) -> tuple[dict[str, Any], dict[str, str]]:
    """A customer whose wallet has yet to sign, and the answer to its challenge."""
    wallet = OwnedWallet()
    customer = _done(partner.post("/v1/customers", json={"chainId": wallet.account, "externalId": "seed"}))
    challenge = customer["challenge"]
    return customer, {"chainId": wallet.account, "challenge": challenge, "signature": wallet.sign(challenge)}


def _until(client: httpx2.Client, path: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is shown once it `holds`."""
    deadline = time.monotonic() + PATIENCE
    while not holds(told := _done(client.get(path))):
        if time.monotonic() > deadline:
            raise BenchError(f"not within {PATIENCE:g} s: {path}")
        time.sleep(LOOK)
    return told


def _done(response: httpx2.Response) -> dict[str, Any]:
    if not response.is_success:
        raise BenchError(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}"
        )
    return dict(response.json()) if response.content else {}
