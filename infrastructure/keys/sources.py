"""Where a secret key is read from: the environment, a command that asks a vault, or a file, in this order.

A key is 32 bytes, in hex. No error, and no log, repeats what was read.
"""

import os
import secrets
import shlex
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from time import monotonic
from typing import Final

from pydantic import SecretStr

from infrastructure.faults import KeyProblem

BYTES: Final = 32
LONGEST: Final = 4096
"""Bytes of a command's output that are read; a key is 64 of them."""
PATIENCE: Final = 10.0
"""Seconds that a command has."""


@dataclass(frozen=True, slots=True)
class KeySource:
    """Reads keys by name, such as `master`, or `master.previous` for the one before it. Each reading is a new one."""

    folder: Path
    """Where the key files lie."""
    command: str | None = field(default=None, repr=False)
    """Run without a shell, with the key's name as its last argument; what it prints is the key, and nothing if it
    has none of this name."""
    given: Mapping[str, SecretStr] = field(default_factory=dict)
    """Keys of the environment."""

    def read(self, name: str) -> bytes:
        """The key of this name. Raises `KeyProblem`."""
        key = self.find(name)
        if key is None:
            raise KeyProblem(f"the key file {self.path(name).name} is missing: production mode does not make keys")
        return key

    def find(self, name: str) -> bytes | None:
        """The key of this name, if there is one. Raises `KeyProblem` for what is there and is no key."""
        if name in self.given:
            return _key(self.given[name].get_secret_value(), f"GATEHOUSE_{name.replace('.', '_').upper()}_KEY")
        if self.command is not None and (said := _asked(self.command, name)):
            return _key(said, f"what the key command prints for {name}")
        path = self.path(name)
        return _of_file(path) if path.exists() else None

    def in_file(self, name: str) -> bool:
        """Whether the key of this name is a file's, or would be."""
        return name not in self.given and not (self.command is not None and _asked(self.command, name))

    def path(self, name: str) -> Path:
        """The file for a key."""
        return self.folder / f"{name}.key"

    def make(self, name: str) -> None:
        """Write a new key to its file, unless there is one; whoever comes second keeps the first one's."""
        path = self.path(name)
        if path.exists():
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.new")
        draft.unlink(missing_ok=True)  # of a process that was killed and had our number: in a container all have one
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()

    def succeed(self, name: str) -> None:
        """Put a new key in the place of a file's, which becomes the previous one. Broken off, a repeat goes on.

        Whoever reads meanwhile finds the one or the other, never none.
        """
        coming, present, previous = (self.path(each) for each in (f"{name}.next", name, f"{name}.previous"))
        self.make(f"{name}.next")
        kept = previous.with_suffix(".kept")
        kept.unlink(missing_ok=True)
        os.link(present, kept)
        kept.replace(previous)
        coming.replace(present)
        _settle(self.folder)


def _settle(folder: Path) -> None:
    """Make what was renamed survive a power cut: a key that wraps others must not be lost."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _key(text: str, place: str) -> bytes:
    """The bytes that hex says."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != BYTES:
        raise KeyProblem(f"{place} does not hold {BYTES} bytes in hex")
    return key


def _of_file(path: Path) -> bytes:
    try:
        if path.stat().st_mode & 0o077:
            raise KeyProblem(f"the key file {path.name} can be read by others: chmod 600 it")
        with path.open("rb") as file:
            text = file.read(LONGEST).decode("ascii")
    except (OSError, ValueError):
        raise KeyProblem(f"the key file {path.name} cannot be read") from None
    return _key(text, f"the key file {path.name}")


def _asked(command: str, name: str) -> str:
    """What the key command prints for a name. Raises `KeyProblem`; whatever it started has ended by then."""
    try:
        process = subprocess.Popen(  # noqa: S603 -- the operator's own command
            [*shlex.split(command), name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError):
        raise KeyProblem("the key command cannot be run") from None
    with process:
        try:
            said, status = _heard(process, deadline=monotonic() + PATIENCE)
        except subprocess.TimeoutExpired:
            _end(process)
            raise KeyProblem(f"the key command does not answer within {PATIENCE:.0f} seconds") from None
    if len(said) > LONGEST:
        raise KeyProblem(f"what the key command prints for {name} is too long for a key")
    if status:
        raise KeyProblem(f"the key command failed for {name}, with exit code {status}")
    return said.decode("ascii", "replace").strip()


def _heard(process: "subprocess.Popen[bytes]", *, deadline: float) -> tuple[bytes, int]:
    """What a command prints, or the beginning of what is too long, and its exit code. Raises `TimeoutExpired`.

    The output ends when nobody holds it open any more, which may be a process that the command left behind.
    """
    said = b""
    with process.stdout as output, DefaultSelector() as selector:  # type: ignore[union-attr] # it is a pipe
        selector.register(output, EVENT_READ)
        while len(said) <= LONGEST:
            if not selector.select(deadline - monotonic()):
                raise subprocess.TimeoutExpired(process.args, PATIENCE)
            if not (more := os.read(output.fileno(), LONGEST)):
                break
            said += more
    if len(said) > LONGEST:
        _end(process)
    return said, process.wait(max(deadline - monotonic(), 0))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a command with all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
