"""Lists of customers, as of now or as of any moment, page by page."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from starlette.responses import Response

from domain.wallet import canonical
from infrastructure.as_of import ListedCustomer
from infrastructure.audit_trail import AuditTrail
from infrastructure.http import models
from infrastructure.http.cursor import read_cursor, read_positions, write_cursor
from infrastructure.http.requests import read_query
from infrastructure.http.resources import (
    READERS,
    answer,
    moment_of,
    read_wallet,
    resource_of,
)
from infrastructure.http.routing import Call, Route
from infrastructure.reading import CustomerFilter
from infrastructure.services import Services
from projections.customers import CustomerRow

R = TypeVar("R", CustomerRow, ListedCustomer)


class CustomerListRoutes:
    """Whole pages of customers: a partner's own, or for officers and auditors everybody's."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._trail = AuditTrail(services)

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "GET",
                "/customers",
                self.page,
                READERS,
                "List customers, newest first",
                shows="customers",
                answer=models.CustomerPage,
                query=models.CustomerQuery,
                problems=("invalid_cursor", "malformed_account", "invalid_checksum", "as_of_in_future"),
            ),
        ]

    async def page(self, call: Call) -> Response:
        """One page, as of now or as of `asOf`; the cursor goes on where it ends, whatever is recorded meanwhile."""
        query = read_query(call.request, models.CustomerQuery)
        wanted = CustomerFilter(
            partner=call.caller.partner,
            status=query.status,
            external_id=query.external_id,
            wallet=_wallet_filter(query.chain_id),
            created_after=query.created_after,
        )
        if query.as_of is not None:
            return await self._page_as_of(call, wanted, query, query.as_of)
        key, name = self._services.keys.cursor, repr(wanted)
        before = read_cursor(key, name, query.cursor) if query.cursor else None
        rows = await self._services.reader.customers(wanted, before=before, limit=query.limit + 1)
        await self._noted(call, wanted, rows)
        return _page(rows, query.limit, lambda last: write_cursor(key, name, last.registered_position))

    async def _noted(self, call: Call, wanted: CustomerFilter, rows: Sequence[CustomerRow | ListedCustomer]) -> None:
        """A list that is narrowed to one wallet or name shows a customer as its own page does, and is on record too."""
        if wanted.external_id or wanted.wallet:
            await asyncio.gather(*(self._trail.note(call.caller, row.id, "list") for row in rows))

    async def _page_as_of(
        self, call: Call, wanted: CustomerFilter, query: models.CustomerQuery, as_of: str
    ) -> Response:
        """All pages know the same part of the log: the cursor carries how much it was at the first."""
        key, name = self._services.keys.cursor, repr((wanted, as_of, query.clock))
        before: int | None = None
        moment = await moment_of(self._services, as_of, query.clock)
        if query.cursor:
            before, known = read_positions(key, name, query.cursor, 2)
            moment = replace(moment, known=known)
        rows = await self._services.as_of.customers(wanted, moment, before=before, limit=query.limit + 1)
        await self._noted(call, wanted, rows)
        return _page(rows, query.limit, lambda last: write_cursor(key, name, last.registered_position, moment.known))


def _page(rows: Sequence[R], limit: int, cursor_after: Callable[[R], str]) -> Response:
    """As many as were asked for, of which one more was looked for."""
    listed = rows[:limit]
    cursor = cursor_after(listed[-1]) if len(rows) > limit else None
    return answer(models.CustomerPage(customers=[resource_of(row) for row in listed], next_cursor=cursor))


def _wallet_filter(account: str | None) -> str | None:
    if account is None:
        return None
    read_wallet(account)
    return canonical(account)
