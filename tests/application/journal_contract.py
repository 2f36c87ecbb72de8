"""What every journal keeps to. Inherit it and give it a `journal` fixture."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from application.envelope import Context, Envelope
from application.idempotency import Entry
from application.ports import Batch, Conflict, Journal, Receipt
from domain.events import CustomerReactivated, LegalHoldPlaced, WalletClaimed
from domain.vocabulary import Event, Sealed

ONE, OTHER, THIRD = (UUID(int=0x1000 + number) for number in range(3))
CUSTOMER = UUID(int=0x2000)
CLAIM = WalletClaimed(customer=CUSTOMER)
ENTRY = Entry(b"key", b"asked", UUID(int=1), ONE, 1)


def command(number: int) -> Context:
    """Who asks."""
    return Context(f"officer:{number}", UUID(int=number), UUID(int=0x3000), datetime(2026, 1, 1, tzinfo=UTC))


def batch(number: int, *places: tuple[UUID, int], event: Event = CLAIM) -> Batch:
    """The events of one command, one at each place, and its receipt."""
    envelopes = [
        Envelope(stream, version, UUID(int=0x4000 + 16 * number + at), command(number), event)
        for at, (stream, version) in enumerate(places)
    ]
    stream, version = places[-1]
    return Batch(envelopes, [Receipt(UUID(int=number), stream, version)])


class JournalContract:
    """The port's promises, one by one."""

    async def test_a_stream_that_does_not_exist_is_an_empty_list(self, journal: Journal) -> None:
        assert await journal.load([ONE, OTHER]) == {ONE: [], OTHER: []}
        assert await journal.load([]) == {}

    async def test_what_was_appended_is_loaded_as_it_was_stamped(self, journal: Journal) -> None:
        first, second = batch(1, (ONE, 1), (OTHER, 1)), batch(2, (ONE, 2))
        await journal.append(first)
        await journal.append(second)

        assert await journal.load([ONE, OTHER, THIRD]) == {
            ONE: [first.envelopes[0], second.envelopes[0]],
            OTHER: [first.envelopes[1]],
            THIRD: [],
        }

    async def test_positions_follow_the_order_of_commits_without_gaps(self, journal: Journal) -> None:
        batches = [batch(1, (ONE, 1), (OTHER, 1)), batch(2, (ONE, 2)), batch(3, (OTHER, 2), (THIRD, 1))]
        for each in batches:
            await journal.append(each)

        envelopes = [envelope for each in batches for envelope in each.envelopes]
        first = envelopes[0].position
        assert first > 0
        assert [envelope.position for envelope in envelopes] == list(range(first, first + 5))
        times = [envelope.recorded_at for envelope in envelopes]
        assert times == sorted(times)
        assert all(time.tzinfo for time in times)

    async def test_a_version_that_is_taken_is_a_conflict_and_nothing_is_written(self, journal: Journal) -> None:
        await journal.append(batch(1, (ONE, 1)))

        with pytest.raises(Conflict):
            await journal.append(batch(2, (OTHER, 1), (ONE, 1)))

        assert len((await journal.load([ONE]))[ONE]) == 1
        assert (await journal.load([OTHER]))[OTHER] == []
        assert await journal.receipts([UUID(int=2)]) == {}

    async def test_a_version_twice_in_a_batch_is_a_conflict(self, journal: Journal) -> None:
        with pytest.raises(Conflict):
            await journal.append(batch(1, (ONE, 1), (ONE, 1)))

        assert (await journal.load([ONE]))[ONE] == []

    async def test_a_stream_that_was_seen_and_has_moved_on_is_a_conflict(self, journal: Journal) -> None:
        await journal.append(batch(1, (ONE, 1)))
        for stream, version in ((ONE, 0), (ONE, 2), (CUSTOMER, 1)):
            decided = batch(2, (OTHER, 1))
            decided.seen = {stream: version}
            with pytest.raises(Conflict):
                await journal.append(decided)
        assert (await journal.load([OTHER]))[OTHER] == []

        decided.seen = {ONE: 1, CUSTOMER: 0}
        await journal.append(decided)

        assert len((await journal.load([OTHER]))[OTHER]) == 1

    async def test_a_command_that_is_on_record_is_a_conflict_and_nothing_is_written(self, journal: Journal) -> None:
        await journal.append(batch(1, (ONE, 1)))

        with pytest.raises(Conflict):
            await journal.append(batch(1, (OTHER, 1)))

        assert (await journal.load([OTHER]))[OTHER] == []

    async def test_after_a_conflict_the_journal_goes_on(self, journal: Journal) -> None:
        await journal.append(batch(1, (ONE, 1)))
        with pytest.raises(Conflict):
            await journal.append(batch(2, (ONE, 1)))

        again = batch(2, (ONE, 2))
        await journal.append(again)

        assert again.envelopes[0].position == (await journal.load([ONE]))[ONE][0].position + 1

    async def test_a_receipt_says_what_its_command_came_to(self, journal: Journal) -> None:
        await journal.append(batch(1, (ONE, 1), (ONE, 2)))

        assert await journal.receipts([UUID(int=1), UUID(int=9)]) == {UUID(int=1): Receipt(UUID(int=1), ONE, 2)}
        assert await journal.receipts([]) == {}

    async def test_what_a_request_came_to_is_on_record_with_its_events(self, journal: Journal) -> None:
        decided = batch(1, (ONE, 1))
        decided.entries = [ENTRY, Entry(b"other", b"asked", UUID(int=2), CUSTOMER, 0, "customer_exists", b"sealed")]
        await journal.append(decided)

        assert await journal.entries([b"key", b"other", b"unknown"]) == {entry.key: entry for entry in decided.entries}
        assert await journal.entries([]) == {}

    async def test_what_a_request_came_to_is_on_record_where_nothing_happened(self, journal: Journal) -> None:
        await journal.append(Batch(entries=[ENTRY]))

        assert await journal.entries([b"key"]) == {b"key": ENTRY}
        assert await journal.load([ONE]) == {ONE: []}

    async def test_a_key_that_is_on_record_is_a_conflict_and_nothing_is_written(self, journal: Journal) -> None:
        await journal.append(Batch(entries=[ENTRY]))
        for keys in ((b"key",), (b"new", b"key"), (b"new", b"new")):
            decided = batch(2, (OTHER, 1))
            decided.entries = [ENTRY._replace(key=key, fingerprint=b"another") for key in keys]
            with pytest.raises(Conflict):
                await journal.append(decided)

        assert (await journal.load([OTHER]))[OTHER] == []
        assert await journal.entries([b"key", b"new"]) == {b"key": ENTRY}

    async def test_what_is_loaded_is_the_callers_own(self, journal: Journal) -> None:
        await journal.append(batch(1, (ONE, 1)))
        (await journal.load([ONE]))[ONE].clear()

        assert len((await journal.load([ONE]))[ONE]) == 1

    async def test_personal_text_is_sealed_on_the_way(self, journal: Journal) -> None:
        await journal.append(
            batch(1, (CUSTOMER, 1), event=LegalHoldPlaced(authority="Central Bank", reason="about a person"))
        )
        await journal.append(batch(2, (CUSTOMER, 2), event=CustomerReactivated(decided_by="officer:alice")))

        held, nothing = [envelope.event for envelope in (await journal.load([CUSTOMER]))[CUSTOMER]]
        assert isinstance(held, LegalHoldPlaced)
        assert isinstance(held.reason, Sealed)
        assert "person" not in held.reason.sealed
        assert nothing == CustomerReactivated(decided_by="officer:alice")
