"""`./run keys rotate`, and the signing key that it replaces, lost or not."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from application.transparency.notes import opened, parse_key, parse_note
from infrastructure.keys.rotation import rotate_signing
from infrastructure.keys.signing import announce_signing_key, announced, current_signer
from infrastructure.settings import Settings
from tests.infrastructure.test_key_rotation import process
from tests.infrastructure.test_serve import ROOT, environment

pytestmark = pytest.mark.anyio


async def test_signing_keys_follow_each_other_and_a_lost_one_is_survived(database: str, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, origin="gatehouse.example/log")
    async with process(database, tmp_path, origin="gatehouse.example/log") as services:
        await announce_signing_key(services, settings)
        second = await rotate_signing(services, settings, lost=False)
        assert (await current_signer(services)).public.vkey == second
        third = await rotate_signing(services, settings, lost=False)
        services.key_source.path("signing").unlink()
        services.key_source.make("signing")
        fourth = await rotate_signing(services, settings, lost=True)
        keys = await announced(services.reader)
        assert (await current_signer(services)).public.vkey == fourth

    assert [key.key for key in keys[1:]] == [second, third, fourth]
    assert [key.previous for key in keys] == [None, *(key.key for key in keys[:-1])]
    for before, key in pairwise(keys[:3]):
        assert opened(parse_note(key.handover or ""), [parse_key(before.key)])
    assert keys[3].handover is None


def run(database: str, folder: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    given = {"DATABASE_URL": database, "GATEHOUSE_DATA": str(folder)} | more
    return subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "infrastructure", "keys", "rotate", *arguments],
        env=environment(ROOT) | given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_is_one_command(database: str, tmp_path: Path) -> None:
    first = run(database, tmp_path, "signing", "--json")
    assert (first.returncode, first.stderr) == (0, "")
    key = json.loads(first.stdout)["key"]
    assert key.startswith("127.0.0.1/log+")
    (tmp_path / "keys" / "signing.key").unlink()
    production = {"GATEHOUSE_MODE": "production", "GATEHOUSE_PUBLIC_URL": "https://gatehouse.example"}
    assert "signing.key is missing" in run(database, tmp_path, "signing", **production).stderr
    lost = run(database, tmp_path, "signing", "--lost", **production)
    assert (lost.returncode, lost.stderr) == (0, "")
    assert lost.stdout.startswith("the log is signed with another key from here on:\n127.0.0.1/log+")
    assert key not in lost.stdout
    master = run(database, tmp_path, "master")
    assert (master.returncode, master.stderr) == (0, "")
    assert "destroy it (master.previous)" in master.stdout
    for arguments in (("cursor",), ("master", "--lost")):
        refused = run(database, tmp_path, *arguments)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
