"""`./run replay --decisions` on what the demo's customers went through, and on what was tampered with since."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bench.postgres import Database
from tests.conftest import Server
from tests.support.decided import DecidedLog

ROOT: Final = Path(__file__).parents[2]


def run(conninfo: str, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command line, on a database and keys of somebody's service."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GATEHOUSE_")}
    return subprocess.run(  # noqa: S603 -- our own command line
        [sys.executable, "-m", "infrastructure", *arguments],
        env=ours
        | {
            "PYTHONPATH": f"{ROOT}:{ROOT}/client",
            "GATEHOUSE_DATA": str(folder),
            "DATABASE_URL": Database(conninfo).url(),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder, with the keys that the demo made."""
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def played(server: Server, keys: Path) -> Iterator[str]:
    """A database on which the demo has played all its stories."""
    conninfo = server.clone()
    done = run(conninfo, keys, "demo", "--json")
    assert json.loads(done.stdout)["ok"] is True, done.stdout
    yield conninfo
    server.drop(conninfo)


@pytest.fixture
def own(server: Server, played: str) -> Iterator[DecidedLog]:
    """The same, for one test alone."""
    conninfo = server.clone(of=played)
    yield DecidedLog(conninfo)
    server.drop(conninfo)


def test_all_decisions_of_the_demo_come_out_the_same(played: str, keys: Path) -> None:
    done = run(played, keys, "replay", "--decisions")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert done.stdout.endswith(": all come out the same\n")


def test_json_is_one_line(played: str, keys: Path) -> None:
    done = run(played, keys, "replay", "--decisions", "--json")

    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    line = json.loads(done.stdout)
    assert (line["divergent"], line["divergences"], line["erased"]) == (0, [], 0)
    assert set(line["bySteps"]) == {"screening", "verification", "monitoring"}
    assert line["decisions"] == sum(line["bySteps"].values()) > 20
    assert line["customers"] >= 12


def test_a_forged_decision_is_exit_code_1_and_names_the_customer(own: DecidedLog, keys: Path) -> None:
    at = own.event("ScreeningFailed", "sanctions_match")
    own.forge(at, '"sanctions_match"', '"wallet_barred"')

    done = run(own.conninfo, keys, "replay", "--decisions")

    assert (done.returncode, done.stderr) == (1, "")
    first, last = done.stdout.splitlines()
    assert first == f"customer {at[0]} version {at[1] - 1} ScreeningAttempted: reasons"
    assert last.endswith(": 1 divergence")


def test_a_payload_that_is_gone_is_exit_code_1_and_names_the_customer(own: DecidedLog, keys: Path) -> None:
    at = own.event("VerificationPassed")
    own.change(
        "DELETE FROM gatehouse.evidence WHERE subject = %s AND encode(digest, 'hex') ="
        " (SELECT convert_from(state, 'UTF8')::json #>> '{data,evidence}' FROM gatehouse.stored_events"
        " WHERE (originator_id, originator_version) = (%s, %s))",
        at[0],
        *at,
    )

    done = run(own.conninfo, keys, "replay", "--decisions", "--json")

    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["divergences"] == [
        {"customer": str(at[0]), "version": at[1], "event": "VerificationPassed", "what": ["evidence missing"]}
    ]


def test_a_replay_with_another_logs_keys_does_not_begin(played: str, tmp_path: Path) -> None:
    done = run(played, tmp_path, "replay", "--decisions")

    assert (done.returncode, done.stdout) == (1, "")
    assert "key is not the one that this database was begun with" in done.stderr


def test_a_policy_on_trial_is_told_by_counts_and_by_a_list(played: str, keys: Path, tmp_path: Path) -> None:
    output = tmp_path / "list"

    done = run(played, keys, "trial", "screening-2", "--json", "--output", str(output))

    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    line = json.loads(done.stdout)
    assert (line["policy"], line["step"], line["otherwise"], line["list"]) == ("screening-2", "screening", 0, [])
    assert line["decisions"] > 10
    assert output.read_text("ascii") == ""


def test_a_policy_that_there_is_not_is_exit_code_1_and_one_line(keys: Path, played: str) -> None:
    done = run(played, keys, "trial", "screening-99")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gatehouse: a policy is one of monitoring-1, screening-1, screening-2")
