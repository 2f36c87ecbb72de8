"""When the retention clock starts: with the end of the relationship, as the log recorded it."""

from datetime import timedelta

import pytest

from application.envelope import UNSTAMPED
from application.retention import ended_at
from domain.vocabulary import Event
from tests.domain import histories as h
from tests.domain.samples import NOW
from tests.domain.test_retention import LIFTED, PLACED
from tests.projections.recorded import recorded

NEVER = NOW + timedelta(days=9999)


def began(history: tuple[Event, ...]) -> int | None:
    """The number of the event, counted from the last, at which the relationship ended."""
    envelopes = list(recorded(*history))
    for number, envelope in enumerate(envelopes):
        envelope.recorded_at = NOW + timedelta(days=number)
    at = ended_at(envelopes, now=NEVER)
    return None if at is None else (at - NOW).days - len(history)


def test_it_starts_with_the_rejection() -> None:
    assert began(h.REJECTED_IN_SCREENING) == -1
    assert began((*h.REJECTED_IN_SCREENING, PLACED, LIFTED)) == -3, "a hold is no new beginning"


def test_it_starts_with_the_first_deactivation_and_again_after_the_customer_was_back() -> None:
    (*_, deactivated) = h.DEACTIVATED_BY_PARTNER
    assert began(h.DEACTIVATED_BY_PARTNER) == -1
    assert began((*h.DEACTIVATED_BY_PARTNER, deactivated)) == -2
    assert began((*h.ALERT_CLEARED, deactivated)) == -1


@pytest.mark.parametrize(
    "history", [h.REGISTERED, h.CHALLENGE_FAILED, h.CHALLENGE_VERIFIED, h.VERIFYING_IN_SESSION, h.HELD_IN_VERIFYING]
)
def test_an_onboarding_that_stands_still_ended_when_anything_last_happened_in_it(history: tuple[Event, ...]) -> None:
    assert began(history) == -1
    assert began((*history, PLACED)) == -2, "a hold is no new beginning"


@pytest.mark.parametrize("history", [h.NOBODY, h.ACTIVE, h.ALERT_CLEARED])
def test_it_has_not_started_for_who_is_in(history: tuple[Event, ...]) -> None:
    assert began(history) is None


def test_what_is_decided_in_the_same_batch_has_ended_now_and_not_long_ago() -> None:
    envelopes = list(recorded(*h.DEACTIVATED_BY_PARTNER))
    envelopes[-1].recorded_at = UNSTAMPED
    assert ended_at(envelopes, now=NEVER) == NEVER
