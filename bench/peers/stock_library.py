"""The `eventsourcing` library as its documentation shows it: declarative aggregates, `Application`, PostgreSQL module.

A registration is three events in one `save`, as ours: registered, challenge issued, and the wallet claimed by an
aggregate whose id is a version 5 UUID of the wallet, which is how the documentation keeps a name unique. Settings come
from the environment (PERSISTENCE_MODULE, POSTGRES_*). The library is synchronous: its routes run in FastAPI's threads.
"""

from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from fastapi import FastAPI, status

from bench.peers.message import challenge_message, encoded, new_nonce
from domain.vocabulary import Status
from infrastructure.http import models


class Customer(Aggregate):
    """A customer from registration on."""

    @event("CustomerRegistered")
    def __init__(self, *, wallet: str, external_id: str) -> None:
        self.wallet = wallet
        self.external_id = external_id
        self.status = "initiating"
        self.challenge = ""

    @event("ChallengeIssued")
    def issue_challenge(self, *, message: str, nonce: str, expires_at: datetime) -> None:
        """Set the message whose signature will prove that the wallet is the customer's."""
        self.challenge = message
        self.nonce = nonce
        self.expires_at = expires_at


class WalletClaim(Aggregate):
    """One per wallet: saving a second one is an IntegrityError."""

    @event("WalletClaimed")
    def __init__(self, *, wallet: str, customer_id: UUID) -> None:
        self.wallet = wallet
        self.customer_id = customer_id

    @staticmethod
    def create_id(wallet: str) -> UUID:
        """Return the claim's id, which follows from the wallet."""
        return uuid5(NAMESPACE_URL, f"/wallets/{wallet.lower()}")


class Onboarding(Application[UUID]):
    """The use cases."""

    def register(self, *, wallet: str, external_id: str) -> Customer:
        """Record a new customer, its challenge and its claim on the wallet in one transaction."""
        now = datetime.now(tz=UTC)
        nonce, expires_at = new_nonce(), now + timedelta(minutes=15)
        message = challenge_message(wallet=wallet, nonce=nonce, issued_at=now, expires_at=expires_at)
        customer = Customer(wallet=wallet, external_id=external_id)
        customer.issue_challenge(message=message, nonce=nonce, expires_at=expires_at)
        self.save(customer, WalletClaim(wallet=wallet, customer_id=customer.id))
        return customer

    def customer(self, customer_id: UUID) -> Customer:
        """Return a customer, folded from its events."""
        return self.repository.get(customer_id)


def create_app() -> FastAPI:
    """Build the service."""
    app, onboarding = FastAPI(), Onboarding()

    @app.post("/v1/customers", status_code=status.HTTP_201_CREATED)
    def register(registration: models.CustomerRegistration) -> models.RegisteredCustomer:
        customer = onboarding.register(wallet=registration.chain_id, external_id=registration.external_id)
        return models.RegisteredCustomer(
            id=customer.id,
            external_id=customer.external_id,
            chain_id=customer.wallet,
            status=Status(customer.status),
            created_at=customer.created_on,
            updated_at=customer.modified_on,
            challenge=encoded(customer.challenge),
        )

    @app.get("/v1/customers/{customer_id}")
    def show(customer_id: UUID) -> models.Customer:
        customer = onboarding.customer(customer_id)
        return models.Customer(
            id=customer.id,
            external_id=customer.external_id,
            chain_id=customer.wallet,
            status=Status(customer.status),
            created_at=customer.created_on,
            updated_at=customer.modified_on,
        )

    return app
