"""What a user would write instead: FastAPI and SQLAlchemy's async session, a status row and an audit row.

DATABASE_URL names the driver too (`postgresql+asyncpg://…`).
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from fastapi import FastAPI, HTTPException, status
from sqlalchemy import ForeignKey, Identity
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from bench.peers.message import challenge_message, encoded, new_nonce
from domain.vocabulary import Status
from infrastructure.http import models

POOL_SIZE: Final = 20


class Base(DeclarativeBase):
    """Columns as PostgreSQL has them."""

    type_annotation_map = {datetime: TIMESTAMP(timezone=True), dict[str, Any]: JSONB}  # noqa: RUF012  # SQLAlchemy's way


class AuditEntry(Base):
    """The audit row."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    customer_id: Mapped[UUID] = mapped_column(ForeignKey("customers.id"), index=True)
    at: Mapped[datetime]
    action: Mapped[str]
    detail: Mapped[dict[str, Any]]


class Customer(Base):
    """The status row."""

    __tablename__ = "customers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    external_id: Mapped[str]
    chain_id: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    audit_entries: Mapped[list[AuditEntry]] = relationship()


def registered(registration: models.CustomerRegistration, now: datetime) -> tuple[Customer, str]:
    """Return a registration's rows and its challenge."""
    wallet, nonce, expires_at = registration.chain_id, new_nonce(), now + timedelta(minutes=15)
    message = challenge_message(wallet=wallet, nonce=nonce, issued_at=now, expires_at=expires_at)
    detail = {"challenge": message, "nonce": nonce, "expiresAt": expires_at.isoformat()}
    customer = Customer(
        external_id=registration.external_id,
        chain_id=wallet,
        status=Status.INITIATING.value,
        created_at=now,
        updated_at=now,
        audit_entries=[AuditEntry(at=now, action="registered", detail=detail)],
    )
    return customer, message


def create_app() -> FastAPI:
    """Build the service."""
    engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=POOL_SIZE, max_overflow=0)
    session_of = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def tables(_app: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield
        await engine.dispose()

    app = FastAPI(lifespan=tables)

    @app.post("/v1/customers", status_code=status.HTTP_201_CREATED)
    async def register(registration: models.CustomerRegistration) -> models.RegisteredCustomer:
        customer, message = registered(registration, datetime.now(tz=UTC))
        async with session_of.begin() as session:
            session.add(customer)
        return models.RegisteredCustomer(**public(customer), challenge=encoded(message))

    @app.get("/v1/customers/{customer_id}")
    async def show(customer_id: UUID) -> models.Customer:
        async with session_of() as session:
            customer = await session.get(Customer, customer_id)
        if customer is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND)
        return models.Customer(**public(customer))

    return app


def public(customer: Customer) -> dict[str, Any]:
    """Return the fields a partner sees."""
    return {
        "id": customer.id,
        "external_id": customer.external_id,
        "chain_id": customer.chain_id,
        "status": Status(customer.status),
        "created_at": customer.created_at,
        "updated_at": customer.updated_at,
    }
