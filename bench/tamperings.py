"""What can be done to a bundle, one function for each way. Each says how a verifier has to name it, and where it is.

With the signing key a tampering is sealed again, so that no file's digest gives it away.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

from application.transparency.notes import Note, Signer
from bench.bundles import OWN, EntryLog, Told, seal


@dataclass
class Scene:
    """A bundle that is about to be tampered with: of a whole log, or of one customer."""

    folder: Path
    log: EntryLog
    source: Random
    sealed: bool = True
    """Whether whoever tampers has the signing key."""
    customer: UUID | None = None
    known: list[Note] = field(default_factory=list)
    """Checkpoints that the auditor kept."""

    @property
    def lines(self) -> list[bytes]:
        """The lines of entries.jsonl, each with its end."""
        return (self.folder / "entries.jsonl").read_bytes().splitlines(keepends=True)

    @property
    def told(self) -> dict[str, Any]:
        """The manifest."""
        manifest: dict[str, Any] = json.loads((self.folder / "manifest.json").read_bytes())
        return manifest

    def put(self, lines: list[bytes], *, counted: bool = False) -> None:
        """Replace entries.jsonl. `counted`: the manifest says how many they are."""
        (self.folder / "entries.jsonl").write_bytes(b"".join(lines))
        self.reseal(**({"entries": len(lines)} if counted else {}))

    def reseal(self, **changes: object) -> None:
        """Sign the manifest over what is there now, if the key is at hand."""
        if self.sealed:
            seal(self.folder, self.told | changes, self.log.signer)

    def again(self, log: EntryLog, **filters: Any) -> None:  # noqa: ANN401 -- what `write` takes
        """Write another log's bundle in this one's place."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        log.write(self.folder, **filters)


@dataclass(frozen=True)
class Planted:
    """What was done: how it has to be named (one of the codes), and where, if anywhere: a file and a line in it."""

    codes: frozenset[str]
    file: str | None = None
    lines: tuple[int, ...] = ()
    """Any of them."""
    warned: bool = False
    """Whether it is something that may be, and is only told."""


def planted(*codes: str, **where: Any) -> Planted:  # noqa: ANN401 -- the fields of Planted
    """Say what was done."""
    return Planted(frozenset(codes), **where)


def position_of(line: bytes) -> int:
    """The position that an entry gives."""
    return int(line[12:].partition(b",")[0])


def changed_byte(scene: Scene) -> Planted:
    """One byte of an event is another."""
    lines = scene.lines
    at = scene.source.randrange(len(lines))
    line = bytearray(lines[at])
    place = scene.source.randrange(line.index(b'"event"') + 9, len(line) - 4)
    line[place] = scene.source.choice([byte for byte in b"abcxyz0189" if byte != line[place]])
    scene.put([*lines[:at], bytes(line), *lines[at + 1 :]])
    return planted("entry_changed", file="entries.jsonl", lines=(at + 1,))


def deleted(scene: Scene) -> Planted:
    """An entry in the midst is left out."""
    lines = scene.lines
    at = scene.source.randrange(len(lines) - 1)
    scene.put(lines[:at] + lines[at + 1 :])
    if scene.customer:
        return planted("customer_event_dropped", file="entries.jsonl", lines=(at + 1,))
    return planted("entry_deleted", "tail_truncated", file="entries.jsonl", lines=(at + 1,))


def inserted(scene: Scene) -> Planted:
    """An entry stands there once more, or one that was made up stands before the true one."""
    lines = scene.lines
    at = scene.source.randrange(len(lines))
    line = lines[at]
    if scene.source.random() < 1 / 2:
        line = line.replace(b'"actor":"', b'"actor":"x')
    scene.put([*lines[:at], line, *lines[at:]])
    return planted("entry_inserted", file="entries.jsonl", lines=(at + 2,))


def swapped(scene: Scene) -> Planted:
    """Two entries stand in each other's place."""
    lines = scene.lines
    one, other = sorted(scene.source.sample(range(len(lines)), 2))
    lines[one], lines[other] = lines[other], lines[one]
    scene.put(lines)
    return planted("entries_swapped", file="entries.jsonl", lines=(one + 1, other + 1))


def truncated_entry(scene: Scene) -> Planted:
    """An entry is cut off."""
    lines = scene.lines
    at = scene.source.randrange(len(lines))
    lines[at] = lines[at][: scene.source.randrange(1, len(lines[at]) * 3 // 4)] + scene.source.choice([b"\n", b"\r\n"])
    scene.put(lines)
    return planted("entry_truncated", file="entries.jsonl", lines=(at + 1,))


def truncated_tail(scene: Scene) -> Planted:
    """The last entries are left out."""
    lines = scene.lines
    kept = scene.source.randrange(len(lines))
    scene.put(lines[:kept])
    if scene.customer:
        return planted("entries_miscounted", file="entries.jsonl")
    return planted("tail_truncated", file="entries.jsonl", lines=(kept,))


def dropped_customer_event(scene: Scene) -> Planted:
    """An event of the one customer is left out, and the manifest counts on."""
    lines = scene.lines
    at = scene.source.randrange(len(lines) - 1)
    scene.put(lines[:at] + lines[at + 1 :], counted=True)
    return planted("customer_event_dropped", file="entries.jsonl", lines=(at + 1,))


def foreign_entry(scene: Scene) -> Planted:
    """Another customer's event stands among those of the one."""
    lines = scene.lines
    positions = [position_of(line) for line in lines]
    others = [entry for entry, told in zip(scene.log.entries, scene.log.told, strict=True) if told.topic not in OWN]
    line = scene.source.choice([entry for entry in others if position_of(entry) not in positions]) + b"\n"
    lines = sorted([*lines, line], key=position_of)
    scene.put(lines, counted=True)
    return planted("entry_foreign", file="entries.jsonl", lines=(lines.index(line) + 1,))


def edited_manifest(scene: Scene) -> Planted:
    """A number in the manifest is another, and nobody signed it."""
    path = scene.folder / "manifest.json"
    text = path.read_text()
    digits = [at for at, char in enumerate(text) if char.isdigit()]
    at = scene.source.choice(digits)
    path.write_text(text[:at] + str((int(text[at]) + scene.source.randrange(1, 9)) % 10) + text[at + 1 :])
    return planted("manifest_signature", "manifest_malformed")


def edited_count(scene: Scene) -> Planted:
    """The manifest says another number of entries, and is signed."""
    scene.sealed = True
    scene.reseal(entries=scene.told["entries"] + scene.source.choice([-1, 1]))
    return planted("entries_miscounted", file="entries.jsonl")


def wrong_checkpoint(scene: Scene) -> Planted:
    """The checkpoint is an earlier one."""
    size = scene.source.randrange(1, len(scene.log.entries) - 1)
    (scene.folder / "checkpoint").write_text(scene.log.checkpoint(size).whole, newline="")
    scene.reseal()
    return planted("checkpoint_wrong", file="checkpoint")


def wrong_root(scene: Scene) -> Planted:
    """Checkpoint and manifest give another root, signed."""
    size = scene.source.randrange(1, len(scene.log.entries) - 1)
    text = scene.log.checkpoint(size).text.replace(f"\n{size}\n", f"\n{len(scene.log.entries)}\n")
    (scene.folder / "checkpoint").write_text(Note(text, (scene.log.signer.sign(text),)).whole, newline="")
    scene.sealed = True
    scene.reseal(checkpoint={"root": scene.log.root(size).hex(), "size": len(scene.log.entries)})
    return planted("root_differs")


def edited_tile(scene: Scene) -> Planted:
    """A hash in a tile is another."""
    path = scene.source.choice(sorted(path for path in scene.folder.glob("tile/**/*") if path.is_file()))
    data = bytearray(path.read_bytes())
    data[scene.source.randrange(len(data))] ^= 1 << scene.source.randrange(8)
    path.write_bytes(data)
    scene.reseal()
    return planted("tile_changed", "root_differs")


def missing_file(scene: Scene) -> Planted:
    """A file is gone."""
    files = sorted(path for path in scene.folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    path = scene.source.choice(files)
    path.unlink()
    name = path.relative_to(scene.folder).as_posix()
    return planted("manifest_signature" if name == "manifest.sig" else "file_missing", file=name)


def extra_file(scene: Scene) -> Planted:
    """A file is there that nobody claims."""
    name = f"schemas/Other{scene.source.randrange(1000)}.json"
    (scene.folder / name).write_text("{}")
    return planted("file_extra", file=name)


def replaced_key(scene: Scene) -> Planted:
    """The whole log is signed with another key, announced as if it had always been there."""
    forger = Signer(scene.log.signer.public.name, scene.source.randbytes(32))
    scene.again(_told_again(scene.log, forger, dict(enumerate(scene.log.told))))
    return planted("key_replaced")


def forked(scene: Scene) -> Planted:
    """An event is another, and everything after it was made anew, with the log's own key."""
    at, state = _change(scene)
    told = dict(enumerate(scene.log.told))
    told[at] = told[at]._replace(state=state)
    scene.known = [scene.log.checkpoint(size) for size in (at + 1, len(scene.log.entries))]
    scene.again(_told_again(scene.log, None, told))
    return planted("forked")


def shrunk(scene: Scene) -> Planted:
    """The log ends earlier than it did."""
    size = scene.source.randrange(len(scene.log.entries) // 2 + 1, len(scene.log.entries))
    scene.known = [scene.log.checkpoint()]
    scene.again(scene.log, size=size)
    return planted("log_shrunk")


def contradicted(scene: Scene) -> Planted:
    """An event is another, and the tree was made anew; but the checkpoints published since stand in it."""
    at, state = _change(scene)
    published = [place for place, told in enumerate(scene.log.told) if told.topic == "CheckpointPublished"]
    other = EntryLog(scene.log.signer)
    for place, told in enumerate(scene.log.told):
        other.append(told.stream, told.topic, state if place == at else told.state)
    scene.again(other)
    first = next(place for place in published if place > at)
    return planted("published_checkpoint_contradicts", file="entries.jsonl", lines=(first + 1,))


def unchained(scene: Scene) -> Planted:
    """An entry names another one before it, and the tree was made over that."""
    log, streams = scene.log, [told.stream for told in scene.log.told]
    at = scene.source.choice([place for place, stream in enumerate(streams) if stream in streams[:place]])
    other = EntryLog(log.signer)
    for place, told in enumerate(log.told[: scene.source.randrange(at + 1, len(log.told) + 1)]):
        if place == at:
            other.mislead(told.stream, scene.source.randbytes(32))
        other.append(told.stream, told.topic, told.state)
    scene.again(other)
    return planted("chain_broken", file="entries.jsonl", lines=(at + 1,))


def not_handed_over(scene: Scene) -> Planted:
    """A key is replaced, and the key before did not sign for it: it may have been lost."""
    log = _told_again(scene.log, None, dict(enumerate(scene.log.told)))
    log.announce(Signer(log.signer.public.name, scene.source.randbytes(32)), handed_over=False)
    scene.again(log)
    line = len(log.signers)
    return planted("key_not_handed_over", file="keys.jsonl", lines=(line,), warned=True)


def _change(scene: Scene) -> tuple[int, bytes]:
    """An event before the last published checkpoint, and how it reads when it is another."""
    told = scene.log.told
    last = max(at for at, one in enumerate(told) if one.topic == "CheckpointPublished")
    at = scene.source.choice([at for at, one in enumerate(told[:last]) if one.topic not in OWN])
    return at, told[at].state.replace(b'"actor":"', b'"actor":"x')


def _told_again(log: EntryLog, forger: Signer | None, told: dict[int, Told]) -> EntryLog:
    """The log as it would be, were this what was told: keys and checkpoints made to match."""
    other = EntryLog(forger or log.first_signer)
    for at in sorted(told):
        if told[at].topic == "CheckpointPublished":
            other.publish()
        elif told[at].topic == "SigningKeyAnnounced":
            other.announce(forger or log.signers[at])
        else:
            other.append(*told[at])
    return other


Tampering = Callable[[Scene], Planted]
IN_WHOLE: Final[dict[str, Tampering]] = {
    tampering.__name__: tampering
    for tampering in (
        changed_byte,
        deleted,
        inserted,
        swapped,
        truncated_entry,
        truncated_tail,
        edited_manifest,
        edited_count,
        wrong_checkpoint,
        wrong_root,
        edited_tile,
        missing_file,
        extra_file,
        replaced_key,
        forked,
        shrunk,
        contradicted,
        unchained,
        not_handed_over,
    )
}
"""What is done to the bundle of a whole log."""
OF_CUSTOMER: Final[dict[str, Tampering]] = {
    tampering.__name__: tampering
    for tampering in (
        changed_byte,
        deleted,
        inserted,
        swapped,
        truncated_entry,
        truncated_tail,
        dropped_customer_event,
        foreign_entry,
        edited_manifest,
        wrong_checkpoint,
        edited_tile,
        missing_file,
        extra_file,
    )
}
"""What is done to the bundle of one customer's events."""
