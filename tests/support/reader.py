"""The reader in JavaScript, and what it looks at in a bundle."""

import json
import subprocess
from pathlib import Path
from shutil import which
from typing import Any, Final

import pytest

from application.transparency.tiles import BYTES, Growth, path_of
from application.transparency.tree import leaf_hash

READER: Final = Path(__file__).parents[2] / "docs" / "reader.mjs"
NODE: Final = which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="the reader needs Node, which is not on the PATH")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the reader."""
    return subprocess.run(  # noqa: S603 -- this project's own script
        [NODE or "node", READER, *arguments], capture_output=True, encoding="utf-8", check=False
    )


def states_in(result: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The states that the reader printed; nothing was wrong."""
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.split("\n") if line]


def bundle(folder: Path, lines: list[bytes], *, tree_of: list[bytes] | None = None) -> Path:
    """What a reader looks at in a bundle: the entries, and the tiles of a tree over `tree_of`, or over them."""
    leaves = [leaf_hash(line) for line in tree_of or lines]
    (folder / "entries.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    (folder / "manifest.json").write_text(json.dumps({"checkpoint": {"size": len(leaves)}}))
    for place, hashes in Growth().extend(leaves).items():
        tile = folder / path_of(place, len(hashes) // BYTES)
        tile.parent.mkdir(parents=True, exist_ok=True)
        tile.write_bytes(hashes)
    return folder
