"""A log's server that answers with anything at all: nothing of it is cosigned, kept, or read without end."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from application.transparency.notes import (
    LONGEST,
    Checkpoint,
    Note,
    Signer,
    opened_checkpoint,
    parse_note,
    signed,
)
from application.transparency.tiles import BYTES, Growth, Place, hashes_of, path_of, place_of
from application.transparency.tree import leaf_hash, root
from infrastructure.witness import remote_log as remote_log_module
from infrastructure.witness.memory import remembered
from infrastructure.witness.remote_log import MOST_KEYS, RemoteLog, Unanswered, client_for
from infrastructure.witness.witness import Fork, Refused, Witness
from tests.support.raw_server import Reply, Request, raw_server
from tests.support.transparency import NEXT, ORIGIN, SIGNER

pytestmark = pytest.mark.anyio

SIZE: Final = 700
LEAVES: Final = [leaf_hash(b"entry %d" % number) for number in range(2 * SIZE)]


@dataclass
class Served:
    """A log as a server shows it: tiles, keys and a checkpoint, any answer of which a test may replace."""

    size: int = SIZE
    leaves: list[bytes] = field(default_factory=lambda: LEAVES)
    signer: Signer = SIGNER
    replies: dict[str, Reply] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(default_factory=lambda: [{"key": SIGNER.public.vkey}])

    @property
    def tiles(self) -> dict[Place, bytes]:
        return Growth().extend(self.leaves[: self.size])

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.signer.public.name, self.size, root(self.size, hashes_of(self.tiles)))

    def __call__(self, request: Request) -> Reply:
        path = request.path.removeprefix("/tlog/")
        if path in self.replies:
            return self.replies[path]
        if path == "checkpoint":
            return Reply(body=signed(self.checkpoint.text, self.signer).whole.encode())
        if path == "keys":
            return Reply(body=json.dumps({"keys": self.keys}).encode())
        found = place_of(path)
        tile = self.tiles.get(found[0], b"") if found else b""
        width = found[1] if found else 0
        return Reply(body=tile[: width * BYTES]) if tile else Reply(404)


async def look(served: Served, folder: Path) -> str | None:
    """One look at such a log."""
    async with raw_server(served) as server, client_for(server.url) as client:
        with remembered(folder) as memory:
            signer = memory.own_key("witness.example")
            return await Witness(RemoteLog(server.url, client), memory, signer, lambda: 1).look()


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix in {".checkpoint", ".txt"})


async def test_a_log_served_as_files_is_cosigned(tmp_path: Path) -> None:
    for size in (1, 255, 256, 257, SIZE, 2 * SIZE):
        cosigned = await look(Served(size), tmp_path)
        assert cosigned is not None
        assert opened_checkpoint(cosigned, [SIGNER.public]) == Served(size).checkpoint


CHECKPOINT: Final = signed(Served().checkpoint.text, SIGNER).whole
HOSTILE: Final[dict[str, Reply]] = {
    "not found": Reply(404),
    "an error": Reply(500, CHECKPOINT.encode()),
    "a redirect": Reply(302, CHECKPOINT.encode(), {"location": "/tlog/elsewhere"}),
    "a redirect to elsewhere": Reply(301, b"", {"location": "http://127.0.0.1:9/tlog/checkpoint"}),
    "nothing": Reply(body=b""),
    "no HTTP": Reply(raw=b"nonsense\r\n\r\n"),
    "half an answer": Reply(body=b"gatehouse", length=4000),
    "encoded": Reply(body=CHECKPOINT.encode(), headers={"content-encoding": "gzip"}),
    "bytes that are no text": Reply(body=b"\xff\xfe" * 40),
    "no note": Reply(body=b"hello\n"),
    "a page": Reply(body=b"<html><body>Log in</body></html>"),
    "no signature": Reply(body=CHECKPOINT.partition("—")[0].encode()),
    "another text": Reply(body=CHECKPOINT.replace("\n700\n", "\n701\n").encode()),
    "no checkpoint": Reply(body=signed("just words\n", SIGNER).whole.encode()),
    "an empty tree": Reply(body=signed(Checkpoint(ORIGIN, 0, bytes(32)).text, SIGNER).whole.encode()),
    "an endless size": Reply(body=signed(f"{ORIGIN}\n{'9' * 40}\n{'A' * 43}=\n", SIGNER).whole.encode()),
    "a size without tiles": Reply(body=signed(Checkpoint(ORIGIN, 2**62, bytes(32)).text, SIGNER).whole.encode()),
    "an endless name": Reply(
        body=signed(Checkpoint("x" * 200, 1, bytes(32)).text, Signer("x" * 200, bytes(32))).whole.encode()
    ),
    "too much": Reply(body=CHECKPOINT.encode() + b"x" * LONGEST),
    "without end": Reply(body=b"x", length=1 << 40, drip=True),
    "signed by a stranger": Reply(body=signed(Served().checkpoint.text, Signer(ORIGIN, b"\7" * 32)).whole.encode()),
    "of another log": Reply(body=signed(Checkpoint("other.example/log", 7, bytes(32)).text, SIGNER).whole.encode()),
    "silent": Reply(silent=True),
}


@pytest.fixture
def impatient(what: str) -> Iterator[None]:
    """A witness that waits a moment only, where it would wait in vain; a busy machine has all the time it needs."""
    with pytest.MonkeyPatch.context() as patch:
        if what in {"silent", "without end"}:
            patch.setattr(remote_log_module, "PATIENCE", 1.0)
        yield


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("before", [False, True], ids=["at first use", "later"])
async def test_a_checkpoint_that_is_none_is_not_cosigned(tmp_path: Path, what: str, *, before: bool) -> None:
    if before:
        await look(Served(300), tmp_path)
    known = kept(tmp_path)

    with pytest.raises((Unanswered, Refused)) as fault:
        await look(Served(replies={"checkpoint": HOSTILE[what]}), tmp_path)

    assert not isinstance(fault.value, Fork)
    assert kept(tmp_path) == known


TILE: Final = path_of((0, 2), SIZE - 512)
FULL: Final = path_of((1, 0), 2)


def tile(change: Callable[[bytes], bytes]) -> Reply:
    return Reply(body=change(Served().tiles[0, 2]))


TILES: Final[dict[str, dict[str, Reply]]] = {
    "none": {TILE: Reply(404)},
    "too short": {TILE: tile(lambda hashes: hashes[:-1])},
    "shorter by a hash": {TILE: tile(lambda hashes: hashes[:-BYTES])},
    "too long": {TILE: tile(lambda hashes: hashes + bytes(1))},
    "longer by a hash": {TILE: tile(lambda hashes: hashes + bytes(BYTES))},
    "of zeros": {TILE: tile(lambda hashes: bytes(len(hashes)))},
    "with a bit changed": {TILE: tile(lambda hashes: bytes([hashes[0] ^ 1]) + hashes[1:])},
    "with two hashes swapped": {TILE: tile(lambda hashes: hashes[BYTES : 2 * BYTES] + hashes[:BYTES] + hashes[64:])},
    "above with a bit changed": {FULL: Reply(body=bytes(2 * BYTES))},
    "a redirect": {TILE: Reply(307, b"", {"location": "/tlog/tile/0/000"})},
    "encoded": {TILE: Reply(body=Served().tiles[0, 2], headers={"content-encoding": "br"})},
    "without end": {TILE: Reply(body=b"x", length=1 << 40, drip=True)},
    "silent": {TILE: Reply(silent=True)},
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("what", TILES)
@pytest.mark.parametrize("before", [False, True], ids=["at first use", "later"])
async def test_tiles_that_are_not_the_checkpoints_accuse_nobody_and_are_not_cosigned(
    tmp_path: Path, what: str, *, before: bool
) -> None:
    if before:
        await look(Served(300), tmp_path)
    known = kept(tmp_path)

    with pytest.raises(Unanswered):
        await look(Served(replies=TILES[what]), tmp_path)

    assert kept(tmp_path) == known


@pytest.mark.parametrize("path", ["checkpoint", "keys", TILE])
async def test_no_more_is_read_than_an_answer_may_have(tmp_path: Path, path: str) -> None:
    with pytest.raises(Unanswered, match="too much"):
        await look(Served(replies={path: Reply(body=b" " * (MOST_KEYS + 1))}), tmp_path)


KEYS: Final[dict[str, Reply]] = {
    "none": Reply(404),
    "no JSON": Reply(body=b"nonsense"),
    "a list": Reply(body=b"[]"),
    "numbers": Reply(body=b'{"keys":[1,2]}'),
    "no keys": Reply(body=b'{"keys":[]}'),
    "keys that are none": Reply(body=b'{"keys":[{"key":"nonsense"},{"key":""}]}'),
    "deep": Reply(body=b'{"keys":' + b"[" * 100_000),
    "too much": Reply(body=b'{"keys":[' + b" " * MOST_KEYS + b"]}"),
    "another's": Reply(body=json.dumps({"keys": [{"key": Signer(ORIGIN, b"\7" * 32).public.vkey}]}).encode()),
}


@pytest.mark.parametrize("what", KEYS)
async def test_without_a_key_nothing_is_cosigned(tmp_path: Path, what: str) -> None:
    with pytest.raises((Unanswered, Refused)):
        await look(Served(replies={"keys": KEYS[what]}), tmp_path)

    assert kept(tmp_path) == []
    assert not (tmp_path / "log.key").exists()


def handover(by: Signer, to: Signer, text: str = "{name}\nnext signing key\n{vkey}\n") -> str:
    return signed(text.format(name=to.public.name, vkey=to.public.vkey), by).whole


STRANGER: Final = Signer(ORIGIN, b"\7" * 32)
RENAMED: Final = Signer("other.example/log", b"\2" * 32)
FORGED: Final[dict[str, list[dict[str, Any]]]] = {
    "no word": [{"key": NEXT.public.vkey, "previous": SIGNER.public.vkey}],
    "no previous": [{"key": NEXT.public.vkey, "handover": handover(SIGNER, NEXT)}],
    "its own word": [{"key": NEXT.public.vkey, "previous": SIGNER.public.vkey, "handover": handover(NEXT, NEXT)}],
    "a stranger's word": [
        {"key": NEXT.public.vkey, "previous": SIGNER.public.vkey, "handover": handover(STRANGER, NEXT)}
    ],
    "a word for another": [
        {"key": NEXT.public.vkey, "previous": SIGNER.public.vkey, "handover": handover(SIGNER, STRANGER)}
    ],
    "another word": [
        {
            "key": NEXT.public.vkey,
            "previous": SIGNER.public.vkey,
            "handover": handover(SIGNER, NEXT, "{name}\nmanifest\n{vkey}\n"),
        }
    ],
    "more words": [
        {
            "key": NEXT.public.vkey,
            "previous": SIGNER.public.vkey,
            "handover": handover(SIGNER, NEXT, "{name}\nnext signing key\n{vkey}\nnot really\n"),
        }
    ],
    "by way of a stranger": [
        {"key": STRANGER.public.vkey, "previous": SIGNER.public.vkey, "handover": handover(STRANGER, STRANGER)},
        {"key": NEXT.public.vkey, "previous": STRANGER.public.vkey, "handover": handover(STRANGER, NEXT)},
    ],
    "in another order": [
        {"key": NEXT.public.vkey, "previous": STRANGER.public.vkey, "handover": handover(STRANGER, NEXT)},
        {"key": STRANGER.public.vkey, "previous": SIGNER.public.vkey, "handover": handover(SIGNER, STRANGER)},
    ],
    "another log's, by its name": [
        {
            "key": RENAMED.public.vkey,
            "previous": SIGNER.public.vkey,
            "handover": handover(SIGNER, RENAMED, ORIGIN + "\nnext signing key\n{vkey}\n"),
        }
    ],
    "another log's": [
        {"key": RENAMED.public.vkey, "previous": SIGNER.public.vkey, "handover": handover(SIGNER, RENAMED)}
    ],
}


@pytest.mark.parametrize("what", FORGED)
async def test_a_key_that_was_not_handed_over_to_signs_nothing(tmp_path: Path, what: str) -> None:
    await look(Served(300), tmp_path)
    known, held_to = kept(tmp_path), (tmp_path / "log.key").read_text(encoding="utf-8")
    served = Served(signer=RENAMED if what.startswith("another log's") else NEXT)
    served.keys += FORGED[what]

    with pytest.raises(Refused, match="no known key"):
        await look(served, tmp_path)

    assert kept(tmp_path) == known
    assert (tmp_path / "log.key").read_text(encoding="utf-8") == held_to


async def test_a_key_that_was_handed_over_to_signs(tmp_path: Path) -> None:
    await look(Served(300), tmp_path)
    keys: list[dict[str, Any]] = [
        {"key": SIGNER.public.vkey, "since": 1},
        {"key": "nonsense", "previous": SIGNER.public.vkey, "handover": "nonsense"},
        {"key": NEXT.public.vkey, "previous": SIGNER.public.vkey, "handover": handover(SIGNER, NEXT)},
    ]

    assert await look(Served(signer=NEXT, keys=keys), tmp_path) is not None


async def test_a_fork_is_told_from_tiles_that_are_wrong(tmp_path: Path) -> None:
    await look(Served(300), tmp_path)
    forked = [leaf_hash(b"forged"), *LEAVES[1:]]

    with pytest.raises(Fork):
        await look(Served(leaves=forked), tmp_path)

    assert kept(tmp_path) == ["fork-700.txt", "gatehouse.example%2Flog.checkpoint"]


@pytest.mark.parametrize("changed", [0, 1, 127, 128, 255, 256, 298, 299])
@pytest.mark.parametrize("old", [299, 300, 256])
async def test_wherever_history_was_changed_it_is_found(tmp_path: Path, changed: int, old: int) -> None:
    await look(Served(old), tmp_path)
    forked = [*LEAVES[:changed], leaf_hash(b"forged"), *LEAVES[changed + 1 :]]

    if changed < old:
        with pytest.raises(Fork):
            await look(Served(leaves=forked), tmp_path)
    else:
        assert await look(Served(leaves=forked), tmp_path) is not None


async def test_a_cosignature_that_the_server_invents_is_left_out_for_our_own(tmp_path: Path) -> None:
    with remembered(tmp_path) as memory:
        ours = memory.own_key("witness.example")
    text = Served().checkpoint.text
    invented = ours.cosign("another\n1\nAAAA\n", 9)
    note = Note(text, (SIGNER.sign(text), invented))

    cosigned = await look(Served(replies={"checkpoint": Reply(body=note.whole.encode())}), tmp_path)

    assert cosigned is not None
    lines = [line for line in parse_note(cosigned).signatures if line.key_id == ours.public.key_id]
    assert len(lines) == 1
    assert ours.public.verifies(text, lines[0])
