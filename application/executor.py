"""The executor: every command that waits is decided and appended in one transaction (group commit).

Commands that arrive while a commit is under way are the next batch, so load makes batches larger and each commit
cheaper. A refusal touches only its own command. It is a coroutine of the event loop: one process, one executor.
"""

import asyncio
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from application.envelope import Context, Envelope
from application.handlers import Changes, Handler, Handling, Presumed
from application.idempotency import Entry, Once
from application.ports import Batch, Conflict, Histories, Journal, NewId, Receipt, Unavailable
from domain.refusals import Refused

LARGEST_BATCH: Final = 256
WORTH_A_LANE: Final = 12
"""So many orders are decided while another lane's commit is under way; fewer wait for it to end."""
LINGER: Final = 0.001
"""Seconds that fewer wait for more after a batch so large: those who were in it are about to come back."""
PATIENCE: Final = 4.0
"""Seconds that a command may wait for a log that is away before its caller is told so."""
PAUSE: Final = 0.05

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to: the stream's history up to then, of which it added the last `new` events."""

    stream: UUID
    history: tuple[Envelope, ...]
    new: int
    sealed: bytes | None = None
    """What the first request under its idempotency key sealed."""

    @property
    def version(self) -> int:
        """The stream's version after the command."""
        return len(self.history)

    @property
    def added(self) -> tuple[Envelope, ...]:
        """What the command added; empty where it was true already."""
        return self.history[len(self.history) - self.new :]


@dataclass(slots=True, eq=False)
class _Order:
    """A command that waits for its answer: an outcome, a refusal or a fault."""

    handler: Handler
    context: Context
    answer: "asyncio.Future[Outcome]"
    deadline: float
    once: Once | None = None
    decided: Outcome | Exception | None = None

    def deliver(self, answer: Outcome | Exception | None) -> None:
        """Answer the caller, if it is still there."""
        if self.answer.done():
            return
        if self.once:
            self.once.settled = isinstance(answer, Outcome | Refused)
        if isinstance(answer, Outcome):
            self.answer.set_result(answer)
        else:
            self.answer.set_exception(answer or Unavailable())

    def entries(self) -> list[Entry]:
        """What goes on record of the order, where it is executed once. A fault does not."""
        if self.once and isinstance(self.decided, Outcome):
            return [self.once.came_to(self.decided.stream, self.decided.version)]
        return [self.once.was_refused(self.decided)] if self.once and isinstance(self.decided, Refused) else []


class Executor:
    """Runs handlers in batches. `run` is its life; `execute` is how the rest of the process asks."""

    def __init__(self, journal: Journal, new_id: NewId, lanes: int = 1) -> None:
        self._journal = journal
        self._new_id = new_id
        self._lanes = lanes
        self._busy = 0
        self._crowded = False
        self._lingering: asyncio.TimerHandle | None = None
        self._waiting: list[_Order] = []
        self._called = asyncio.Event()
        self._away_at = float("-inf")

    async def execute(self, handler: Handler, context: Context, once: Once | None = None) -> Outcome:
        """Decide and append durably. Raises the handler's refusal, or `Unavailable` if the log stays away too long.

        What is asked for `once` has the first request's outcome or refusal, if it is a repeat. Raises `KeyReused`.
        """
        loop = asyncio.get_running_loop()
        order = _Order(handler, context, loop.create_future(), loop.time() + PATIENCE, once)
        self._waiting.append(order)
        self._beckon()
        return await order.answer

    async def run(self) -> None:
        """Serve until cancelled; who still waits then is told that the log is unavailable."""
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(self._lanes):
                    lanes.create_task(self._run_lane())
        finally:
            for order in self._waiting:
                order.deliver(Unavailable())

    async def _run_lane(self) -> None:
        """Take what waits; beside a busy lane, only when it makes a batch that is worth a commit of its own."""
        while True:
            await self._called.wait()
            if not self._called.is_set():
                continue  # the other lane was called, too, and was faster
            orders, self._waiting = self._waiting[:LARGEST_BATCH], self._waiting[LARGEST_BATCH:]
            if self._lingering:
                self._lingering.cancel()
                self._lingering = None
            self._busy += 1
            self._crowded = len(orders) >= WORTH_A_LANE
            self._beckon()
            try:
                await self._settle(self._in_time(orders))
            finally:
                self._busy -= 1
                self._beckon()
                for order in orders:
                    order.deliver(Unavailable())

    def _beckon(self) -> None:
        """Call a lane if there is enough for it to do: much, or little that no lane at work will be back for."""
        self._called.clear()
        alone = self._waiting and not self._busy
        if len(self._waiting) >= WORTH_A_LANE or (alone and not self._crowded):
            self._called.set()
        elif alone and self._lingering is None:
            self._lingering = asyncio.get_running_loop().call_later(LINGER, self._linger_no_more)

    def _linger_no_more(self) -> None:
        """Whoever was about to come back has come."""
        self._lingering, self._crowded = None, False
        self._beckon()

    async def _settle(self, orders: list[_Order]) -> None:
        """Answer every order: together, once more after a lost race or a wrong presumption, then one by one."""
        races = 0
        while orders:
            try:
                return await self._decide_and_append(orders, presuming=not races)
            except Unavailable:
                self._away_at = asyncio.get_running_loop().time()
                await asyncio.sleep(PAUSE)
            except Conflict:
                races += 1
            except Exception as fault:  # one command's fault must not harm its batch mates
                log.exception("command_failed", commands=len(orders), fault=type(fault).__name__)
                races = 2
                if len(orders) == 1:
                    return orders[0].deliver(fault)
            orders = await self._unanswered(orders)
            if races > 1 and len(orders) > 1:
                for order in orders:
                    await self._settle(self._in_time([order]))
                return None
        return None

    async def _decide_and_append(self, orders: list[_Order], *, presuming: bool) -> None:
        handlings = [order.handler() for order in orders]
        asked = [next(handling) for handling in handlings]
        loaded: Histories = {}
        if presuming:
            loaded = {stream: [] for streams in asked if isinstance(streams, Presumed) for stream in streams}
        loaded |= await self._journal.load({stream for streams in asked for stream in streams} - loaded.keys())
        batch = Batch()
        for order, handling, streams in zip(orders, handlings, asked, strict=True):
            if _done(order, streams, loaded):
                raise Conflict
            await self._decide(order, handling, loaded, batch)
            batch.entries += order.entries()
        if batch.envelopes or batch.entries:
            written = {envelope.stream for envelope in batch.envelopes}
            batch.seen = {stream: len(history) for stream, history in loaded.items() if stream not in written}
            await self._journal.append(batch)
        for order in orders:
            order.deliver(order.decided)

    async def _decide(self, order: _Order, handling: Handling, loaded: Histories, batch: Batch) -> None:
        """Decide one order on what is loaded, its batch mates' events included; nobody hears of it yet."""
        asked: tuple[UUID, ...] = ()
        while True:
            missing = [stream for stream in asked if stream not in loaded]
            if missing:
                loaded.update(await self._journal.load(missing))
            try:
                asked = handling.send(loaded)
            except StopIteration as done:
                order.decided = self._written(order, done.value, loaded, batch)
                return
            except Exception as refusal:  # noqa: BLE001 -- delivered to the caller, whatever it is
                order.decided = refusal
                return

    def _written(self, order: _Order, changes: Changes, loaded: Histories, batch: Batch) -> Outcome:
        """Put the changes into the batch and onto the loaded histories, for the batch mates that follow."""
        subject = changes[0][0]
        for stream, events in changes:
            history = loaded.setdefault(stream, [])
            for event in events:
                envelope = Envelope(stream, len(history) + 1, self._new_id(), order.context, event)
                history.append(envelope)
                batch.envelopes.append(envelope)
        history = loaded[subject]
        if any(events for _, events in changes):
            batch.receipts.append(Receipt(order.context.command_id, subject, len(history)))
        return Outcome(subject, tuple(history), len(changes[0][1]), order.once.sealed if order.once else None)

    async def _unanswered(self, orders: list[_Order]) -> list[_Order]:
        """Answer what was in fact recorded (a lost connection or a conflict may hide a commit) or is out of time."""
        try:
            receipts = await self._journal.receipts([order.context.command_id for order in orders])
            entries = await self._journal.entries([order.once.key for order in orders if order.once])
            records: list[Receipt | Entry] = [*receipts.values(), *entries.values()]
            histories = await self._journal.load({record.stream for record in records})
            for order in orders:
                if order.once and (entry := entries.get(order.once.key)):
                    history = histories[entry.stream]
                    order.deliver(entry.refused(order.once.fingerprint, history) or outcome_of(entry, history))
                elif receipt := receipts.get(order.context.command_id):
                    order.deliver(outcome_of(receipt, histories[receipt.stream]))
        except Unavailable:
            pass
        except Exception as fault:  # whatever it is, the executor goes on, and these orders until they are out of time
            log.exception("receipts_not_read", commands=len(orders), fault=type(fault).__name__)
        now = asyncio.get_running_loop().time()
        for order in orders:
            if order.deadline <= now:
                order.deliver(Unavailable())
        return [order for order in orders if not order.answer.done()]

    def _in_time(self, orders: list[_Order]) -> list[_Order]:
        """Without those whose time was over when the log was last seen to be away: they are told so, untried."""
        for order in orders:
            if order.deadline <= self._away_at:
                order.deliver(Unavailable())
        return [order for order in orders if not order.answer.done()]


def _done(order: _Order, streams: tuple[UUID, ...], loaded: Histories) -> bool:
    """Whether the command's own events are there already: decided again, it would be told that it is too late."""
    done = order.context.command_id
    for stream in streams:
        for envelope in loaded[stream]:
            if envelope.context.command_id == done:
                return True
    return False


def outcome_of(record: Receipt | Entry, history: list[Envelope]) -> Outcome:
    """The outcome that the log remembers of a command."""
    upto = tuple(history[: record.version])
    added = sum(envelope.context.command_id == record.command_id for envelope in upto)
    return Outcome(record.stream, upto, added, record.sealed if isinstance(record, Entry) else None)
