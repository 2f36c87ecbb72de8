from datetime import timedelta

import pytest

from domain.events import CustomerDeactivated, ScreeningAttempted
from domain.vocabulary import Event, Ground, Sealed
from projections.projection import CUSTOMER_EVENTS
from projections.timeline import TimelineRow, timeline_row, words
from tests.domain.histories import ACTIVE, HISTORIES, REJECTED_FOR_ILLICIT_ACTIVITY, REJECTED_IN_SCREENING
from tests.domain.samples import ALICE, CUSTOMER, listed, silent
from tests.domain.stored import envelope_of
from tests.projections.recorded import ACTOR, moment, recorded

NAMES = sorted(kind.__name__ for kind in CUSTOMER_EVENTS)


def told(*history: Event) -> list[tuple[str, str]]:
    """The story: what happened, and why."""
    return [words(event) for event in history]


def test_a_line_says_who_what_when_and_why() -> None:
    (row,) = (timeline_row(envelope) for envelope in recorded(*ACTIVE[-1:], after=6, first_position=42))

    assert row == TimelineRow(
        customer=CUSTOMER,
        position=42,
        version=7,
        type="VerificationPassed",
        recorded_at=moment(7),
        occurred_at=moment(7) - timedelta(minutes=1),
        actor=ACTOR,
        what="Passed verification and is active",
        why="sumsub approved, says policy:verification-1",
    )


def test_an_onboarding_reads_as_a_story() -> None:
    assert told(*ACTIVE) == [
        ("Registered with a wallet", "The partner asked for onboarding"),
        ("Was given a challenge to sign", "Good until 2026-01-05 13:00:00 UTC"),
        ("Proved ownership of the wallet", "The signature holds (eip191)"),
        ("Wallet was screened, attempt 1: clear", "ofac found gambling (medium)"),
        ("Passed screening", "Nothing stands against the wallet, says policy:screening-1"),
        ("Can verify their identity", "sumsub opened a session at level basic"),
        ("Passed verification and is active", "sumsub approved, says policy:verification-1"),
    ]


def test_so_does_a_rejection() -> None:
    assert told(*REJECTED_IN_SCREENING[3:], *REJECTED_FOR_ILLICIT_ACTIVITY[7:]) == [
        (
            "Wallet was screened, attempt 1: fail",
            f"ofac found sanctions (severe) (list 2026-01-05, {str(listed().list_hash)[:12]}); sanctions match",
        ),
        ("Was rejected: failed screening", "sanctions match, says policy:screening-1"),
        ("Monitoring raised an alert", "single source findings; trm found illicit_funds (high)"),
        ("Was deactivated", "suspicion, by policy:monitoring-1"),
        ("Was rejected: illicit activity", "confirmed by two sources, says policy:monitoring-1"),
    ]


def test_an_attempt_that_is_repeated_says_when() -> None:
    attempt = envelope_of("ScreeningAttempted").event
    assert isinstance(attempt, ScreeningAttempted)

    what, why = words(attempt.model_copy(update={"reports": (silent("trm"),)}))

    assert what == "Wallet was screened, attempt 2: retry"
    assert why == ("trm did not answer; single source findings, source unavailable; again at 2026-01-05 12:30:00 UTC")


@pytest.mark.parametrize("name", NAMES)
def test_every_event_of_a_customer_has_words_of_its_own(name: str) -> None:
    what, why = words(envelope_of(name).event)

    assert what != name
    assert what[:1].isupper()
    assert why
    assert not what.endswith(".")
    assert "None" not in what + why


def test_no_two_events_read_the_same() -> None:
    said = {words(envelope_of(name).event)[0] for name in NAMES}

    assert len(said) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reason", ["Alma Example, born 1990", Sealed(sealed="QWxtYQ==")], ids=["clear", "sealed"])
def test_nothing_personal_shows(name: str, reason: str | Sealed) -> None:
    event = envelope_of(name).event
    personal = event.model_copy(update=dict.fromkeys(type(event).personal, reason))

    row = repr(timeline_row(recorded(personal)[0]))

    assert "Alma" not in row
    assert "QWxtYQ" not in row


def test_officers_are_named_and_their_words_are_not() -> None:
    event = CustomerDeactivated(ground=Ground.ISSUE, decided_by=ALICE, reason="Alma lost her phone")

    assert words(event) == ("Was deactivated", "issue, by officer:alice")


@pytest.mark.parametrize("name", HISTORIES)
def test_every_event_is_a_line_at_its_own_position(name: str) -> None:
    envelopes = recorded(*HISTORIES[name])
    rows = [timeline_row(envelope) for envelope in envelopes]

    assert [row.position for row in rows] == [envelope.position for envelope in envelopes]
