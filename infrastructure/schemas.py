"""The published JSON Schemas: the files of `docs/schemas`, one for each version of each event, and the entry's own."""

from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "docs" / "schemas"


@cache
def schemas() -> dict[str, bytes]:
    """Every schema by its file's name, such as `CustomerRegistered.v1.json`, in order of names. Read once."""
    return {path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.json"))}
