"""Decisions taken again: the same where nobody touched them, and named where anybody did."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, LiteralString
from uuid import UUID

import psycopg
import pytest

from application.mapper import EnvelopeMapper
from application.rereading import Readers
from domain.events import SubjectErased
from domain.findings import Finding
from infrastructure.keys.sealing import MasterKey, seal_evidence
from infrastructure.replay import snapshot
from infrastructure.replay.decisions import DecisionFindings, Divergence, RetakeTask, replay_decisions
from infrastructure.replay.processes import together
from infrastructure.replay.readers import READERS
from infrastructure.replay.snapshot import taken
from infrastructure.replay.streams import HIGHEST, LOWEST
from tests.conftest import Server
from tests.projections.recorded import recorded
from tests.support.decided import KEYS, DecidedLog, fill

LIVES: Final = 600


@pytest.fixture(scope="module")
def untouched(server: Server) -> Iterator[DecidedLog]:
    """A log that nobody changes."""
    conninfo = server.clone()
    yield fill(conninfo, LIVES)
    server.drop(conninfo)


@pytest.fixture
def own(server: Server, untouched: DecidedLog) -> Iterator[DecidedLog]:
    """A copy for one test alone."""
    conninfo = server.clone(of=untouched.conninfo)
    yield DecidedLog(conninfo)
    server.drop(conninfo)


def test_every_decision_of_made_histories_comes_out_the_same(untouched: DecidedLog) -> None:
    findings = untouched.replayed()

    assert findings.listed == []
    assert findings.divergent == findings.erased == 0
    assert findings.customers == LIVES
    assert min(findings.decisions[step] for step in ("screening", "verification", "monitoring")) > 30
    assert findings.officers > 20


def test_the_histories_hold_every_kind_of_decision(untouched: DecidedLog) -> None:
    for kind, holding in (
        ("ScreeningAttempted", "source_unavailable"),
        ("ScreeningAttempted", "single_source_findings"),
        ("ScreeningAttempted", "contradicted_findings"),
        ("ScreeningAttempted", "unconfirmed_findings"),
        ("ScreeningAttempted", "wallet_barred"),
        ("ScreeningFailed", "sanctions_match"),
        ("ScreeningFailed", "confirmed_by_two_sources"),
        ("ScreeningFailed", "officer:1"),
        ("VerificationHeld", "duplicate_person"),
        ("VerificationHeld", "retries_exhausted"),
        ("VerificationHeld", "provider_hold"),
        ("VerificationFailed", "provider_rejected"),
        ("AlertRaised", "single_source_findings"),
        ("IllicitActivityConfirmed", "confirmed_by_two_sources"),
        ("IllicitActivityConfirmed", "officer:2"),
    ):
        untouched.event(kind, holding)


FORGERIES: Final = [
    ("ScreeningAttempted", '"verdict":"retry"', '"verdict":"hold"', "verdict"),
    ("ScreeningAttempted", '"single_source_findings"', '"source_unavailable"', "reasons"),
    ("ScreeningAttempted", '"severity":"high"', '"severity":"low"', "reports"),
    ("ScreeningAttempted", '"severity":"low"', '"severity":"medium"', "reports"),
    ("ScreeningAttempted", '"listVersion":"2025-01-01"', '"listVersion":"2025-01-02"', "reports"),
    ("ScreeningAttempted", '"answered":true', '"answered":false', "reports"),
    ("ScreeningAttempted", '"answered":false', '"answered":true', "evidence missing"),
    ("ScreeningAttempted", '"policy":"screening-1"', '"policy":"screening-2"', "policy"),
    ("ScreeningAttempted", '"policy":"screening-1"', '"policy":"screening-0"', "policy unknown"),
    ("ScreeningAttempted", '"attempt":1', '"attempt":2', "ScreeningAttempted unfounded"),
    ("ScreeningAttempted", '"source":"second"', '"source":"elliptic"', "source unknown"),
    ("ScreeningAttempted", '"source":"second"', '"source":"ofac"', "evidence unreadable"),
    ("ScreeningPassed", '"policy:screening-1"', '"officer:1"', "ScreeningPassed missing"),
    ("ScreeningFailed", '"sanctions_match"', '"wallet_barred"', "reasons"),
    ("VerificationPassed", '"policy:verification-1"', '"officer:1"', "unfounded"),
    ("VerificationPassed", '"applicant":"', '"applicant":"x', "applicant"),
    ("VerificationHeld", '"provider_hold"', '"duplicate_person"', "reasons"),
    ("VerificationFailed", '"provider_rejected"', '"previously_rejected"', "reasons"),
    ("VerificationRetryRequested", '"attempt":1', '"attempt":2', "attempt"),
    ("VerificationRetryRequested", '"BLURRED"', '"SHARP"', "labels"),
    ("AlertRaised", '"single_source_findings"', '"sanctions_match"', "reasons"),
    ("AlertRaised", '"severity":"high"', '"severity":"severe"', "reports"),
    ("CustomerDeactivated", '"policy:monitoring-1"', '"officer:1"', "CustomerDeactivated missing"),
    ("IllicitActivityConfirmed", '"confirmed_by_two_sources"', '"sanctions_match"', "reasons"),
    ("IllicitActivityConfirmed", '"officer:2"', '"officer:1"', "refused: self_confirmation"),
    ("ScreeningFailed", "officer:1 and officer:2", "officer:2 and officer:2", "decidedBy"),
    ("ScreeningFailed", "officer:1 and officer:2", "officer:7 and officer:2", "decidedBy"),
    ("ScreeningAttempted", '"verdict":"clear"', '"verdict":"klear"', "illegible"),
]


@pytest.mark.parametrize(("kind", "was", "is_", "what"), FORGERIES)
def test_a_forged_event_is_found_and_its_customer_named(
    own: DecidedLog, kind: str, was: str, is_: str, what: str
) -> None:
    at = own.event(kind, was)
    own.forge(at, was, is_)

    found = own.found()

    assert set(found) == {str(at[0])}
    assert what in {word for _, words in found[str(at[0])] for word in words}


OFFICERS: Final = [
    ("ScreeningPassed", "officer:1", '"attempt":', '"attempt":9', "attempt"),
    ("ScreeningPassed", "officer:1", '"findings":[', '"findings":[{"category":"none","severity":"low"}', ""),
    ("ScreeningFailed", '"decidedBy":"officer:1"', '"officer_decision"', '"sanctions_match"', "reasons"),
    ("VerificationPassed", '"decidedBy":"officer:1"', '"applicant":"', '"applicant":"x', "applicant"),
    ("VerificationFailed", '"decidedBy":"officer:1', '"officer_decision"', '"provider_rejected"', "reasons"),
    ("IllicitActivityConfirmed", "officer:2", '"officer_decision"', '"sanctions_match"', "reasons"),
    ("HoldResolved", '"outcome":"pass"', '"outcome":"pass"', '"outcome":"fail"', ""),
    ("HoldResolved", "officer:1", '"officer":"officer:1"', '"officer":"officer:99"', "decidedBy"),
]


@pytest.mark.parametrize(("kind", "holding", "was", "is_", "what"), OFFICERS)
def test_what_officers_decided_is_held_against_what_they_decided_on(  # noqa: PLR0913, PLR0917 -- one forgery
    own: DecidedLog, kind: str, holding: str, was: str, is_: str, what: str
) -> None:
    at = own.event(kind, holding)
    own.forge(at, was, is_)

    found = own.found()

    assert set(found) == {str(at[0])}
    assert not what or what in {word for _, words in found[str(at[0])] for word in words}


@pytest.mark.parametrize(
    ("kind", "what"), [("OnboardingBarred", "bar missing"), ("PersonRecognised", "recognition missing")]
)
def test_what_is_recorded_beside_a_decision_is_missed_where_it_is_gone(own: DecidedLog, kind: str, what: str) -> None:
    (stream,) = own.one(
        "SELECT originator_id FROM gatehouse.stored_events GROUP BY originator_id"
        " HAVING count(*) = 1 AND min(topic) = %s ORDER BY min(notification_id) DESC LIMIT 1",
        kind,
    )
    own.change("DELETE FROM gatehouse.stored_events WHERE originator_id = %s", stream)

    assert what in {word for words in own.found().values() for _, each in words for word in each}


EVIDENCE: Final[list[tuple[LiteralString, str]]] = [
    ("DELETE FROM gatehouse.evidence WHERE (subject, digest) = (%s, %s)", "evidence missing"),
    ("UPDATE gatehouse.evidence SET sealed = sealed || 'x' WHERE (subject, digest) = (%s, %s)", "evidence altered"),
    ("UPDATE gatehouse.evidence SET sealed = '' WHERE (subject, digest) = (%s, %s)", "evidence altered"),
    ("UPDATE gatehouse.evidence SET digest = sha256(digest) WHERE (subject, digest) = (%s, %s)", "evidence missing"),
]


@pytest.mark.parametrize(("statement", "what"), EVIDENCE)
def test_tampered_evidence_is_found_and_its_customer_named(
    own: DecidedLog, statement: LiteralString, what: str
) -> None:
    subject, digest = own.one("SELECT subject, digest FROM gatehouse.evidence ORDER BY digest LIMIT 1")
    own.change(statement, subject, digest)

    ((customer, found),) = own.found().items()

    assert customer == str(subject)
    assert any(what in words for _, words in found)


def test_evidence_that_is_swapped_between_two_customers_is_found_with_both(own: DecidedLog) -> None:
    one, other = (
        own.one("SELECT subject, digest, sealed FROM gatehouse.evidence ORDER BY digest OFFSET %s LIMIT 1", number)
        for number in (0, 50)
    )
    for (subject, digest, _), (_, _, sealed) in ((one, other), (other, one)):
        statement: LiteralString = "UPDATE gatehouse.evidence SET sealed = %s WHERE (subject, digest) = (%s, %s)"
        own.change(statement, sealed, subject, digest)

    assert set(own.found()) == {str(one[0]), str(other[0])}


def test_swapped_whole_with_keys_and_all_it_is_found_too(own: DecidedLog) -> None:
    one, other = (
        own.one("SELECT subject FROM gatehouse.subject_keys ORDER BY subject OFFSET %s LIMIT 1", number)[0]
        for number in (3, 4)
    )
    ids = {"one": one, "other": other}
    with psycopg.connect(own.conninfo) as owner:
        owner.execute("ALTER TABLE gatehouse.evidence DROP CONSTRAINT evidence_pkey")
        owner.execute("ALTER TABLE gatehouse.subject_keys DROP CONSTRAINT subject_keys_pkey")
        owner.execute(
            "UPDATE gatehouse.evidence SET subject = CASE subject WHEN %(one)s THEN %(other)s ELSE %(one)s END"
            " WHERE subject IN (%(one)s, %(other)s)",
            ids,
        )
        owner.execute(
            "UPDATE gatehouse.subject_keys SET subject = CASE subject WHEN %(one)s THEN %(other)s ELSE %(one)s END"
            " WHERE subject IN (%(one)s, %(other)s)",
            ids,
        )

    assert set(own.found()) == {str(one), str(other)}


def test_a_payload_sealed_anew_by_whoever_holds_the_master_key_is_found(own: DecidedLog) -> None:
    subject, digest, wrapped = own.one(
        "SELECT subject, digest, wrapped FROM gatehouse.evidence JOIN gatehouse.subject_keys USING (subject) LIMIT 1"
    )
    key = MasterKey(KEYS.master).unwrap(subject, bytes(wrapped))
    forged = key.seal(b"said otherwise", subject.bytes + bytes(digest))
    own.change("UPDATE gatehouse.evidence SET sealed = %s WHERE (subject, digest) = (%s, %s)", forged, subject, digest)

    assert own.found()[str(subject)][0][1][0] == "evidence altered"


def test_another_payload_with_its_own_digest_in_the_event_is_found_by_what_it_says(own: DecidedLog) -> None:
    at = own.event("VerificationPassed", '"policy:verification-1"')
    evidence = json.loads(
        own.one(
            "SELECT convert_from(state, 'UTF8') FROM gatehouse.stored_events"
            " WHERE (originator_id, originator_version) = (%s, %s)",
            *at,
        )[0]
    )["data"]["evidence"]
    sealed, wrapped = own.one(
        "SELECT sealed, wrapped FROM gatehouse.evidence JOIN gatehouse.subject_keys USING (subject)"
        " WHERE (subject, digest) = (%s, decode(%s, 'hex'))",
        at[0],
        evidence,
    )
    key = MasterKey(KEYS.master).unwrap(at[0], bytes(wrapped))
    said = key.open(bytes(sealed), at[0].bytes + bytes.fromhex(evidence)).replace(b'"approved"', b'"rejected"')
    own.change(
        "INSERT INTO gatehouse.evidence (subject, digest, sealed) VALUES (%s, sha256(%s), %s)",
        at[0],
        said,
        seal_evidence(key, at[0], said),
    )
    (digest,) = own.one("SELECT encode(sha256(%s), 'hex')", said)
    own.forge(at, evidence, digest)

    otherwise = ("VerificationFailed missing", "VerificationPassed unfounded")
    assert own.found() == {str(at[0]): [("VerificationPassed", otherwise)]}


def test_an_event_that_was_taken_out_is_found(own: DecidedLog) -> None:
    stream, version = own.event("ScreeningPassed")
    own.change(
        "DELETE FROM gatehouse.stored_events WHERE (originator_id, originator_version) = (%s, %s)", stream, version
    )

    found = own.found()

    assert set(found) == {str(stream)}
    assert ("?", ("event missing",)) in found[str(stream)]
    assert ("ScreeningAttempted", ("ScreeningPassed missing",)) in found[str(stream)]


def test_a_rejection_without_its_bar_is_found(own: DecidedLog) -> None:
    stream, _ = own.event("ScreeningFailed", "sanctions_match")
    own.change(
        "DELETE FROM gatehouse.stored_events WHERE topic = 'OnboardingBarred'"
        " AND position(%s IN convert_from(state, 'UTF8')) > 0",
        str(stream),
    )

    assert ("ScreeningAttempted", ("bar missing",)) in own.found()[str(stream)]


def test_a_bar_is_seen_as_of_the_decision_and_not_later(own: DecidedLog) -> None:
    """Whoever came in before another customer barred the wallet was rightly let in."""
    barred, _ = own.event("ScreeningAttempted", "wallet_barred")
    own.change(
        "UPDATE gatehouse.stored_events SET notification_id = notification_id + 10 ^ 7"
        " WHERE topic = 'OnboardingBarred'",
        rows=int(own.one("SELECT count(*) FROM gatehouse.stored_events WHERE topic = 'OnboardingBarred'")[0]),
    )

    assert str(barred) in own.found()


def erase(log: DecidedLog, customer: UUID, *, told: bool) -> None:
    """Destroy a customer's key and evidence, with or without the event that says so."""
    log.change("DELETE FROM gatehouse.subject_keys WHERE subject = %s", customer)
    with psycopg.connect(log.conninfo) as owner:
        owner.execute("DELETE FROM gatehouse.evidence WHERE subject = %s", (customer,))
    if told:
        envelope = recorded(SubjectErased(legal_basis="retention", key_reference="k"), stream=customer)[0]
        (version,) = log.one(
            "SELECT max(originator_version) + 1 FROM gatehouse.stored_events WHERE originator_id = %s", customer
        )
        stored = EnvelopeMapper().to_stored_event(replace(envelope, version=version))
        log.change(
            "INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state)"
            " VALUES (%s, %s, %s, %s)",
            customer,
            version,
            stored.topic,
            stored.state,
        )


@pytest.mark.parametrize(
    "kind",
    ["VerificationPassed", "VerificationFailed", "VerificationRetryRequested", "VerificationHeld", "AlertRaised"],
)
def test_what_was_erased_is_counted_and_decided_on_what_was_recorded(own: DecidedLog, kind: str) -> None:
    customer, _ = own.event(kind)
    erase(own, customer, told=True)

    findings = own.replayed()

    assert findings.listed == []
    assert findings.erased > 1


def test_what_was_erased_is_still_held_against_its_policy(own: DecidedLog) -> None:
    at = own.event("VerificationRetryRequested")
    own.forge(at, '"provider_retry"', '"provider_rejected"')
    erase(own, at[0], told=True)

    assert str(at[0]) in own.found()


def test_evidence_that_is_gone_without_an_erasure_on_record_is_a_divergence(own: DecidedLog) -> None:
    customer, _ = own.event("VerificationPassed")
    erase(own, customer, told=False)

    found = own.found()

    assert set(found) == {str(customer)}
    assert all("evidence missing" in words for _, words in found[str(customer)])


def sees_nothing(_wallet: str, _payload: bytes) -> tuple[Finding, ...]:
    """A reader that has changed."""
    return ()


def test_a_reader_that_reads_otherwise_than_it_did_is_found(untouched: DecidedLog) -> None:
    readers = Readers({**READERS.findings, "sandbox": sees_nothing, "second": sees_nothing}, {}, READERS.results)
    access = replace(untouched.access, readers=readers)

    findings = replay_decisions(access, processes=1, begun=print, progress=lambda _: None).findings

    assert findings.divergent > 10
    assert {"reports", "verdict"} <= {word for divergence in findings.listed for word in divergence.what}


def test_nothing_that_is_found_tells_values(own: DecidedLog) -> None:
    for kind, was, is_, _ in FORGERIES[:3]:
        own.forge(own.event(kind, was), was, is_)

    for divergence in own.replayed().listed:
        assert isinstance(divergence, Divergence)
        assert "high" not in str(divergence)
        assert "eip155" not in str(divergence)


def test_several_processes_find_together_what_one_finds(own: DecidedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, was, is_, _ in (FORGERIES[0], FORGERIES[18]):
        own.forge(own.event(kind, was), was, is_)
    alone = own.replayed()
    done: list[int] = []
    (middle,) = own.one("SELECT subject FROM gatehouse.subject_keys ORDER BY subject OFFSET 200 LIMIT 1")
    monkeypatch.setattr(snapshot, "SMALL", 1)

    with taken(own.access.conninfo) as moment:
        bounds = [(LOWEST, middle.int), (middle.int + 1, HIGHEST)]
        tasks = [RetakeTask(own.access, moment.name, moment.head, *each) for each in bounds]
        findings: DecisionFindings = together(tasks, done.append)

    assert findings == alone
    assert findings.divergent >= 2
    assert sum(done) == alone.events


def test_many_divergences_are_all_counted_though_few_are_listed(
    own: DecidedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infrastructure.replay.decisions.LISTED", 3)
    (rows,) = own.one("SELECT count(*) FROM gatehouse.evidence")
    own.change("DELETE FROM gatehouse.evidence", rows=rows)

    findings = own.replayed()

    assert len(findings.listed) == 3
    assert findings.divergent == findings.decisions.total()


def test_an_empty_log_has_nothing_to_take_again(database: str) -> None:
    findings = DecidedLog(database).replayed()

    assert (findings.customers, findings.divergent) == (0, 0)
