"""The witness: cosigns a log that grows, and refuses, with evidence, one that was rewritten by whoever owns it."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from application.transparency.notes import COSIGNS, Checkpoint, Signer, opened, opened_checkpoint, parse_note, signed
from application.transparency.proofs import ConsistencyProof
from application.transparency.tree import verify_consistency
from infrastructure.faults import CannotStart
from infrastructure.transparency.builder import TreeBuilder
from infrastructure.witness.memory import Memory, remembered
from infrastructure.witness.remote_log import RemoteLog, Unanswered, client_for
from infrastructure.witness.witness import Fork, Refused, Witness
from tests.support.naive_tree import as_administrator, lines_of, root_over, say
from tests.support.transparency import NEXT, ORIGIN, SIGNER, announce, publish_all
from tests.support.world import World, running

pytestmark = pytest.mark.anyio

NAME: Final = "witness.example"
FILE: Final = "gatehouse.example%2Flog.checkpoint"


@dataclass
class Watch:
    """A witness with its folder, for as long as the test has it."""

    url: str
    memory: Memory
    folder: Path
    time: list[int] = field(default_factory=lambda: [1_777_000_000])

    @property
    def signer(self) -> Signer:
        return self.memory.own_key(NAME)

    async def look(self, key: Signer | None = None) -> str | None:
        """One look, as of a process that has just started."""
        async with client_for(self.url) as client:
            given = key.public if key else None
            return await Witness(RemoteLog(self.url, client), self.memory, self.signer, self._now, given).look()

    def _now(self) -> int:
        self.time[0] += 1
        return self.time[0]

    @property
    def newest(self) -> Checkpoint:
        return opened_checkpoint((self.folder / FILE).read_text(encoding="utf-8"), [SIGNER.public, NEXT.public])

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with running(database, tmp_path / "data") as world:
        await announce(world.services)
        yield world


@pytest.fixture
def watch(world: World, tmp_path: Path) -> Iterator[Watch]:
    folder = tmp_path / "witness"
    with remembered(folder) as memory:
        yield Watch(world.url, memory, folder)


async def grow(world: World, stream: int, events: int = 10, signer: Signer = SIGNER) -> Checkpoint:
    say(world.services.conninfo, stream, 1, events)
    return await publish_all(world.services, signer)


async def rewrite(world: World, database: str) -> None:
    """What somebody with all rights to the database can do: change an event, and build the tree anew over it."""
    as_administrator(
        database,
        "UPDATE gatehouse.stored_events SET state = convert_to('{\"n\":99}', 'UTF8')"
        " WHERE topic = 'Said' AND originator_version = 3",
        "TRUNCATE gatehouse.tiles",
        "UPDATE gatehouse.tree SET size = 0",
    )
    await TreeBuilder(world.services.conninfo).catch_up()


async def unpublish(database: str) -> None:
    """Take all checkpoints off the record, with everything behind the first."""
    as_administrator(
        database,
        "DELETE FROM gatehouse.stored_events WHERE notification_id >= (SELECT min(notification_id)"
        " FROM gatehouse.stored_events WHERE topic = 'CheckpointPublished')",
        "TRUNCATE gatehouse.tiles",
        "UPDATE gatehouse.tree SET size = 0",
    )


async def test_a_log_that_grows_is_cosigned(world: World, watch: Watch) -> None:
    seen = []
    for stream, events in enumerate((1, 300, 2, 700, 1)):
        checkpoint = await grow(world, stream, events)
        cosigned = await watch.look()
        assert cosigned is not None
        note = parse_note(cosigned)
        assert opened(note, [SIGNER.public, watch.signer.public]) == [SIGNER.public, watch.signer.public]
        assert opened_checkpoint(cosigned, [SIGNER.public]) == checkpoint == watch.newest
        assert (watch.folder / FILE).read_text(encoding="utf-8") == cosigned
        (cosignature,) = [line for line in note.signatures if line.key_id == watch.signer.public.key_id]
        seen.append(int.from_bytes(cosignature.value[:8], "big"))
    assert seen == sorted(seen)
    assert watch.signer.public.kind == COSIGNS
    assert watch.files == [FILE, "lock", "log.key", "witness.key"]


async def test_what_was_cosigned_is_not_cosigned_again(world: World, watch: Watch) -> None:
    await grow(world, 1)
    assert await watch.look() is not None
    before = (watch.folder / FILE).read_bytes()

    assert await watch.look() is None
    assert (watch.folder / FILE).read_bytes() == before


@pytest.mark.parametrize("suffix", ["", "/", "/tlog", "/tlog/"])
async def test_a_log_is_found_at_the_services_url_and_at_its_own(world: World, watch: Watch, suffix: str) -> None:
    await grow(world, 1)
    watch.url += suffix

    assert await watch.look() is not None


async def test_before_the_first_checkpoint_there_is_nothing_to_cosign(watch: Watch) -> None:
    with pytest.raises(Unanswered, match="404"):
        await watch.look()
    assert watch.files == ["lock", "witness.key"]


async def test_keys_are_for_nobody_elses_eyes_and_stay(world: World, watch: Watch) -> None:
    await grow(world, 1)
    first = watch.signer.public
    await watch.look()

    assert watch.signer.public == first
    for path in watch.folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0 or path.name == "lock"
    assert watch.folder.stat().st_mode & 0o077 == 0


async def test_history_that_was_rewritten_is_not_cosigned_and_the_evidence_says_why(
    world: World, watch: Watch, database: str
) -> None:
    old = await grow(world, 1)
    cosigned = await watch.look()
    await rewrite(world, database)
    new = await grow(world, 2)

    with pytest.raises(Fork, match="does not begin with what it was"):
        await watch.look()

    assert watch.newest == old
    assert (watch.folder / FILE).read_text(encoding="utf-8") == cosigned
    evidence = (watch.folder / f"fork-{new.size}.txt").read_text(encoding="utf-8")
    first, second, real_root, path = evidence_in(evidence)
    assert opened_checkpoint(first, [SIGNER.public]) == old
    assert opened_checkpoint(second, [SIGNER.public]) == new
    assert verify_consistency(old.size, new.size, path, real_root, new.root)
    assert real_root != old.root
    assert real_root == root_over(lines_of(database)[: old.size])


def evidence_in(text: str) -> tuple[str, str, bytes, list[bytes]]:
    """The two checkpoints, what the second's tree begins with, and the path that shows it."""
    blocks = text.split("\n\n")
    first, second = (f"{blocks[at]}\n\n{blocks[at + 1].strip()}\n" for at in (2, 5))
    proof = ConsistencyProof.parse(f"old 1\n{blocks[-1].strip()}\n\n{first}")
    root = ConsistencyProof.parse(f"old 1\n{blocks[-3].strip()}\n\n{first}").path[0]
    return first, second, root, list(proof.path)


async def test_a_log_that_was_found_out_stays_refused_until_somebody_takes_the_evidence_away(
    world: World, watch: Watch, database: str
) -> None:
    await grow(world, 1)
    await watch.look()
    await rewrite(world, database)
    new = await grow(world, 2)
    for _ in range(2):
        with pytest.raises(Fork):
            await watch.look()
    await grow(world, 3)

    with pytest.raises(Fork, match="was found to be forked"):
        await watch.look()
    (watch.folder / f"fork-{new.size}.txt").unlink()
    with pytest.raises(Fork, match="does not begin with what it was"):
        await watch.look()


async def test_one_size_with_two_roots_is_a_fork(world: World, watch: Watch, database: str) -> None:
    old = await grow(world, 1)
    await watch.look()
    await unpublish(database)
    as_administrator(
        database,
        "UPDATE gatehouse.stored_events SET state = convert_to('{\"n\":99}', 'UTF8')"
        " WHERE topic = 'Said' AND originator_version = 3",
    )
    new = await publish_all(world.services)
    assert (new.size, new.root == old.root) == (old.size, False)

    with pytest.raises(Fork, match="one size has two roots"):
        await watch.look()

    assert watch.newest == old
    assert (watch.folder / f"fork-{new.size}.txt").exists()


async def test_a_log_that_went_back_is_refused_and_not_accused(world: World, watch: Watch, database: str) -> None:
    """An older checkpoint is as true as it was: a cache, or whoever stands between, may have kept it."""
    await grow(world, 1)
    await grow(world, 2)
    await watch.look()
    newest = watch.newest
    await unpublish(database)
    await publish_all(world.services)

    with pytest.raises(Refused, match="after"):
        await watch.look()

    assert watch.newest == newest
    assert not watch.memory.evidence()


async def test_a_log_that_was_cut_and_went_on_otherwise_is_refused(world: World, watch: Watch, database: str) -> None:
    await grow(world, 1)
    await grow(world, 2)
    await watch.look()
    newest = watch.newest
    await unpublish(database)
    assert (await grow(world, 3, events=100)).size > newest.size

    with pytest.raises(Fork, match="does not begin with what it was"):
        await watch.look()


async def test_a_key_that_the_old_one_names_is_followed(world: World, watch: Watch) -> None:
    await grow(world, 1)
    await watch.look()
    await announce(world.services, NEXT, previous=SIGNER)
    new = await grow(world, 2, signer=NEXT)

    cosigned = await watch.look()

    assert cosigned is not None
    assert opened_checkpoint(cosigned, [NEXT.public]) == new
    assert (watch.folder / "log.key").read_text(encoding="utf-8") == f"{NEXT.public.vkey}\n"


async def test_keys_are_followed_over_several_rotations(world: World, watch: Watch) -> None:
    third = Signer(ORIGIN, b"\3" * 32)
    await grow(world, 1)
    await watch.look()
    await announce(world.services, NEXT, previous=SIGNER)
    await announce(world.services, third, previous=NEXT)
    await grow(world, 2, signer=third)

    assert await watch.look() is not None
    assert (watch.folder / "log.key").read_text(encoding="utf-8") == f"{third.public.vkey}\n"


async def test_a_key_that_nobody_names_is_refused_until_it_is_given(world: World, watch: Watch) -> None:
    await grow(world, 1)
    await watch.look()
    before = watch.newest
    await grow(world, 2, signer=NEXT)

    with pytest.raises(Refused, match="no known key signed it"):
        await watch.look()
    assert watch.newest == before
    assert not watch.memory.evidence()
    assert await watch.look(key=NEXT) is not None
    assert (watch.folder / "log.key").read_text(encoding="utf-8") == f"{NEXT.public.vkey}\n"


async def test_a_key_that_was_replaced_signs_no_more(world: World, watch: Watch) -> None:
    await grow(world, 1)
    await watch.look()
    await announce(world.services, NEXT, previous=SIGNER)
    await grow(world, 2, signer=NEXT)
    await watch.look()
    before = watch.newest
    await grow(world, 3, signer=SIGNER)

    with pytest.raises(Refused):
        await watch.look()
    assert watch.newest == before


async def test_a_rotation_is_no_way_around_the_history(world: World, watch: Watch, database: str) -> None:
    await grow(world, 1)
    await watch.look()
    await announce(world.services, NEXT, previous=SIGNER)
    await rewrite(world, database)
    await grow(world, 2, signer=NEXT)

    with pytest.raises(Fork):
        await watch.look()


async def test_a_given_key_is_held_to_from_the_first_use(world: World, watch: Watch) -> None:
    await grow(world, 1)
    stranger = Signer(ORIGIN, b"\7" * 32)

    with pytest.raises(Refused, match="no known key"):
        await watch.look(key=stranger)
    with pytest.raises(Refused, match="no known key"):
        await watch.look(key=Signer("other.example/log", b"\1" * 32))
    assert "log.key" not in watch.files
    assert await watch.look(key=SIGNER) is not None


async def test_the_first_key_leads_to_the_one_in_force_at_the_first_use_too(world: World, watch: Watch) -> None:
    await announce(world.services, NEXT, previous=SIGNER)
    await grow(world, 1, signer=NEXT)

    assert await watch.look(key=SIGNER) is not None
    assert (watch.folder / "log.key").read_text(encoding="utf-8") == f"{NEXT.public.vkey}\n"


async def test_a_folder_is_for_one_log(world: World, watch: Watch) -> None:
    other = Signer("other.example/log", b"\1" * 32)
    await grow(world, 1)
    await watch.look()
    await grow(world, 2, signer=other)

    with pytest.raises(Refused):
        await watch.look()
    with pytest.raises(Refused, match="another log needs another folder"):
        await watch.look(key=other)


async def test_a_checkpoint_in_the_folder_that_the_witness_did_not_cosign_is_not_believed(
    world: World, watch: Watch
) -> None:
    await grow(world, 1)
    await watch.look()
    forged = signed(Checkpoint(ORIGIN, 1, bytes(32)).text, SIGNER)
    for text in (forged.whole, "nonsense", ""):
        (watch.folder / FILE).write_text(text, encoding="utf-8")
        with pytest.raises(Refused, match="not one that this witness cosigned"):
            await watch.look()


async def test_two_witnesses_do_not_share_a_folder(watch: Watch) -> None:
    with pytest.raises(CannotStart, match="another witness"), remembered(watch.folder):
        pass


async def test_what_cannot_be_kept_is_not_cosigned(world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    await grow(world, 1)
    watch.signer  # noqa: B018 -- made while there is room
    before = watch.files

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        await watch.look()

    assert [name for name in watch.files if not name.endswith(".new")] == before


@pytest.mark.parametrize("name", ["", "two words", "a+b"])
def test_a_witness_has_a_name_that_a_line_can_hold(tmp_path: Path, name: str) -> None:
    with remembered(tmp_path / "w") as memory, pytest.raises(CannotStart):
        memory.own_key(name)
    assert not (tmp_path / "w" / "witness.key").exists()


def test_a_witness_keeps_its_name_and_its_secret(tmp_path: Path) -> None:
    with remembered(tmp_path / "w") as memory:
        memory.own_key("a")
        with pytest.raises(CannotStart, match="called a"):
            memory.own_key("b")
        (tmp_path / "w" / "witness.key").chmod(0o644)
        with pytest.raises(CannotStart, match="chmod 600"):
            memory.own_key("a")
