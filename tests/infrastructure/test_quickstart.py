"""The quickstart works as it is written: its commands run in one shell, one after the other, against a sandbox."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.infrastructure.test_serve import ROOT, SOON, environment, serving

GUIDE: Final = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
SHELL: Final = re.findall(r"^```sh\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
PYTHON: Final = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
INTERPRETER: Final = "PYTHONPATH=.:client .venv/bin/python"
NEXT: Final = "--next--"


@pytest.fixture(scope="module")
def answers() -> Iterator[list[list[dict[str, Any]]]]:
    """For each of the guide's blocks, what its calls were answered."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        (script,) = PYTHON
        (folder / "first_customer.py").write_text(script, encoding="utf-8")
        with serving(folder / "data") as service:
            key = service.key_ids["partner"], service.keys["partner"]
            given = [f"URL={service.url}", "KEY={} SECRET={}".format(*key)]  # set as by whoever types, and not exported
            done = subprocess.run(  # noqa: S603 -- our own guide
                [str(shutil.which("sh")), "-eu"],
                input="\n".join([*given, f"echo; echo {NEXT}\n".join(SHELL).replace(INTERPRETER, sys.executable)]),
                env=environment(folder) | {"PYTHONPATH": f"{ROOT}:{ROOT}/client"},
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=2 * SOON,
            )
        assert done.returncode == 0, done
        yield [list(told(block)) for block in done.stdout.split(f"\n{NEXT}\n")]


def told(block: str) -> Iterator[dict[str, Any]]:
    """JSON objects that were printed one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(block.rstrip()):
        found, at = decoder.raw_decode(block, at)
        yield found


def test_every_command_of_the_guide_is_run() -> None:
    assert GUIDE.count("```") == 2 * (len(SHELL) + len(PYTHON) + len(["./run serve"]))
    assert INTERPRETER in "".join(SHELL)


def test_the_key_is_good_and_there_is_nobody_yet(answers: list[list[dict[str, Any]]]) -> None:
    assert answers[0] == [{"customers": []}]


def test_a_repeat_is_answered_as_the_first_was(answers: list[list[dict[str, Any]]]) -> None:
    first, again = answers[2]

    assert first["externalId"] == "user-4712"
    assert again == first


def test_the_customer_has_signed(answers: list[list[dict[str, Any]]]) -> None:
    (customer,) = answers[1]

    assert customer["externalId"] == "user-4711"
    assert customer["status"] in {"screening", "verifying"}


def test_the_person_is_sent_to_a_page_and_then_may_use_all(answers: list[list[dict[str, Any]]]) -> None:
    (session,), (accepted, services) = answers[3:5]

    assert session["sessionUrl"].startswith("http://")
    assert accepted == {"accepted": True}
    assert services == {"status": "active", "accountCreation": True, "cardCreation": True}


def test_a_suspicion_is_ours_to_lift(answers: list[list[dict[str, Any]]]) -> None:
    _, refused = answers[5]

    assert refused["code"] == "activation_reserved"


def test_lists_and_preconditions_are_as_the_guide_says(answers: list[list[dict[str, Any]]]) -> None:
    (customer,) = answers[1]
    (inactive, mine), (refused,) = answers[6:8]

    assert [one["id"] for one in inactive["customers"]] == [one["id"] for one in mine["customers"]] == [customer["id"]]
    assert inactive["customers"][0]["status"] == "inactive"
    assert refused["code"] == "version_mismatch"


def test_the_feed_tells_the_customer_s_life_in_order(answers: list[list[dict[str, Any]]]) -> None:
    (customer,), (page,) = answers[1], answers[8]

    assert [event["sequence"] for event in page["events"]] == [*range(1, len(page["events"]) + 1)]
    told = [event["status"] for event in page["events"] if event["id"] == customer["id"]]
    assert told == ["initiating", "screening", "verifying", "active", "inactive"]
