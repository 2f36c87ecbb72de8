"""Secret keys: made once, for their owner's eyes only, and never taken for another deployment's."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from infrastructure.faults import KeyProblem
from infrastructure.keys.deployment import NAMES, Keys, check_keys, load_keys
from infrastructure.postgres import service_conninfo
from tests.infrastructure.test_executor import rows
from tests.infrastructure.test_serve import ROOT, environment

PROGRAM: Final = """
import sys
from pathlib import Path
from infrastructure.keys.deployment import NAMES, load_keys
keys = load_keys(Path(sys.argv[1]), generate=True)
print(*(getattr(keys, name).hex() for name in NAMES))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with keys in it."""
    load_keys(tmp_path / "keys", generate=True)
    return tmp_path / "keys"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_keys_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "keys"
    made = load_keys(folder, generate=True)

    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.key" for name in NAMES)
    assert {mode(path) for path in folder.iterdir()} == {0o600}
    assert mode(folder) == 0o700
    assert load_keys(folder, generate=True) == load_keys(folder, generate=False) == made
    assert {len(getattr(made, name)) for name in NAMES} == {32}
    assert len({getattr(made, name) for name in NAMES}) == len(NAMES)


def test_several_processes_that_make_keys_at_once_end_up_with_the_same(tmp_path: Path) -> None:
    starts = [
        subprocess.Popen(  # noqa: S603 -- our own program
            [sys.executable, "-c", PROGRAM, str(tmp_path / "keys")],
            env=environment(ROOT),
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    said = {start.communicate()[0] for start in starts}

    assert len(said) == 1
    assert len(said.pop().split()) == len(NAMES)
    assert len(list((tmp_path / "keys").iterdir())) == len(NAMES)


def test_what_a_killed_predecessor_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container every process has the same number."""
    (tmp_path / f"master.{os.getpid()}.new").write_text("half a k")
    load_keys(tmp_path, generate=True)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.key" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_key_is_not_made_in_production(folder: Path, name: str) -> None:
    (folder / f"{name}.key").unlink()
    with pytest.raises(KeyProblem, match=rf"^the key file {name}\.key is missing"):
        load_keys(folder, generate=False)
    assert not (folder / f"{name}.key").exists()


@pytest.mark.parametrize("permissions", [0o640, 0o604, 0o602, 0o660, 0o644, 0o610])
def test_a_key_that_others_can_get_at_is_refused(folder: Path, permissions: int) -> None:
    (folder / "cursor.key").chmod(permissions)
    with pytest.raises(KeyProblem, match=r"^the key file cursor\.key can be read by others: chmod 600 it$"):
        load_keys(folder, generate=True)


@pytest.mark.parametrize("permissions", [0o600, 0o400])
def test_a_key_that_only_its_owner_can_get_at_is_taken(folder: Path, permissions: int) -> None:
    (folder / "cursor.key").chmod(permissions)
    load_keys(folder, generate=False)


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "not hexadecimal", "é"], ids=repr)
def test_a_damaged_key_is_refused_and_not_repeated(folder: Path, text: str) -> None:
    (folder / "master.key").write_text(text)
    with pytest.raises(KeyProblem, match=r"^the key file master\.key ") as refused:
        load_keys(folder, generate=True)
    assert not text or text not in str(refused.value)
    assert (folder / "master.key").read_text() == text


def test_keys_are_not_shown(folder: Path) -> None:
    keys = load_keys(folder, generate=False)
    shown = repr(keys) + str(keys)
    for name in NAMES:
        assert getattr(keys, name).hex() not in shown
        assert repr(getattr(keys, name)) not in shown


def test_a_fingerprint_says_nothing_without_its_key(folder: Path, tmp_path: Path) -> None:
    keys, others = load_keys(folder, generate=False), load_keys(tmp_path / "others", generate=True)
    assert keys.fingerprint_of("person/UTO/1") == keys.fingerprint_of("person/UTO/1")
    assert keys.fingerprint_of("person/UTO/1") != keys.fingerprint_of("person/UTO/2")
    assert keys.fingerprint_of("person/UTO/1") != others.fingerprint_of("person/UTO/1")


@pytest.mark.parametrize("name", ["master", "fingerprint"])
def test_a_database_takes_only_the_keys_it_was_begun_with(database: str, name: str) -> None:
    service = service_conninfo(database)
    keys = Keys(*(bytes([number]) * 32 for number in range(len(NAMES))))
    parts = {each: getattr(keys, each) for each in NAMES}
    check_keys(service, keys)
    check_keys(service, keys)
    check_keys(service, Keys(**parts | {"cursor": bytes(32), "callback": bytes(32)}))
    with pytest.raises(KeyProblem, match=f"^the {name} key is not the one that this database was begun with$"):
        check_keys(service, Keys(**parts | {name: b"another one, of the right length"}))


def test_a_database_remembers_no_key_but_how_to_tell_it(database: str) -> None:
    keys = Keys(*(bytes([number + 1]) * 32 for number in range(len(NAMES))))
    check_keys(service_conninfo(database), keys)
    kept = rows(database, "SELECT name, check_value FROM gatehouse.key_checks ORDER BY name")

    assert [name for name, _ in kept] == ["fingerprint", "master"]
    assert not {bytes(value) for _, value in kept} & {keys.master, keys.fingerprint}
