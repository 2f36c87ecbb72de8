"""A bundle to be spoiled on purpose, and what a verifier finds then."""

import json
from pathlib import Path
from typing import Any, Final

from bench.bundles import seal
from infrastructure.exports.verify import Report, verify
from tests.support.bundles import SECOND, made_log

LOG: Final = made_log(270)
LINES: Final = [entry + b"\n" for entry in LOG.entries]
DEEP: Final = b"[" * 100_000 + b"]" * 100_000


def manifest(folder: Path) -> Any:  # noqa: ANN401 -- JSON is anything
    return json.loads((folder / "manifest.json").read_bytes())


def codes(report: Report) -> set[str]:
    return {problem.code for problem in report.problems}


def resealed(folder: Path, name: str, data: bytes) -> set[str]:
    """What is found when whoever has the key puts other bytes in a file's place."""
    (folder / name).write_bytes(data)
    seal(folder, manifest(folder), SECOND)
    return codes(verify(folder))


def told(folder: Path, *path: str, value: object) -> set[str]:
    """What is found when the manifest says something else, signed."""
    found = part = manifest(folder)
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    (folder / "manifest.json").write_text(text, newline="")
    return codes(verify(folder))
