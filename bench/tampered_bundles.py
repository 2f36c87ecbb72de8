"""What can be done to a bundle, one function for each way, besides what is done to its lines."""

from collections.abc import Callable
from typing import Final

from application.transparency.notes import Note, Signer
from bench import tampered_lines as lines
from bench.bundles import OWN, EntryLog, Told
from bench.tampering import Planted, Scene, planted


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
        lines.changed_byte,
        lines.deleted,
        lines.inserted,
        lines.swapped,
        lines.truncated_entry,
        lines.truncated_tail,
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
        lines.changed_byte,
        lines.deleted,
        lines.inserted,
        lines.swapped,
        lines.truncated_entry,
        lines.truncated_tail,
        lines.dropped_customer_event,
        lines.foreign_entry,
        edited_manifest,
        wrong_checkpoint,
        edited_tile,
        missing_file,
        extra_file,
    )
}
"""What is done to the bundle of one customer's events."""
