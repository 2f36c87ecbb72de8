"""A policy on trial: whom it would have treated otherwise, and nothing that it changes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest

from application.mapper import read
from domain.events import ScreeningAttempted
from domain.policies import registry
from domain.policies.monitoring import MonitoringVerdict
from domain.policies.screening import ScreeningVerdict
from domain.policies.verification import VerificationVerdict
from domain.vocabulary import Reason
from infrastructure.faults import CannotStart
from infrastructure.log.journal import STREAMS
from infrastructure.replay.processes import Progress
from infrastructure.replay.snapshot import taken
from infrastructure.replay.streams import HIGHEST, LOWEST
from infrastructure.replay.trial import Change, TrialFindings, TrialTask, tried_policy
from tests.conftest import Server
from tests.support.decided import DecidedLog, fill


@pytest.fixture(scope="module")
def log(server: Server) -> Iterator[DecidedLog]:
    conninfo = server.clone()
    yield fill(conninfo, 300)
    server.drop(conninfo)


def tried(log: DecidedLog, policy: str, folder: Path) -> tuple[TrialFindings, list[dict[str, object]]]:
    """A trial in this process, so that a test's own policy can be tried, and its list."""
    spool = folder / "spool"
    with taken(log.access.conninfo) as moment:
        task = TrialTask(log.access, moment.name, policy, spool, moment.head, LOWEST, HIGHEST)
        findings = task.run(lambda _: None)
    return findings, [json.loads(line) for line in spool.read_text("ascii").splitlines()]


@pytest.mark.parametrize("policy", ["screening-1", "verification-1", "monitoring-1"])
def test_the_version_in_force_treats_nobody_otherwise(log: DecidedLog, policy: str, tmp_path: Path) -> None:
    findings, listed = tried(log, policy, tmp_path)

    assert findings.decisions > 20
    assert (findings.customers, findings.changes, listed) == (0, {}, [])


def test_a_candidate_s_changes_are_counted_by_reason_and_listed(log: DecidedLog, tmp_path: Path) -> None:
    findings, listed = tried(log, "screening-2", tmp_path)

    change = Change("clear", "hold", ("suspicious_to_two_sources",))
    assert dict(findings.changes) == {change: len(listed)}
    assert findings.customers == len({entry["customer"] for entry in listed}) > 5
    for entry in listed:
        assert (entry["was"], entry["wouldBe"], entry["reasons"]) == ("clear", "hold", ["suspicious_to_two_sources"])
        attempt = attempt_at(log, str(entry["customer"]), entry["version"])
        assert sum(any(found.severity == "medium" for found in report.findings) for report in attempt.reports) == 2


def attempt_at(log: DecidedLog, customer: str, version: object) -> ScreeningAttempted:
    with psycopg.connect(log.conninfo) as owner:
        rows = owner.execute(STREAMS, ([UUID(customer)],), binary=True).fetchall()
    event = next(read(*row).event for row in rows if row[1] == version)
    assert isinstance(event, ScreeningAttempted)
    return event


def test_each_decision_is_judged_in_the_state_that_was_recorded_up_to_it(
    log: DecidedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy that holds everybody at their first attempt is asked about the later ones all the same."""
    hold = ScreeningVerdict("hold", (Reason.UNCONFIRMED_FINDINGS,))
    monkeypatch.setattr(registry, "SCREENING", registry.SCREENING)
    monkeypatch.setitem(registry.SCREENING, "screening-1", lambda *_, **__: hold)

    findings, listed = tried(log, "screening-1", tmp_path)

    (attempts,) = log.one("SELECT count(*) FROM gatehouse.stored_events WHERE topic = 'ScreeningAttempted'")
    assert findings.decisions == attempts
    (held,) = log.one(
        "SELECT count(*) FROM gatehouse.stored_events WHERE topic = 'ScreeningAttempted'"
        " AND position('\"verdict\":\"hold\"' IN convert_from(state, 'UTF8')) > 0"
    )
    assert len(listed) == attempts - held


def test_verification_and_monitoring_are_tried_as_well(
    log: DecidedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = VerificationVerdict("fail", (Reason.PROVIDER_REJECTED,))
    monkeypatch.setitem(registry.VERIFICATION, "verification-1", lambda *_, **__: failing)
    monkeypatch.setitem(registry.MONITORING, "monitoring-1", lambda *_, **__: MonitoringVerdict("clear"))

    verification, _ = tried(log, "verification-1", tmp_path)
    monitoring, _ = tried(log, "monitoring-1", tmp_path)

    assert verification.changes["pass", "fail", ("provider_rejected",)] > 100  # type: ignore[index]
    assert {change.would_be for change in monitoring.changes} == {"clear"}
    (clear,) = log.one(
        "SELECT count(*) FROM gatehouse.stored_events WHERE topic = 'MonitoringAttempted'"
        " AND position('\"verdict\":\"clear\"' IN convert_from(state, 'UTF8')) > 0"
    )
    assert monitoring.changes.total() == monitoring.decisions - clear > 20


def test_what_a_rule_forbids_a_candidate_to_do_is_told(
    log: DecidedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody passes a bar, whatever a policy says."""
    monkeypatch.setitem(registry.SCREENING, "screening-1", lambda *_, **__: ScreeningVerdict("clear"))

    findings, _ = tried(log, "screening-1", tmp_path)

    assert "refused" in {change.would_be for change in findings.changes}


def test_a_trial_changes_nothing_and_could_not(log: DecidedLog, tmp_path: Path) -> None:
    tables: LiteralString = (
        "SELECT (SELECT count(*) FROM gatehouse.stored_events), (SELECT count(*) FROM gatehouse.evidence),"
        " (SELECT count(*) FROM gatehouse.subject_keys), (SELECT count(*) FROM gatehouse.customers)"
    )
    before = log.one(tables)

    tried(log, "screening-2", tmp_path)

    assert log.one(tables) == before
    with taken(log.access.conninfo) as moment, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        moment.connection.execute("INSERT INTO gatehouse.sandbox_scripts VALUES (gen_random_uuid(), 'x', 'y')")


def test_a_trial_runs_in_processes_of_its_own_and_lists_in_order(log: DecidedLog, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []

    def telling(name: str) -> Progress:
        return lambda events: told.append((name, events))

    with tried_policy(
        log.access, "screening-2", processes=2, begun=telling("begun"), progress=telling("progress")
    ) as run:
        lines = [json.loads(line) for line in run.lines()]
        spools = run.spools

    alone, listed = tried(log, "screening-2", tmp_path)
    assert (run.findings, lines) == (alone, listed)
    assert told[0] == ("begun", run.position)
    assert sum(events for name, events in told if name == "progress") == alone.events
    assert not any(spool.exists() for spool in spools)


def test_a_policy_that_there_is_not_is_not_tried(log: DecidedLog) -> None:
    with (
        pytest.raises(CannotStart, match="a policy is one of"),
        tried_policy(log.access, "screening-99", processes=1, begun=print, progress=print),
    ):
        pass
