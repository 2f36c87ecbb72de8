"""A bundle as a zip: the same files give the same bytes, whoever zips them when and where."""

import os
import shutil
import zipfile
from typing import Final

from infrastructure.exports.growing_file import BLOCK
from infrastructure.exports.target import Target

LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip can tell."""
UNIX: Final = 3
PLAIN_FILE: Final = 0o100644 << 16


def zip_bundle(target: Target) -> None:
    """Put the target's files into its zip, not compressed, in the order of their names. Raises `OSError`."""
    names = sorted(path.relative_to(target.folder).as_posix() for path in target.folder.rglob("*") if path.is_file())
    with target.zip.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name in names:
                source = target.folder / name
                member = zipfile.ZipInfo(name, LONG_AGO)
                member.create_system, member.external_attr = UNIX, PLAIN_FILE
                member.file_size = source.stat().st_size
                with source.open("rb") as data, archive.open(member, "w", force_zip64=True) as inside:
                    shutil.copyfileobj(data, inside, BLOCK)
        os.fsync(file.fileno())
