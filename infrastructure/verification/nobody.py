"""Where no KYC provider is configured: nobody is verified, and nobody is rejected for it."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from application.ports import Applicant, ForgedCallback, ProviderUnavailable, Reported, Session


class NoProvider:
    """Never answers. Customers wait in `verifying` until there is a provider."""

    name = "none"

    async def open(self, customer: UUID, *, key: str) -> Applicant:
        """Ask again later."""
        raise ProviderUnavailable

    async def session(self, customer: UUID, applicant: str, *, now: datetime) -> Session:
        """Ask again later."""
        raise ProviderUnavailable

    async def receive(self, body: bytes, headers: Mapping[str, str]) -> Reported | None:
        """Nobody can have sent it."""
        raise ForgedCallback

    async def poll(self, customer: UUID, applicant: str) -> Reported | None:
        """Ask again later."""
        raise ProviderUnavailable
