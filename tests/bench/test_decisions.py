"""The decisions bench: what it plants is found, and nothing else counts as found."""

from collections import Counter

import psycopg
import pytest

from bench.decision_lives import load_decided
from bench.decisions import Tried, Turn, report
from bench.forgeries import forge_decision, forge_payload
from infrastructure.replay.decisions import DecisionFindings, Divergence
from tests.support.decided import KEYS, DecidedLog

TRIED = Tried(decisions=10, customers=2, seconds=1.0)


def turn(*customers: str) -> Turn:
    listed = [Divergence(customer, 1, "ScreeningAttempted", ("verdict",)) for customer in customers]
    findings = DecisionFindings(decisions=Counter(screening=5_000), divergent=len(listed), listed=listed)
    return Turn("log", findings, 1.0)


@pytest.mark.parametrize(
    ("untouched", "forged", "met"),
    [
        ((), ("a", "b"), True),
        ((), ("a", "b", "b"), True),
        (("c",), ("a", "b"), False),
        ((), ("a",), False),
        ((), ("a", "b", "c"), False),
    ],
)
def test_it_is_met_only_if_exactly_the_planted_ones_are_found(
    untouched: tuple[str, ...],
    forged: tuple[str, ...],
    met: bool,  # noqa: FBT001 -- a parameter
) -> None:
    measured = report(100, (turn(*untouched), turn(*forged)), {"a", "b"}, TRIED, {})

    assert measured.met is met


def test_what_it_plants_is_found_in_a_log_of_its_kind(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        log = load_decided(owner, KEYS, 200)
        decided = DecidedLog(database)
        before = decided.found()
        planted = {
            str(forge_decision(owner, after=log.position // 2)),
            str(forge_payload(owner, master=KEYS.master, after=log.middle)),
        }

    assert before == {}
    assert set(decided.found()) == planted
    assert len(planted) == 2


def test_the_log_has_as_many_customers_as_were_asked_for_at_positions_without_gaps(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        log = load_decided(owner, KEYS, 150)
        rows = owner.execute(
            "SELECT originator_id, notification_id, topic FROM gatehouse.stored_events ORDER BY notification_id"
        ).fetchall()

    assert [row[1] for row in rows] == list(range(1, log.position + 1))
    assert sum(topic == "CustomerRegistered" for _, _, topic in rows) == 150
    assert log.middle in {stream for stream, _, _ in rows}
