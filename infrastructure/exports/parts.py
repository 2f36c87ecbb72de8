"""The files of a bundle in the making, and what its manifest says of each."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from infrastructure.exports.growing_file import GrowingFile

UNLISTED: Final = ("manifest.json", "manifest.sig")
"""What the manifest says nothing of: itself, and its signature."""


class Parts:
    """Files below a folder, by their path in the bundle: how long each is, and its SHA-256."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.claims: dict[str, tuple[int, str]] = {}

    def put(self, name: str, data: bytes) -> None:
        """Write a small file whole."""
        path = self.folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(data)
        if name not in UNLISTED:
            self.claims[name] = len(data), sha256(data).hexdigest()

    def put_blocks(self, name: str, blocks: Iterable[bytes]) -> None:
        """Write a file of any length, block by block."""
        with GrowingFile(self.folder / name) as file:
            for block in blocks:
                file.append(block)
            self.claim(name, file)

    def claim(self, name: str, file: GrowingFile) -> None:
        """Take in a file that was written, and is on the disk."""
        self.claims[name] = file.sync(), file.digest

    def files(self) -> dict[str, dict[str, object]]:
        """As the manifest has it."""
        return {name: {"bytes": length, "sha256": digest} for name, (length, digest) in self.claims.items()}
