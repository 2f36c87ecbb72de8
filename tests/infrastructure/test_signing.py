"""The keys that the log is signed with: announced in the log, each by the one before it, and followed at once."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from application.transparency.notes import Signer, opened, parse_key, parse_note
from domain.events import SigningKeyAnnounced
from infrastructure.bootstrap import open_services
from infrastructure.faults import KeyProblem
from infrastructure.keys.deployment import load_keys
from infrastructure.keys.signing import announce_signing_key, announced, announcement, current_signer
from infrastructure.keys.sources import KeySource
from infrastructure.services import Services
from infrastructure.settings import Settings

pytestmark = pytest.mark.anyio

ORIGIN = "gatehouse.example/log"
FIRST, SECOND, THIRD = (Signer(ORIGIN, bytes([number]) * 32) for number in range(3))


def settings(folder: Path, **given: Any) -> Settings:  # noqa: ANN401 -- any of them
    return Settings(data=folder, public_url="https://gatehouse.example:8443", **given)


@asynccontextmanager
async def process(database: str, chosen: Settings) -> AsyncIterator[Services]:
    keys = load_keys(chosen.key_source, generate=True)
    async with open_services(chosen, database, keys) as services:
        yield services


def test_the_first_key_vouches_for_itself() -> None:
    assert announcement([], signer=FIRST, previous=None) == (SigningKeyAnnounced(key=FIRST.public.vkey),)


def test_a_key_that_is_in_force_is_not_announced_again() -> None:
    history = announcement([], signer=FIRST, previous=None)
    assert announcement(history, signer=FIRST, previous=None) == ()


def test_the_next_key_is_named_by_the_one_before_it() -> None:
    history = announcement([], signer=FIRST, previous=None)
    (event,) = announcement(history, signer=SECOND, previous=FIRST)

    assert (event.key, event.previous) == (SECOND.public.vkey, FIRST.public.vkey)
    note = parse_note(event.handover or "")
    assert note.text == f"{ORIGIN}\nnext signing key\n{SECOND.public.vkey}\n"
    assert opened(note, [FIRST.public]) == [FIRST.public]


def test_after_a_lost_key_the_next_stands_alone() -> None:
    history = announcement([], signer=FIRST, previous=None)
    (event,) = announcement(history, signer=SECOND, previous=None, lost=True)
    assert event == SigningKeyAnnounced(key=SECOND.public.vkey, previous=FIRST.public.vkey)


def test_a_key_that_was_called_lost_and_is_there_still_names_the_next() -> None:
    history = announcement([], signer=FIRST, previous=None)
    assert announcement(history, signer=SECOND, previous=FIRST, lost=True) == announcement(
        history, signer=SECOND, previous=FIRST
    )


@pytest.mark.parametrize("previous", [None, THIRD])
def test_a_key_that_nobody_vouches_for_is_refused_and_the_way_out_is_named(previous: Signer | None) -> None:
    history = announcement([], signer=FIRST, previous=None)
    with pytest.raises(KeyProblem, match=re.escape("`./run keys rotate signing --lost`")):
        announcement(history, signer=SECOND, previous=previous)


@pytest.mark.parametrize("lost", [False, True])
def test_a_key_that_was_replaced_never_comes_back(*, lost: bool) -> None:
    history = announcement([], signer=FIRST, previous=None)
    history += announcement(history, signer=SECOND, previous=FIRST)
    with pytest.raises(KeyProblem, match="was replaced by another"):
        announcement(history, signer=FIRST, previous=SECOND, lost=lost)


async def test_a_log_is_named_after_its_host_unless_it_is_told_otherwise(database: str, tmp_path: Path) -> None:
    async with process(database, settings(tmp_path)) as services:
        with pytest.raises(KeyProblem, match="no signing key was announced yet"):
            await current_signer(services)
        await announce_signing_key(services, settings(tmp_path))
        await announce_signing_key(services, settings(tmp_path))
        (key,) = await announced(services.reader)
        assert parse_key(key.key).name == ORIGIN

        moved = Settings(data=tmp_path, public_url="https://elsewhere.example")
        await announce_signing_key(services, moved)
        with pytest.raises(KeyProblem, match=f"^GATEHOUSE_ORIGIN is not the log's name, .* as {ORIGIN}$"):
            await announce_signing_key(services, settings(tmp_path, origin="elsewhere.example/log"))
        assert await announced(services.reader) == [key]


async def test_running_processes_follow_a_rotation_without_a_restart(database: str, tmp_path: Path) -> None:
    chosen = settings(tmp_path, origin="other.example/log")
    async with process(database, chosen) as running:
        await announce_signing_key(running, chosen)
        old = await current_signer(running)
        KeySource(tmp_path / "keys").succeed("signing")
        assert (await current_signer(running)).public == old.public, "it is not in force before it is announced"

        async with process(database, chosen) as rotating:
            assert (await current_signer(rotating)).public == old.public
            await announce_signing_key(rotating, chosen)
            new = await current_signer(rotating)
        assert new.public.name == "other.example/log"
        assert new.public != old.public
        assert (await current_signer(running)).public == new.public
        first, second = await announced(running.reader)
        assert (second.previous, second.key) == (first.key, new.public.vkey)
        assert opened(parse_note(second.handover or ""), [old.public]) == [old.public]


async def test_a_process_without_the_announced_key_signs_nothing(database: str, tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    async with process(database, chosen) as services:
        await announce_signing_key(services, chosen)
        (tmp_path / "keys" / "signing.key").unlink()
        await current_signer(services)

    async with process(database, chosen) as services:
        with pytest.raises(KeyProblem, match=r"is not at hand$"):
            await current_signer(services)
        with pytest.raises(KeyProblem, match="if it is lost"):
            await announce_signing_key(services, chosen)
        await announce_signing_key(services, chosen, lost=True)
        assert (await current_signer(services)).public == services.signing.signer(ORIGIN).public
