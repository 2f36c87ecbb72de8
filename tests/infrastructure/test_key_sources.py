"""Where keys come from: the environment, a command, a file; and whatever is wrong with one is said without it."""

import os
import sys
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from infrastructure.faults import BadSettings, KeyProblem
from infrastructure.keys import sources as key_sources
from infrastructure.keys.deployment import NAMES, load_keys
from infrastructure.keys.sources import KeySource
from infrastructure.settings import Settings, load_settings

HEX: Final = {name: f"{number:02x}" * 32 for number, name in enumerate(NAMES, 0xA1)}
SECRET: Final = "5ec2e7" * 9


def saying(folder: Path, program: str) -> str:
    """A command that runs a program of Python's, and is given the key's name."""
    path = folder / "a command.py"
    path.write_text(program)
    return f"{sys.executable} '{path}' --vault x"


def says(text: str) -> str:
    return f"import sys; assert sys.argv[1:3] == ['--vault', 'x']; print({text})"


def test_the_environment_goes_before_the_command_and_the_command_before_the_file(tmp_path: Path) -> None:
    given = {"master": SecretStr(HEX["master"])}
    command = saying(tmp_path, says("'b2' * 32 if sys.argv[3] in ('master', 'cursor') else ''"))
    source = KeySource(tmp_path, command, given)
    for name in ("master", "cursor", "callback"):
        source.make(name)

    assert source.read("master").hex() == HEX["master"]
    assert source.read("cursor").hex() == "b2" * 32
    assert source.read("callback").hex() == source.path("callback").read_text().strip()
    assert [source.in_file(name) for name in ("master", "cursor", "callback")] == [False, False, True]


def test_every_key_can_be_given_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.setenv(f"GATEHOUSE_{name.upper()}_KEY", f" {HEX[name]}\n")
    monkeypatch.setenv("GATEHOUSE_MASTER_PREVIOUS_KEY", SECRET + "0" * 10)
    monkeypatch.setenv("GATEHOUSE_SIGNING_PREVIOUS_KEY", "")
    monkeypatch.setenv("GATEHOUSE_DATA", str(tmp_path))
    settings = load_settings()
    keys = load_keys(settings.key_source, generate=True)

    assert {name: getattr(keys, name).hex() for name in NAMES} == HEX
    assert keys.previous_master == bytes.fromhex(SECRET + "0" * 10)
    assert settings.key_source.find("signing.previous") is None
    assert list(tmp_path.iterdir()) == []
    shown = f"{settings!r} {settings} {settings.key_source!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert not any(key in shown for key in (*HEX.values(), SECRET))


def test_a_command_is_asked_for_the_previous_key_by_its_name(tmp_path: Path) -> None:
    source = KeySource(tmp_path, saying(tmp_path, says("'c3' * 32 if sys.argv[3] == 'master.previous' else 'd4' * 32")))
    keys = load_keys(source, generate=False)
    assert (keys.master.hex(), (keys.previous_master or b"").hex()) == ("d4" * 32, "c3" * 32)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (says(f"'{SECRET}'"), "what the key command prints for master does not hold 32 bytes in hex"),
        (says(f"'{SECRET}' * 9"), "what the key command prints for master does not hold 32 bytes in hex"),
        (says("'no hex'"), "what the key command prints for master does not hold 32 bytes in hex"),
        (says("'\\u00e9' * 64"), "what the key command prints for master does not hold 32 bytes in hex"),
        (says("'a' * 9_000_000"), "what the key command prints for master is too long for a key"),
        (
            f"import sys; print('{SECRET}'); print('{SECRET}', file=sys.stderr); sys.exit(3)",
            "the key command failed for master, with exit code 3",
        ),
    ],
    ids=["short", "long", "words", "not ascii", "endless", "failing"],
)
def test_what_is_wrong_with_a_command_is_one_line_without_what_it_said(
    tmp_path: Path, program: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyProblem) as refused:
        KeySource(tmp_path, saying(tmp_path, program)).read("master")
    assert str(refused.value) == said
    assert SECRET not in "".join(capfd.readouterr())


@pytest.mark.parametrize("command", ["/nowhere/to/be/found", "an 'unclosed quotation", "/etc/passwd"])
def test_a_command_that_cannot_be_run_is_not_repeated(tmp_path: Path, command: str) -> None:
    with pytest.raises(KeyProblem, match=r"^the key command cannot be run$"):
        KeySource(tmp_path, command).read("master")


@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(600)",
        "import os, time; os.close(1); time.sleep(600)",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])",
    ],
    ids=["silent", "with its output closed", "in a child"],
)
def test_a_command_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_sources, "PATIENCE", 1.0)
    with pytest.raises(KeyProblem, match=r"^the key command does not answer within 1 seconds$"):
        KeySource(tmp_path, saying(tmp_path, program)).read("master")


def test_a_process_that_a_command_leaves_behind_does_not_keep_us_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in a session of its own and holds the output open, as an agent may; it ends with this test."""
    monkeypatch.setattr(key_sources, "PATIENCE", 2.0)
    held = tmp_path / "held"
    os.mkfifo(held)
    leave = "subprocess.Popen(['cat', sys.argv[0].replace('a command.py', 'held')], start_new_session=True)"
    command = saying(tmp_path, f"import subprocess, sys; {leave}; print({HEX['master']!r})")
    with pytest.raises(KeyProblem, match=r"^the key command does not answer within 2 seconds$"):
        KeySource(tmp_path, command).read("master")
    os.close(os.open(held, os.O_WRONLY))


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(KeyProblem):
        KeySource(tmp_path, f"{sys.executable} -c pass; touch {mark}; ").read("master")
    assert not mark.exists()


@pytest.mark.parametrize("text", [SECRET, "zz" * 32])
def test_what_is_wrong_with_the_environment_is_said_by_the_variables_name(tmp_path: Path, text: str) -> None:
    source = KeySource(tmp_path, given={"master.previous": SecretStr(text)})
    with pytest.raises(KeyProblem) as refused:
        source.find("master.previous")
    assert str(refused.value) == "GATEHOUSE_MASTER_PREVIOUS_KEY does not hold 32 bytes in hex"


def test_a_new_key_takes_a_files_place_and_the_old_one_is_kept(tmp_path: Path) -> None:
    source = KeySource(tmp_path)
    source.make("master")
    first = source.read("master")
    source.succeed("master")
    second = source.read("master")
    source.succeed("master")

    assert len({first, second, source.read("master")}) == 3
    assert source.read("master.previous") == second
    assert {path.name for path in tmp_path.iterdir()} == {"master.key", "master.previous.key"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("call", [1, 2])
def test_broken_off_no_key_is_lost_and_a_repeat_goes_on_with_the_same(
    tmp_path: Path, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key that was made first may be in use already."""
    source = KeySource(tmp_path)
    source.make("master")
    first = source.read("master")
    replaced = Path.replace
    calls = iter(range(1, 9))

    def power_cut(path: Path, target: Path) -> Path:
        if next(calls) == call:
            raise InterruptedError
        return replaced(path, target)

    with monkeypatch.context() as cut:
        cut.setattr(Path, "replace", power_cut)
        with pytest.raises(InterruptedError):
            source.succeed("master")
    assert source.read("master") == first
    coming = source.read("master.next")
    source.succeed("master")
    assert (source.read("master"), source.read("master.previous")) == (coming, first)


@pytest.mark.parametrize("origin", ["with space/log", "with+plus/log", "https://scheme.example/log", "é.example/log"])
def test_a_log_has_no_name_that_a_note_could_not_carry(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("GATEHOUSE_ORIGIN", origin)
    with pytest.raises(BadSettings, match="origin"):
        load_settings()
    assert Settings(origin="gatehouse.example/log").origin == "gatehouse.example/log"
