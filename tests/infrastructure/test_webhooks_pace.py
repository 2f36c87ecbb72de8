from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from application.webhooks import Placed, Webhook
from infrastructure.webhooks.pace import AT_ONCE, TROUBLED_AT_ONCE, WIDEST, Pace, Paces
from infrastructure.webhooks.retrying import FIRST, GIVEN_UP_AFTER, LONGEST, is_given_up, pause_after

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


def test_who_does_not_answer_is_soon_only_tried_and_who_answers_has_room_again() -> None:
    pace = Pace()
    for _ in range(4):
        pace.failed(0.0, retry_after=0)
    tried = pace.room(0.0)
    for _ in range(4):
        pace.took(0.01)

    assert (tried, pace.room(0.0)) == (1, WIDEST)


def test_who_is_slow_gets_less() -> None:
    pace = Pace()
    pace.took(9.0)

    assert pace.room(0.0) == WIDEST // 2


def test_who_asks_for_time_gets_nothing_until_then() -> None:
    pace = Pace()
    pace.failed(10.0, retry_after=60)

    assert (pace.room(69.0), pace.room(70.0)) == (0, WIDEST // 2)


def test_any_number_of_dead_webhooks_leaves_room_for_a_healthy_one() -> None:
    paces, dead, healthy = Paces(), webhooks(10 * AT_ONCE), webhooks(1, first=10**6)
    for webhook in dead:
        paces.of(webhook.id).window = 1

    rooms = paces.rooms([*dead, *healthy], 0.0)
    for room in rooms:
        paces.of(room.webhook).under_way = room.places
    again = paces.rooms(webhooks(1, first=10**7), 0.0)

    assert rooms[0].webhook == healthy[0].id
    assert sum(room.places for room in rooms[1:]) == TROUBLED_AT_ONCE
    assert again[0].places == WIDEST


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
