from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from application.webhooks import Placed, Webhook
from infrastructure.webhooks.claiming import Claimed
from infrastructure.webhooks.pace import (
    AT_ONCE,
    STOCK,
    STOCKED,
    TROUBLED_AT_ONCE,
    UNPROVEN_AT_ONCE,
    WIDEST,
    Pace,
    Paces,
    Turn,
)
from infrastructure.webhooks.retrying import FIRST, GIVEN_UP_AFTER, LONGEST, is_given_up, pause_after
from projections.feed import FeedRow

NOW = datetime(2026, 5, 1, tzinfo=UTC)
TEXT = Placed("text", 1, "secret")
WEBHOOK = Webhook(
    id=UUID(int=0),
    partner=UUID(int=1),
    address=TEXT,
    types=("customer.created",),
    secret=TEXT,
    previous=None,
    previous_until=None,
    failing=None,
    registered_at=1,
    active_since=NOW,
    created_at=NOW,
    updated_at=NOW,
    version=1,
)


def webhooks(count: int, first: int = 0) -> list[Webhook]:
    return [replace(WEBHOOK, id=UUID(int=first + number)) for number in range(count)]


def healthy() -> Pace:
    return Pace(window=WIDEST)


def turns(count: int, latest: float) -> list[Turn]:
    event = FeedRow(**dict.fromkeys(FeedRow._fields))  # type: ignore[arg-type] # what is in it does not matter
    return [Turn(Claimed(UUID(int=0), UUID(int=number), 1, NOW, None, event), latest) for number in range(count)]


def test_who_is_new_is_tried_with_one_and_has_more_with_each_that_it_takes() -> None:
    pace, rooms = Pace(), []
    for _ in range(5):
        rooms.append(pace.room(0.0))
        pace.took(0.0, 0.01)

    assert rooms == [1, 2, 4, 8, WIDEST]


def test_who_does_not_answer_is_soon_only_tried_and_who_answers_has_room_again() -> None:
    pace = healthy()
    for _ in range(4):
        pace.failed(0.0, retry_after=0)
    tried = pace.room(0.0)
    for _ in range(4):
        pace.took(0.0, 0.01)

    assert (tried, pace.room(0.0)) == (1, WIDEST)


def test_who_is_slow_gets_less() -> None:
    pace = healthy()
    pace.took(0.0, 9.0)

    assert pace.room(0.0) == WIDEST // 2


def test_who_asks_for_time_gets_nothing_until_then() -> None:
    pace = healthy()
    pace.failed(10.0, retry_after=60)

    assert (pace.room(69.0), pace.room(70.0)) == (0, WIDEST // 2)


def test_any_number_of_dead_webhooks_leaves_room_for_a_healthy_one() -> None:
    paces, dead, well = Paces(), webhooks(10 * AT_ONCE), webhooks(1, first=10**6)
    for webhook in dead:
        paces.of(webhook.id).failed(0.0, 0)
    for webhook in dead[:TROUBLED_AT_ONCE]:
        paces.of(webhook.id).under_way = 1
    paces.by_webhook[well[0].id] = healthy()

    others, _, troubled = paces.rooms([*dead, *well], 0.0)

    assert [(room.webhook, room.places) for room in others.each] == [(well[0].id, WIDEST + STOCK)]
    assert others.at_most >= WIDEST + STOCK
    assert troubled.at_most == 0


def test_webhooks_that_have_nothing_to_be_sent_take_no_room_from_one_that_has() -> None:
    paces, known = Paces(), webhooks(10 * AT_ONCE)
    for webhook in known:
        paces.by_webhook[webhook.id] = healthy()

    rooms, *_ = paces.rooms(known, 0.0)

    assert len(rooms.each) == len(known)
    assert {room.places for room in rooms.each} == {WIDEST + STOCK}
    assert rooms.at_most == AT_ONCE + STOCKED


def test_any_number_of_new_webhooks_that_do_not_answer_leaves_places_for_one_that_does() -> None:
    paces, new, well = Paces(), webhooks(10 * AT_ONCE), webhooks(1, first=10**6)
    paces.by_webhook[well[0].id] = healthy()
    _, before, _ = paces.rooms([*new, *well], 0.0)
    for room in before.each[: before.at_most]:
        paces.of(room.webhook).under_way = room.places

    proven, after, _ = paces.rooms([*new, *well], 0.0)

    assert (before.at_most, after.at_most) == (UNPROVEN_AT_ONCE, 0)
    assert paces.places >= WIDEST
    assert [room.webhook for room in proven.each] == [well[0].id]


def test_among_those_in_trouble_who_took_one_last_is_tried_first() -> None:
    paces, dead, lately = Paces(), webhooks(100), webhooks(1, first=10**6)
    paces.of(lately[0].id).took(5.0, 0.01)
    for webhook in [*dead, *lately]:
        paces.of(webhook.id).failed(6.0, 0)

    *_, troubled = paces.rooms([*dead, *lately], 10.0)

    assert troubled.each[0].webhook == lately[0].id


def test_what_waits_begins_as_others_end_and_is_left_where_it_would_be_too_late_or_in_vain() -> None:
    early, late = turns(3, latest=10.0)[:2], turns(3, latest=20.0)[2:]
    pace = healthy()
    pace.stock.extend([*early, *late])

    begun = pace.following(10.0)
    too_late = pace.following(11.0)
    left_over = pace.left_over(11.0)
    kept = [*pace.stock]
    for _ in range(4):
        pace.failed(11.0, 0)

    assert (begun, too_late, left_over, kept) == (early[0], None, early[1:], late)
    assert pace.under_way == 1
    assert pace.following(11.0) is None
    assert (pace.left_over(11.0), [*pace.stock]) == (late, [])


@given(attempt=st.integers(1, 10**6), chance=st.floats(0, 1))
def test_retries_wait_longer_each_time_within_bounds(attempt: int, chance: float) -> None:
    pause = pause_after(attempt, chance=chance)

    assert FIRST / 2 <= pause <= LONGEST
    assert pause <= pause_after(attempt + 1, chance=chance)
    assert pause_after(attempt, chance=chance, retry_after=10**5) == timedelta(seconds=10**5)


def test_an_event_is_given_up_after_three_days_of_an_active_webhook() -> None:
    long_ago = NOW - timedelta(days=30)
    tried = {"first_attempt_at": NOW, "active_since": long_ago}

    assert not is_given_up(**tried, now=NOW + GIVEN_UP_AFTER - timedelta(seconds=1))
    assert is_given_up(**tried, now=NOW + GIVEN_UP_AFTER)
    assert not is_given_up(first_attempt_at=long_ago, active_since=NOW, now=NOW + timedelta(days=1))
