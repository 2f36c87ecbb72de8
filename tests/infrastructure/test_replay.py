"""Replay: silent where the read models are what the log leads to, and never where they are not."""

import asyncio
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

from application.mapper import EnvelopeMapper, read
from bench.lives import load_lives
from bench.postgres import Database
from domain.events import WalletClaimed
from infrastructure.collector import spared_collector
from infrastructure.faults import CannotStart
from infrastructure.log.journal import STREAMS
from infrastructure.postgres import service_conninfo
from infrastructure.projector import Projector
from infrastructure.reading import fold_row
from infrastructure.replay import snapshot
from infrastructure.replay.comparison import Comparison, Divergence, Findings
from infrastructure.replay.processes import Task, replay, together
from infrastructure.replay.snapshot import taken
from infrastructure.replay.streams import HIGHEST, LOWEST
from projections import PROJECTIONS
from tests.application.memory_journal import LabelSealer
from tests.conftest import Server
from tests.domain.histories import HISTORIES
from tests.domain.samples import minutes
from tests.projections.recorded import recorded

ROOT: Final = Path(__file__).parents[2]
IDS: Final = {name: UUID(int=number << 96) for number, name in enumerate(HISTORIES, 1)}
ACTIVE: Final = str(IDS["active"])
INSERT: Final = """
    INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state, recorded_at)
    VALUES (%s, %s, %s, %s, %s)
"""


def write_histories(conninfo: str) -> None:
    """Every named history as a stream of its own, all of them interleaved, and a stream that is no customer's."""
    mapper = EnvelopeMapper(LabelSealer())
    lives = [recorded(*history, stream=IDS[name]) for name, history in HISTORIES.items()]
    lives.append(recorded(WalletClaimed(customer=IDS["active"]), stream=UUID(int=5)))
    with psycopg.connect(conninfo) as owner:
        for step in range(max(map(len, lives))):
            for envelope in (life[step] for life in lives if step < len(life)):
                stored = mapper.to_stored_event(envelope)
                owner.execute(INSERT, (envelope.stream, envelope.version, stored.topic, stored.state, minutes(step)))


def project(conninfo: str) -> None:
    asyncio.run(Projector(service_conninfo(conninfo), PROJECTIONS).catch_up())


@pytest.fixture(scope="module")
def projected(server: Server) -> Iterator[str]:
    """A database whose read models are up with the log, for tests that change nothing."""
    conninfo = server.clone()
    write_histories(conninfo)
    project(conninfo)
    yield conninfo
    server.drop(conninfo)


@pytest.fixture
def own(database: str) -> str:
    """The same, for one test alone."""
    write_histories(database)
    project(database)
    return database


def replayed(conninfo: str) -> Findings:
    return replay(service_conninfo(conninfo), processes=1, begun=lambda _: None, progress=lambda _: None).findings


def plant(conninfo: str, statement: LiteralString, *parameters: object) -> None:
    """Change a read model behind the projector's back."""
    with psycopg.connect(conninfo, autocommit=True) as owner:
        assert owner.execute(statement, parameters or None).rowcount == 1


def test_read_models_that_the_projector_wrote_agree(projected: str) -> None:
    findings = replayed(projected)

    assert findings.listed == []
    assert findings.divergent == 0
    assert findings.events == sum(map(len, HISTORIES.values()))
    assert findings.rows > 2 * len(HISTORIES)


@pytest.mark.parametrize("page", [1, 2, 3, 7, 20, 1000])
def test_it_does_not_matter_where_a_page_ends(projected: str, page: int) -> None:
    done: list[int] = []

    with taken(service_conninfo(projected)) as moment:
        comparison = Comparison(moment.connection, PROJECTIONS, moment.positions, page)
        findings = comparison.compare(LOWEST, HIGHEST, progress=done.append)

    assert findings.listed == []
    assert findings.events == sum(done) == sum(map(len, HISTORIES.values()))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "UPDATE gatehouse.customers SET status = 'rejected' WHERE id = %s",
            Divergence("customers", (ACTIVE,), "different", ("status",)),
        ),
        (
            "UPDATE gatehouse.customers SET version = 9, updated_at = now() WHERE id = %s",
            Divergence("customers", (ACTIVE,), "different", ("version", "updated_at")),
        ),
        ("DELETE FROM gatehouse.customers WHERE id = %s", Divergence("customers", (ACTIVE,), "missing")),
        (
            "UPDATE gatehouse.worklist SET attempt = 7 WHERE customer = %s",
            Divergence("worklist", (str(IDS["screened"]),), "different", ("attempt",)),
        ),
        (
            "UPDATE gatehouse.worklist SET due = NULL WHERE customer = %s",
            Divergence("worklist", (str(IDS["screened"]),), "different", ("due",)),
        ),
        (
            "DELETE FROM gatehouse.worklist WHERE customer = %s",
            Divergence("worklist", (str(IDS["screened"]),), "missing"),
        ),
    ],
)
def test_a_changed_or_missing_row_is_found(own: str, statement: LiteralString, found: Divergence) -> None:
    plant(own, statement, found.key[0])

    assert replayed(own).listed == [found]


def test_a_changed_part_of_a_row_is_found_without_its_values(own: str) -> None:
    plant(
        own,
        "UPDATE gatehouse.spans SET status = 'A secret' WHERE customer = %s AND recorded_from = registered_position",
        ACTIVE,
    )

    (found,) = replayed(own).listed

    assert found[:1] + found[2:] == ("spans", "different", ("status",))
    assert found.key[0] == ACTIVE


def test_a_part_that_is_missing_or_too_many_is_found(own: str) -> None:
    plant(
        own,
        "UPDATE gatehouse.spans SET recorded_from = 10 ^ 6 WHERE customer = %s AND recorded_from = registered_position",
        ACTIVE,
    )

    missing, extra = replayed(own).listed

    assert (missing.key[0], missing.what) == (ACTIVE, "missing")
    assert (extra.key[:2], extra.what) == ((ACTIVE, "1000000"), "extra")


@pytest.mark.parametrize("stranger", [UUID(int=0), UUID(int=IDS["active"].int + 1), UUID(int=HIGHEST)])
def test_rows_of_customers_that_the_log_does_not_know_are_found(own: str, stranger: UUID) -> None:
    plant(
        own,
        "INSERT INTO gatehouse.customers SELECT %s, partner, external_id, chain_id, wallet, status, detail, version,"
        " created_at, updated_at, 1000000 FROM gatehouse.customers WHERE id = %s",
        stranger,
        ACTIVE,
    )
    plant(
        own,
        "INSERT INTO gatehouse.worklist SELECT %s, kind, attempt, due, wallet, caused_by, correlation"
        " FROM gatehouse.worklist WHERE customer = %s",
        stranger,
        IDS["screened"],
    )

    assert replayed(own).listed == [
        Divergence("customers", (str(stranger),), "extra"),
        Divergence("worklist", (str(stranger),), "extra"),
    ]


def test_a_wrong_number_in_the_feed_is_found(own: str) -> None:
    plant(
        own, "UPDATE gatehouse.feed SET sequence = 1000000 WHERE sequence = (SELECT max(sequence) FROM gatehouse.feed)"
    )
    plant(own, "UPDATE gatehouse.feed SET previous_sequence = 1 WHERE sequence = 3")

    found = replayed(own).listed

    assert sorted(divergence.columns for divergence in found) == [("previous_sequence",), ("sequence",)]
    assert {divergence[:1] + divergence[2:3] for divergence in found} == {("feed", "different")}


def test_a_worker_s_lease_is_no_divergence(own: str) -> None:
    plant(
        own,
        "UPDATE gatehouse.worklist SET leased_until = now(), leased_step = 'screen' WHERE customer = %s",
        IDS["screened"],
    )

    assert replayed(own).divergent == 0


def test_a_projection_is_compared_as_of_where_it_stands(own: str) -> None:
    plant(own, "UPDATE gatehouse.tracking SET position = position - 1 WHERE projection = 'customers'")
    with psycopg.connect(own) as owner:
        last = "SELECT originator_id FROM gatehouse.stored_events ORDER BY notification_id DESC LIMIT 1"
        stream = owner.execute(last).fetchone()
        stored = owner.execute(STREAMS, (list(stream or ()),), binary=True).fetchall()
        before = fold_row(read(*row) for row in stored[:-1])
        assert before is not None
        owner.execute(
            "UPDATE gatehouse.customers SET (status, detail, version, updated_at) = (%s, %s, %s, %s) WHERE id = %s",
            (before.status, before.detail, before.version, before.updated_at, before.id),
        )

    assert replayed(own).divergent == 0


def test_rows_beyond_where_a_projection_stands_are_found(own: str) -> None:
    plant(own, "UPDATE gatehouse.tracking SET position = position - 1 WHERE projection = 'customers'")

    assert [(found.projection, found.what) for found in replayed(own).listed] == [("customers", "different")]


def test_what_never_was_projected_agrees(database: str) -> None:
    write_histories(database)

    assert replayed(database).divergent == 0


def test_an_event_of_an_unknown_type_is_never_passed_over(own: str) -> None:
    plant(
        own,
        "INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state)"
        " VALUES (%s, 1, 'FromTheFuture', '')",
        uuid4(),
    )
    assert replayed(own).divergent == 0, "nobody has projected it"
    with psycopg.connect(own, autocommit=True) as owner:
        owner.execute("UPDATE gatehouse.tracking SET position = position + 1")

    with pytest.raises(CannotStart, match=r"the event at position \d+ cannot be read: UnknownEventType"):
        replayed(own)


def test_what_is_written_meanwhile_is_left_out_on_both_sides(own: str) -> None:
    with taken(service_conninfo(own)) as moment:
        load_lives(own, 500)
        project(own)
        comparison = Comparison(moment.connection, PROJECTIONS, moment.positions)
        findings = comparison.compare(LOWEST, HIGHEST, progress=lambda _: None)

    assert (findings.divergent, findings.events) == (0, sum(map(len, HISTORIES.values())))
    assert replayed(own).events > findings.events


def test_many_divergences_are_all_counted_though_few_are_listed(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infrastructure.replay.comparison.LISTED", 3)
    with psycopg.connect(own, autocommit=True) as owner:
        owner.execute("UPDATE gatehouse.customers SET detail = 'x'")

    findings = replayed(own)

    assert (len(findings.listed), findings.divergent) == (3, len(HISTORIES))


def test_several_processes_find_together_what_one_finds(own: str) -> None:
    plant(own, "DELETE FROM gatehouse.customers WHERE id = %s", IDS["registered"])
    plant(own, "DELETE FROM gatehouse.customers WHERE id = %s", IDS["erased"])
    alone = replayed(own)
    middle = IDS["active"].int
    done: list[int] = []

    with taken(service_conninfo(own)) as moment:
        bounds_of_two = [(LOWEST, middle), (middle + 1, HIGHEST)]
        tasks = [Task(service_conninfo(own), moment.name, moment.positions, *bounds) for bounds in bounds_of_two]
        findings = together(tasks, done.append)

    assert findings == alone
    assert sum(done) == alone.events


def test_what_one_of_several_processes_cannot_do_is_told(own: str) -> None:
    task = Task(service_conninfo(own), "no such snapshot", {}, LOWEST, HIGHEST)

    with pytest.raises(CannotStart, match="the database cannot be read: InvalidParameterValue"):
        together([task], lambda _: None)


def test_ranges_hold_every_stream_once_and_about_as_many_events_each(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "SMALL", 1)
    load_lives(database, 20_000)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("INSERT INTO gatehouse.tracking VALUES ('customers', 20000)")

    with taken(service_conninfo(database)) as moment:
        events, ranges = moment.ranges(4)
        sizes = [_size(moment.connection, *bounds) for bounds in ranges]

    assert [first for first, _ in ranges] == [LOWEST, *(last + 1 for _, last in ranges[:-1])]
    assert ranges[-1][1] == HIGHEST
    assert len(ranges) > 1
    assert max(sizes) < sum(sizes)
    assert 0 < events <= 20_000


def _size(connection: psycopg.Connection[Any], first: int, last: int) -> int:
    found = connection.execute(
        "SELECT count(*) FROM gatehouse.stored_events WHERE originator_id BETWEEN %s AND %s",
        (UUID(int=first), UUID(int=last)),
    ).fetchone()
    assert found
    return int(found[0])


def run(conninfo: str, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`./run replay`, on a database that is somebody's service's."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GATEHOUSE_")}
    return subprocess.run(  # noqa: S603 -- our own command line
        [sys.executable, "-m", "infrastructure", "replay", *arguments],
        env=ours | {"PYTHONPATH": str(ROOT), "GATEHOUSE_DATA": str(folder), "DATABASE_URL": Database(conninfo).url()},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_agreement_is_exit_code_0_and_one_line(projected: str, tmp_path: Path) -> None:
    done = run(projected, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert done.stdout.endswith(": all agree\n")


def test_divergence_is_exit_code_1_and_a_line_for_each(own: str, tmp_path: Path) -> None:
    plant(own, "UPDATE gatehouse.customers SET external_id = 'A secret' WHERE id = %s", ACTIVE)

    done = run(own, tmp_path)

    assert (done.returncode, done.stderr) == (1, "")
    first, last = done.stdout.splitlines()
    assert first == f"customers {ACTIVE}: different (external_id)"
    assert last.endswith(": 1 divergence")


def test_json_is_one_line(own: str, tmp_path: Path) -> None:
    plant(own, "UPDATE gatehouse.customers SET external_id = 'A secret' WHERE id = %s", ACTIVE)

    done = run(own, tmp_path, "--json")

    assert (done.returncode, done.stderr) == (1, "")
    line = json.loads(done.stdout)
    assert line["divergent"] == 1
    assert line["divergences"] == [
        {"projection": "customers", "key": [ACTIVE], "what": "different", "columns": ["external_id"]}
    ]
    assert "A secret" not in done.stdout


def test_the_collector_is_as_it_was_when_a_replay_is_over() -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    with spared_collector():
        assert gc.get_threshold() != before[0]

    assert (gc.get_threshold(), gc.get_freeze_count()) == before
