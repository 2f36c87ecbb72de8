import asyncio
import json
from uuid import UUID, uuid4

import pytest
from standardwebhooks import Webhook

from bench import drill_abuse, drill_disk_full, drill_order, drill_webhooks
from bench.drill_callers import Heard
from bench.drill_findings import Findings, Stored, find
from bench.drill_kill_postgres import compare
from bench.drill_network import BOUND
from bench.drill_tamper import Tally
from bench.drills import main
from bench.tampered_bundles import IN_WHOLE, OF_CUSTOMER
from bench.tampered_log import DEEDS
from bench.tampering import Planted
from bench.webhook_receiver import Record
from infrastructure.exports.verify import Report
from infrastructure.webhooks.signing import new_secret, signed_headers


def test_a_killed_server_loses_doubles_and_denies_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("kill-postgres", rounds=2) == 0
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert outcome["acknowledged"] > 0
    assert (outcome["lost"], outcome["doubled"], outcome["phantom_conflicts"]) == (0, 0, 0)


def test_a_killed_service_loses_no_work_and_does_none_twice(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("kill-app", rounds=2) == 0
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert outcome["acknowledged"] > 0
    assert outcome["kills"] == {"serve": 1, "work": 1}
    assert (outcome["lost"], outcome["doubled"], outcome["undone"], outcome["wrong_answers"]) == (0, 0, 0, 0)


def test_a_line_that_fails_in_every_way_hangs_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("network", rounds=3) == 0
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert outcome["acknowledged"] > 0
    assert outcome["lost_answers"] > 0
    assert (outcome["lost"], outcome["doubled"], outcome["undone"], outcome["hung"]) == (0, 0, 0, 0)
    assert (outcome["phantom_conflicts"], outcome["forgotten"], outcome["wrong_answers"]) == (0, 0, 0)
    assert outcome["slowest_answer_s"] <= BOUND


def test_the_contract_holds_for_whatever_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("contract", rounds=1) == 0, capsys.readouterr().out
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert outcome["cases"] > 0
    assert (outcome["server_errors"], outcome["contract_breaks"]) == (0, 0)


@pytest.mark.parametrize("small", [True, False], ids=["a small disk where we may mount", "a server that refuses"])
def test_a_full_disk_refuses_writes_alone_and_is_got_over(*, small: bool) -> None:
    outcome = asyncio.run(drill_disk_full.run(1, small=small))
    assert outcome["ok"], outcome
    assert min(int(str(outcome[count])) for count in ("acknowledged", "writes_refused", "reads")) > 0


def test_whatever_is_done_to_bundles_and_to_the_database_is_found_and_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kinds = len(IN_WHOLE) + len(OF_CUSTOMER) + len(DEEDS)
    assert main("tamper", rounds=kinds) == 0, capsys.readouterr().out
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (outcome["found"], outcome["named"], len(outcome["kinds"])) == (kinds, kinds, kinds)


def test_what_is_found_as_something_else_is_not_named() -> None:
    tally, report = Tally(), Report()
    report.problems.add("entry_changed", "it was changed", "entries.jsonl", 7, 7)
    for planted in (
        Planted(frozenset({"entry_deleted"})),
        Planted(frozenset({"entry_changed"}), "keys.jsonl"),
        Planted(frozenset({"entry_changed"}), "entries.jsonl", (6, 8)),
        Planted(frozenset({"entry_changed"}), warned=True),
    ):
        tally.take("any", planted, report)
    assert (tally.found, tally.named, len(tally.missed)) == (3, 0, 4)
    tally.take("any", Planted(frozenset({"entry_changed"}), "entries.jsonl", (6, 7)), report)
    assert (tally.found, tally.named, len(tally.missed)) == (4, 1, 4)


def test_whoever_means_well_is_answered_under_every_attack() -> None:
    outcome = asyncio.run(drill_abuse.run(1, seconds=0.5))
    answers = outcome["answers"]
    assert outcome["wrong_answers"] == 0
    assert isinstance(answers, dict)
    assert {attack: set(given) - {"cut off"} for attack, given in answers.items() if given} == {
        "huge_bodies": {"413", "431"},
        "header_floods": {"431"},
        "wrong_wallet_signatures": {"401", "429"},
        "wrong_request_signatures": {"401", "429"},
        "wrong_keys": {"401", "429"},
    }


def test_a_drill_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("kill-the-cat", rounds=1) == 2
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_what_is_lost_or_doubled_is_counted() -> None:
    whole, partly, gone, twice = (UUID(int=number) for number in range(4))
    first, second, third, fourth, fifth = (UUID(int=number) for number in range(10, 15))
    acknowledged = {whole: {first}, partly: {second, third}, gone: {uuid4()}, twice: {fourth}}
    stored = [
        (first, whole, "CustomerRegistered"),
        (second, partly, "CustomerRegistered"),
        (fourth, twice, "CustomerRegistered"),
        (fifth, twice, "CustomerRegistered"),
    ]
    assert compare(acknowledged, stored) == (2, 1)


def test_an_answer_without_events_is_a_loss() -> None:
    assert compare({UUID(int=1): set()}, []) == (1, 0)


def test_a_tailing_reader_sees_all_of_what_two_processes_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("order", rounds=1) == 0
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (outcome["events"], outcome["acknowledged"]) == (5000, 5000)


@pytest.mark.parametrize(
    ("seen", "stored", "wrong"),
    [
        ([1, 3], [1, 2, 3], {"missed": 1}),
        ([1, 2, 2, 3], [1, 2, 3], {"doubled": 1, "disordered": 1}),
        ([2, 1, 3], [1, 2, 3], {"disordered": 1}),
        ([1, 3, 4], [1, 3, 4], {"gaps": 1}),
        ([1, 2], [1, 2], {}),
    ],
)
def test_what_a_reader_did_not_see_as_it_is_is_counted(
    seen: list[int], stored: list[int], wrong: dict[str, int]
) -> None:
    def places(positions: list[int]) -> list[drill_order.Place]:
        return [(position, UUID(int=position), 1) for position in positions]

    outcome = drill_order.compare(places(seen), places(stored), acknowledged=3)

    nothing = {"missed": 0, "doubled": 0, "disordered": 0, "gaps": 0}
    assert outcome == {**nothing, **wrong, "ok": False}


def test_an_order_without_fault_is_well() -> None:
    one: drill_order.Place = (1, UUID(int=1), 1)
    assert drill_order.compare([one], [one], acknowledged=1)["ok"] is True


def life(customer: str, *types: str) -> list[Stored]:
    return [Stored(customer, type_, attempt=int(type_ == "ScreeningAttempted")) for type_ in types]


BEGUN = ("CustomerRegistered", "ChallengeVerified", "ScreeningAttempted")


def test_what_was_promised_and_is_not_there_is_counted() -> None:
    log = [
        *life("whole", *BEGUN, "ScreeningPassed", "VerificationStarted"),
        *life("unsigned", "CustomerRegistered"),
        *life("waits", *BEGUN, "ScreeningPassed"),
        *life("barred", *BEGUN, "ScreeningFailed"),
        *life("mistaken", *BEGUN, "ScreeningFailed"),
    ]
    heard = Heard(
        registered={"whole", "unsigned", "waits", "barred", "mistaken", "gone"},
        signed=dict.fromkeys(("whole", "unsigned", "waits", "mistaken"), "verifying") | {"barred": "rejected"},
    )
    assert find(log, heard) == Findings(lost=2, doubled=0, undone=3)


def test_an_attempt_with_two_outcomes_is_counted() -> None:
    log = [
        *life("asked twice", *BEGUN, "ScreeningAttempted", "ScreeningPassed", "VerificationStarted"),
        *life("passed twice", *BEGUN, "ScreeningPassed", "ScreeningPassed", "VerificationStarted"),
        *life("both", *BEGUN, "ScreeningPassed", "ScreeningFailed", "VerificationStarted"),
        *life("started twice", *BEGUN, "ScreeningPassed", "VerificationStarted", "VerificationStarted"),
        *[Stored("again", "ScreeningAttempted", attempt) for attempt in (1, 2)],
    ]
    heard = Heard(signed=dict.fromkeys(("asked twice", "passed twice", "both", "started twice"), "verifying"))
    assert find(log, heard) == Findings(lost=0, doubled=4, undone=0)


def test_every_webhook_arrives_in_order_whatever_the_receiver_and_the_worker_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main("webhooks", rounds=1, deliveries=200) == 0, capsys.readouterr().out
    outcome = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (outcome["deliveries"], outcome["kills"]) == (200, 1)
    assert (outcome["lost"], outcome["disordered"], outcome["forged"], outcome["renamed"]) == (0, 0, 0, 0)


def test_what_a_receiver_should_not_have_been_sent_is_counted() -> None:
    secret = new_secret()

    def sent(sequence: int, previous: int | None, way: str = "taken", *, name: str = "", by: str = secret) -> Record:
        body = json.dumps({"sequence": sequence, "previousSequence": previous})
        headers = signed_headers([Webhook(by)], message_id=name or str(sequence), body=body.encode())
        return {"headers": headers, "body": body, "way": way}

    findings = drill_webhooks.Findings(secret)
    for record in (
        sent(1, None, "refused"),
        sent(2, 1),  # before the one before it was taken
        sent(1, None),
        sent(1, None),
        sent(3, 2, name="another"),
        sent(3, 2, by=new_secret()),
    ):
        findings.take(record)

    assert findings.taken == {1, 2, 3}
    assert (findings.disordered, findings.repeated, findings.failed) == (1, 2, 1)
    assert (findings.renamed, findings.forged) == (1, 1)
