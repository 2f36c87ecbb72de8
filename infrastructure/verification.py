"""Where no KYC provider is configured: nobody is verified, and nobody is rejected for it."""

from datetime import datetime
from uuid import UUID

from application.ports import Applicant, ProviderUnavailable, Session


class NoProvider:
    """Never answers. Customers wait in `verifying` until there is a provider."""

    name = "none"

    async def open(self, customer: UUID, *, key: str) -> Applicant:
        """Ask again later."""
        raise ProviderUnavailable

    async def session(self, customer: UUID, applicant: str, *, now: datetime) -> Session:
        """Ask again later."""
        raise ProviderUnavailable
