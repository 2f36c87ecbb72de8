"""The audit demo, as whoever tries it runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parents[2]

SOMEBODYS: Final = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "GATEHOUSE_DATA": "/proc/not-used",
    "GATEHOUSE_ORIGIN": "somebodys.example/log",
    "GATEHOUSE_KEY_COMMAND": "false",
    "GATEHOUSE_SCREENING": "trm",
    "GATEHOUSE_TRM_URL": "http://127.0.0.1:1",
}
"""Of a deployment that a demo must not touch."""


def test_what_is_sound_is_found_sound_and_each_crime_is_found(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infrastructure", "audit-demo", "--json"],
        cwd=ROOT,
        env=os.environ | SOMEBODYS | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    told = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, told["sound"], told["ok"]) == (0, True, True), done.stderr
    found = [crime["found"] for crime in told["crimes"]]
    assert found == [["entry_changed"], ["published_checkpoint_contradicts"], ["log_shrunk"]]
    assert list(tmp_path.iterdir()) == []
