"""Which keys an auditor's verifier trusts, what they have to have signed, and what was known before."""

import json
from pathlib import Path

import pytest

from application.transparency.notes import COSIGNS, Checkpoint, Note, Signer
from bench.bundles import ORIGIN, EntryLog, seal, state_of
from infrastructure.exports.verify import Report, verify
from tests.support.bundles import CUSTOMER, FIRST, FORGER, SECOND, WITNESS, made_log

LOG = made_log()


def codes(report: Report) -> set[str]:
    return {problem.code for problem in report.problems}


def kept(log: EntryLog, size: int) -> bytes:
    """A checkpoint as an auditor kept it."""
    return log.checkpoint(size).whole.encode()


def cosigned(note: Note) -> bytes:
    return Note(note.text, (*note.signatures, WITNESS.cosign(note.text, 1_790_000_000))).whole.encode()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("whole")
    LOG.write(folder)
    return folder


def test_a_known_checkpoint_that_tiles_do_not_reach_is_said_to_be_untold(tmp_path: Path) -> None:
    log = made_log(2000)
    log.write(tmp_path, chosen=lambda told: told is log.told[3], types=[log.told[3].topic])
    report = verify(tmp_path, known=[kept(log, 600)])
    assert report.ok, report.text()
    assert "the checkpoint of 600 entries" in " ".join(report.unproved)


def test_a_known_checkpoint_of_another_log_is_refused(whole: Path) -> None:
    other = EntryLog(Signer("other.example/log", b"\5" * 32))
    assert codes(verify(whole, known=[kept(other, 0)])) == {"known_foreign"}


def test_a_known_checkpoint_signed_by_a_stranger_is_refused(whole: Path) -> None:
    note = LOG.checkpoint(300)
    forged = Note(note.text, (FORGER.sign(note.text),)).whole.encode()
    assert codes(verify(whole, known=[forged])) == {"key_replaced"}


def test_a_witness_must_have_cosigned_what_is_known(whole: Path) -> None:
    witnesses = [WITNESS.public.vkey]
    report = verify(whole, known=[cosigned(LOG.checkpoint(300))], witnesses=witnesses)
    assert report.ok, report.text()
    assert codes(verify(whole, known=[kept(LOG, 300)], witnesses=witnesses)) == {"witness_missing"}
    other = cosigned(LOG.checkpoint(301)).splitlines(keepends=True)[-1]
    assert codes(verify(whole, known=[kept(LOG, 300) + other], witnesses=witnesses)) == {"witness_missing"}


def test_a_log_key_is_no_witness(whole: Path) -> None:
    report = verify(whole, known=[kept(LOG, 300)], witnesses=[SECOND.public.vkey])
    assert codes(report) == {"witness_missing"}


def test_a_later_key_is_trusted_through_the_one_that_is_given(whole: Path) -> None:
    assert verify(whole, keys=[FIRST.public.vkey]).ok
    assert verify(whole, keys=[SECOND.public.vkey]).ok
    assert codes(verify(whole, keys=[FORGER.public.vkey])) == {"key_replaced"}


def test_a_key_that_nobody_handed_over_to_is_not_trusted_for_another_that_is(tmp_path: Path) -> None:
    log = made_log(20)
    log.announce(FORGER, handed_over=False)
    log.write(tmp_path)
    assert codes(verify(tmp_path, keys=[FIRST.public.vkey])) == {"key_replaced"}
    assert verify(tmp_path, keys=[FIRST.public.vkey, FORGER.public.vkey]).ok
    report = verify(tmp_path)
    assert report.ok
    assert [warning.code for warning in report.warnings] == ["key_not_handed_over"]


def test_a_handover_that_the_key_before_did_not_sign_is_named(tmp_path: Path) -> None:
    log = made_log(20)
    log.announce(FORGER, by=FORGER)
    log.write(tmp_path)
    assert "key_handover_false" in codes(verify(tmp_path))


def test_a_chain_is_checked_also_where_types_are_left_out(tmp_path: Path) -> None:
    log, state = EntryLog(FIRST), state_of({}, number=1)
    log.announce(FIRST)
    for version in range(1, 4):
        log.append(CUSTOMER, "ScreeningAttempted", state)
        if version == 2:
            log.mislead(CUSTOMER, b"\5" * 32)
    log.write(tmp_path, chosen=lambda told: told.stream == CUSTOMER, types=["ScreeningAttempted"])
    report = verify(tmp_path)
    assert [(problem.code, problem.line) for problem in report.problems] == [("chain_broken", 3)]


def test_a_published_checkpoint_of_more_than_there_was_contradicts(tmp_path: Path) -> None:
    log = made_log(20)
    text = Checkpoint(ORIGIN, 1_000_000, bytes(32)).text
    note = Note(text, (SECOND.sign(text),)).whole
    log.tell("CheckpointPublished", size=1_000_000, root=bytes(32).hex(), note=note)
    log.write(tmp_path)
    assert codes(verify(tmp_path)) == {"published_checkpoint_contradicts"}


def test_a_checkpoint_that_a_stranger_signed_is_refused(tmp_path: Path) -> None:
    LOG.write(tmp_path)
    text = LOG.checkpoint().text
    (tmp_path / "checkpoint").write_text(Note(text, (FORGER.sign(text),)).whole, newline="")
    seal(tmp_path, json.loads((tmp_path / "manifest.json").read_bytes()), SECOND)
    assert codes(verify(tmp_path)) == {"checkpoint_signature"}


def test_a_key_that_only_cosigns_is_no_key_of_the_log(tmp_path: Path) -> None:
    log = EntryLog(FIRST)
    log.announce(FIRST)
    log.announce(Signer(ORIGIN, b"\5" * 32, COSIGNS))
    log.signer = FIRST
    log.write(tmp_path)
    assert codes(verify(tmp_path)) == {"key_chain_broken"}


def test_a_key_that_was_replaced_already_is_warned_of(tmp_path: Path) -> None:
    log = made_log(20)
    log.signer = FIRST
    log.write(tmp_path)
    report = verify(tmp_path)
    assert report.ok
    assert [warning.code for warning in report.warnings] == ["key_superseded"]


def test_an_announcement_that_the_keys_leave_out_is_missed(tmp_path: Path) -> None:
    LOG.write(tmp_path, keys=lambda told: told is LOG.told[0])
    assert {"keys_differ", "key_replaced"} <= codes(verify(tmp_path))


def test_a_published_checkpoint_signed_before_its_key_was_announced_contradicts(tmp_path: Path) -> None:
    log = made_log(20)
    log.signer = FORGER
    log.publish()
    log.signer = SECOND
    log.announce(FORGER, handed_over=False)
    log.write(tmp_path)
    assert codes(verify(tmp_path)) == {"published_checkpoint_contradicts"}
