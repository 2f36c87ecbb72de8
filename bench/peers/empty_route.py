"""FastAPI alone: our routes and models with nothing behind them. The ceiling of the framework."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from fastapi import FastAPI, status

from bench.peers.message import challenge_message, encoded
from domain.vocabulary import Status
from infrastructure.http.models import Customer, CustomerRegistration, RegisteredCustomer

ANYONE: Final = UUID("0198f2b4-6a1e-7c3d-9f00-2b1c4d5e6f70")
NOW: Final = datetime(2025, 1, 1, tzinfo=UTC)
WALLET: Final = "eip155:1:0x52908400098527886E0F7030069857D2E4169EE7"
CHALLENGE: Final = encoded(challenge_message(wallet=WALLET, nonce="0123456789abcdef", issued_at=NOW, expires_at=NOW))


def create_app() -> FastAPI:
    """Build the service."""
    app = FastAPI()

    @app.post("/v1/customers", status_code=status.HTTP_201_CREATED)
    async def register(registration: CustomerRegistration) -> RegisteredCustomer:
        return RegisteredCustomer(
            id=ANYONE,
            external_id=registration.external_id,
            chain_id=registration.chain_id,
            status=Status.INITIATING,
            created_at=NOW,
            updated_at=NOW,
            challenge=CHALLENGE,
        )

    @app.get("/v1/customers/{customer_id}")
    async def show(customer_id: UUID) -> Customer:
        return Customer(
            id=customer_id,
            external_id="user-1",
            chain_id=WALLET,
            status=Status.INITIATING,
            created_at=NOW,
            updated_at=NOW,
        )

    return app
