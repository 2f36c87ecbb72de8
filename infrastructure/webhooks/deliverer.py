"""The deliverer: claims what is due, sends it, and settles what came of it, many at a time.

Nothing is kept here that PostgreSQL does not know: a deliverer that is killed leaves leases to run out, and what it had
sent and not settled is sent again. To each webhook goes as much at once as its pace allows; as soon as one has ended,
the next of its stock begins.
"""

import asyncio
import random
from collections.abc import Container
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from application.ports import Unavailable
from application.webhooks import Webhook
from infrastructure.http.feed_models import body_of
from infrastructure.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_LATENCY
from infrastructure.postgres import AWAY
from infrastructure.services import Services
from infrastructure.webhooks import queue
from infrastructure.webhooks.claiming import LEASE, Claimed, claim, give_back
from infrastructure.webhooks.directory import WebhookDirectory
from infrastructure.webhooks.judging import judge, record
from infrastructure.webhooks.opening import Endpoint, opened
from infrastructure.webhooks.pace import Pace, Paces, Turn
from infrastructure.webhooks.queue import Settled
from infrastructure.webhooks.retrying import pause_after
from infrastructure.webhooks.sender import DEADLINE, Outcome
from infrastructure.webhooks.signing import signed_headers

TICK: Final = 0.05
"""Seconds from one look to the next while there is anything to do: what is settled and claimed together costs less."""
POLL: Final = 0.2
FRESH: Final = 1.0
"""Seconds for which what is known of webhooks is good."""
KEPT: Final = timedelta(days=30)
"""How long what was delivered can be sent again; the feed has it for good."""
CLEARING: Final = 60.0
"""Seconds from one look for what was kept long enough to the next."""
CLEARED_AT_ONCE: Final = 5000

log = structlog.get_logger()


class Deliverer:
    """Delivers until it is cancelled."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sender = services.webhooks.sender
        self._directory = WebhookDirectory(services.pool)
        self._endpoints: dict[UUID, Endpoint] = {}
        self._paces = Paces()
        self._under_way: set[asyncio.Task[None]] = set()
        self._ended: list[Settled] = []
        """What is not on record yet."""
        self._back: set[UUID] = set()
        self._begun: set[UUID] = set()
        self._refreshed_at = self._cleared_at = float("-inf")

    async def run(self) -> None:
        """Work for good; what is under way is cancelled with it, and taken up again by whoever comes next.

        What is only in stock is given back at once.
        """
        try:
            while True:
                try:
                    busy = await self.take()
                    await self._clear_away()
                except (*AWAY, Unavailable) as fault:
                    log.warning("webhooks_interrupted", fault=type(fault).__name__)
                    busy = False
                await asyncio.sleep(TICK if busy or self._under_way else POLL)
        finally:
            for task in self._under_way:
                task.cancel()
            with suppress(*AWAY):  # the leases end by themselves
                await self._give_back([turn.claimed for pace in self._paces.by_webhook.values() for turn in pace.stock])

    async def take(self) -> bool:
        """Settle what has ended, make and claim what is due, and begin it; False if there was nothing to do."""
        await self._settle()
        await self._refresh()
        if not self._endpoints:
            return False
        made, claimed = await self._claim()
        self._begin()
        return made or claimed

    async def _claim(self) -> tuple[bool, bool]:
        """Make deliveries of what is new, and put what is due into the stocks; whether there was either."""
        loop, now = asyncio.get_running_loop(), self._services.clock()
        until, latest = now + timedelta(seconds=LEASE), loop.time() + LEASE - DEADLINE
        active = [webhook for webhook in self._webhooks.values() if webhook.failing is None]
        failing = [webhook for webhook in self._webhooks.values() if webhook.failing is not None]
        async with self._services.pool.connection() as connection:
            made = await queue.make(connection, active, now)
            claimed = []
            for rooms in self._paces.rooms(active, loop.time()):
                claimed += await claim(connection, rooms, now=now, until=until)
            for rooms in self._paces.rooms(failing, loop.time()):
                claimed += await claim(connection, rooms, now=now, until=until, asked=True)
        for each in claimed:
            self._paces.of(each.webhook).stock.append(Turn(each, latest))
        return made, bool(claimed)

    def _begin(self) -> None:
        """Begin as much of the stocks as there is room for."""
        now, places = asyncio.get_running_loop().time(), self._paces.places
        for pace in self._paces.by_webhook.values():
            while places > 0 and (turn := pace.following(now)):
                places -= 1
                task = asyncio.create_task(self._work_off(pace, turn))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    async def idle(self) -> None:
        """Wait until nothing is under way, and settle it."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        await self._settle()

    @property
    def _webhooks(self) -> dict[UUID, Webhook]:
        return {id_: endpoint.webhook for id_, endpoint in self._endpoints.items()}

    async def _refresh(self) -> None:
        """Know the webhooks as they are now, with their secrets open, and each with a cursor."""
        now = asyncio.get_running_loop().time()
        if now - self._refreshed_at < FRESH:
            return
        await self._directory.refresh()
        webhooks = self._directory.webhooks
        begun = [webhook for webhook in webhooks.values() if webhook.id not in self._begun]
        if begun:
            async with self._services.pool.connection() as connection:
                await queue.begin(connection, begun)
                if not self._begun:
                    self._paces.presume(await queue.took_lately(connection))
            self._begun.update(webhook.id for webhook in begun)
        kept = {id_: known for id_, known in self._endpoints.items() if webhooks.get(id_) == known.webhook}
        fresh = await opened(self._services.keyring, (each for id_, each in webhooks.items() if id_ not in kept))
        self._endpoints = kept | {endpoint.webhook.id: endpoint for endpoint in fresh}
        self._paces.forget(self._paces.by_webhook.keys() - self._endpoints.keys())
        self._refreshed_at = now

    async def _work_off(self, pace: Pace, turn: Turn | None) -> None:
        """Try one delivery after the other while the webhook's stock lasts."""
        while turn:
            try:
                await self._deliver(pace, turn.claimed)
            finally:
                pace.under_way -= 1
            turn = pace.following(asyncio.get_running_loop().time())

    async def _deliver(self, pace: Pace, claimed: Claimed) -> None:
        """Try one delivery, unless its webhook is no more."""
        endpoint = self._endpoints.get(claimed.webhook)
        if endpoint is None:
            return
        loop = asyncio.get_running_loop()
        began, body = loop.time(), body_of(claimed.event)
        headers = signed_headers(endpoint.signers(self._services.clock()), message_id=str(claimed.id), body=body)
        outcome = await self._sender.send(endpoint.url, headers, body)
        WEBHOOK_ATTEMPTS.labels(outcome.name).inc()
        WEBHOOK_LATENCY.observe(loop.time() - began)
        self._ended.append(self._came_to(claimed, outcome))
        self._adapt(pace, claimed.webhook, outcome, loop.time() - began)

    def _adapt(self, pace: Pace, webhook: UUID, outcome: Outcome, seconds: float) -> None:
        """Send more or less at once from here on."""
        was_away = pace.away
        if outcome.delivered:
            pace.took(asyncio.get_running_loop().time(), seconds)
        else:
            pace.failed(asyncio.get_running_loop().time(), outcome.retry_after)
        if was_away and not pace.away:
            self._back.add(webhook)

    def _came_to(self, claimed: Claimed, outcome: Outcome) -> Settled:
        due = None
        if not outcome.delivered:
            chance = random.random()  # noqa: S311 -- spreads retries, no secret
            pause = pause_after(claimed.attempt, chance=chance, retry_after=outcome.retry_after)
            due = self._services.clock() + pause
        return Settled(claimed, outcome.name, outcome.status, due)

    async def _settle(self) -> None:
        """Put on record what has ended, and first what it says of webhooks. What cannot be now is kept for later."""
        settled, now = self._ended[:], self._services.clock()
        verdicts = judge(settled, self._webhooks, now)
        if verdicts.recovered or verdicts.failing:
            await record(self._services, verdicts)
            self._refreshed_at = float("-inf")
        hurried = self._back | verdicts.recovered
        await self._give_back(self._left_over(verdicts.failing))
        if not settled and not hurried:
            return
        async with self._services.pool.connection() as connection:
            if settled:
                await queue.settle(connection, settled, now)
                del self._ended[: len(settled)]
            if hurried:
                await queue.hurry(connection, hurried, now)
                self._back -= hurried

    async def _give_back(self, claimed: list[Claimed]) -> None:
        """Leave to whoever comes next what is not going to be tried here."""
        if claimed:
            async with self._services.pool.connection() as connection:
                await give_back(connection, claimed, self._services.clock())

    def _left_over(self, failing: Container[UUID]) -> list[Claimed]:
        """What is not going to be tried in time, or at all; should it not be given back, its lease ends."""
        now, left_over = asyncio.get_running_loop().time(), []
        for id_, pace in self._paces.by_webhook.items():
            if id_ in failing:
                pace.window, pace.misses = 1, max(1, pace.misses)
            left_over += [turn.claimed for turn in pace.left_over(now)]
        return left_over

    async def _clear_away(self) -> None:
        """Delete what was kept long enough, and the deliveries of webhooks that are no more."""
        now = asyncio.get_running_loop().time()
        if now - self._cleared_at < CLEARING:
            return
        before = self._services.clock() - KEPT
        async with self._services.pool.connection() as connection:
            cleared = await queue.clear(connection, self._directory.removed, before=before, at_most=CLEARED_AT_ONCE)
        if cleared < CLEARED_AT_ONCE:  # else there is more
            self._cleared_at = now
