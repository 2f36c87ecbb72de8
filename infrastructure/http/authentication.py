"""Who makes a request: by a bearer credential, which every call needs, or by a key's secret, which a login shows.

A bearer credential is a key's secret, a token of ours or, where an issuer is configured, a person's of that. What is
known is found in memory; only what is not, is counted, and looked for.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.requests import Request

from infrastructure.access.jwts import LONGEST
from infrastructure.access.persons import NoRole
from infrastructure.access.refusals import Refusals, TooMany
from infrastructure.access.tokens import Tokens
from infrastructure.api_keys import Caller
from infrastructure.http.key_models import Credentials
from infrastructure.http.problems import Problem
from infrastructure.http.requests import header, keep_bytes, read_body
from infrastructure.services import Services

REFUSED: Final = {"WWW-Authenticate": 'Bearer realm="gatehouse", error="invalid_token"'}
"""RFC 6750, 3: what was shown has ended, or never was."""
PACE: Final = 1.0
"""Seconds between two looks at what is to go on record."""


class Authentication:
    """Finds out who calls. `run` is its life."""

    def __init__(self, services: Services) -> None:
        self._directory = services.directory
        self.tokens = Tokens(services.keys.token_secrets, services.clock)
        self._persons = services.persons
        self._clock = services.clock
        self._refusals = Refusals(services)

    async def run(self) -> None:
        """Put refusals on record, until cancelled."""
        try:
            while True:
                await asyncio.sleep(PACE)
                await self._refusals.settle()
        finally:
            await self._refusals.settle(ending=True)

    async def of_bearer(self, request: Request) -> Caller:
        """Who shows this bearer credential (RFC 6750). Raises a `Problem`."""
        scheme, _, credential = (header(request, b"authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not credential:
            raise Problem("unauthenticated")
        caller = await self._find(credential, newest=False)
        if caller is None:
            with _told_to_wait():
                await self._refusals.count_bearer(_address(request))
            caller = await self._find(credential, newest=True)
        if caller is None:
            raise Problem("unauthenticated", headers=REFUSED)
        return caller

    async def of_login(self, request: Request) -> Caller:
        """Whose key and secret the body holds. Raises a `Problem`."""
        await keep_bytes(request)  # a signature of it is checked once it is known whose
        shown = await read_body(request, Credentials)
        caller = await self._directory.shown(shown.api_key, shown.api_secret, newest=False)
        if caller is None:
            with _told_to_wait():
                await self._refusals.count_login(_address(request), shown.api_key)
            caller = await self._directory.shown(shown.api_key, shown.api_secret, newest=True)
        if caller is None:
            self._refusals.note_login(shown.api_key)
            raise Problem("invalid_credentials")
        return caller

    async def _find(self, credential: str, *, newest: bool) -> Caller | None:
        if len(credential) > LONGEST:
            return None
        if "." not in credential:  # a secret has none, and a token two
            return await self._directory.find(credential, newest=newest)
        grant = self.tokens.read(credential)
        if grant is not None:
            return await self._directory.holder(grant.key_id, grant.generation, newest=newest)
        if self._persons is None:
            return None
        try:
            return await self._persons.find(credential, self._clock().timestamp(), newest=newest)
        except NoRole:
            raise Problem("forbidden") from None


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


@contextmanager
def _told_to_wait() -> Iterator[None]:
    try:
        yield
    except TooMany as refused:
        raise Problem("too_many_requests", headers={"Retry-After": str(refused.retry_after)}) from None
