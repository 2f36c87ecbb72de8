"""What a witness does: looks at a log, makes sure that it only grew, and cosigns.

It computes for itself, from tiles, whether the tree that it cosigned is the beginning of the one that it is shown. Two
checkpoints that cannot both be true are kept as evidence, and end the following.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from application.transparency.notes import (
    SIGNS,
    BadNote,
    Checkpoint,
    Note,
    PublicKey,
    Signer,
    opened,
    opened_checkpoint,
    parse_checkpoint,
    parse_key,
    parse_note,
)
from application.transparency.tree import EMPTY, HashAt, consistency, root, verify_consistency
from infrastructure.witness.memory import LONGEST_ORIGIN, Memory
from infrastructure.witness.remote_log import RemoteLog, Unanswered

NEXT: Final = "next signing key"

Now = Callable[[], int]
"""Seconds since the epoch."""


class Refused(Exception):
    """Nothing of this log is cosigned. Says why."""


class Fork(Refused):
    """History was rewritten, and `evidence` shows it."""

    def __init__(self, why: str, evidence: Path) -> None:
        super().__init__(f"{why}; the evidence is in {evidence}")
        self.evidence = evidence


class Seen(NamedTuple):
    """A checkpoint that was opened: the note, and what it says."""

    whole: str
    checkpoint: Checkpoint


class Witness:
    """Follows one log, which `key` signs if it is given, and whoever signs it at first if it is not."""

    def __init__(self, log: RemoteLog, memory: Memory, signer: Signer, now: Now, key: PublicKey | None = None) -> None:
        self._log = log
        self._memory = memory
        self._signer = signer
        self._now = now
        self._given = key

    async def look(self) -> str | None:
        """Cosign what the log has come to, and remember it; None where it is what was cosigned before.

        Raises `Refused`, and `Unanswered` where the log could not be read.
        """
        if evidence := self._memory.evidence():
            raise Fork("the log was found to be forked", evidence[0])
        new = await self._opened(await self._log.checkpoint())
        before = self._before(new.checkpoint.origin)
        old = before.checkpoint if before else Checkpoint(new.checkpoint.origin, 0, EMPTY)
        if before and new.checkpoint == old:
            return None
        if new.checkpoint.size < old.size:  # an older one, of whoever stands between, accuses nobody
            raise Refused(f"the log shows {new.checkpoint.size} entries, after {old.size} were cosigned")
        if before and new.checkpoint.size == old.size:
            self._accuse("one size has two roots", before, new)
        path = await self._grown(old, new.checkpoint)
        if path is not None and before:
            self._accuse("the log does not begin with what it was", before, new, path)
        cosigned = self._cosigned(new.whole)
        self._memory.keep(new.checkpoint.origin, cosigned)
        return cosigned

    async def _grown(self, old: Checkpoint, new: Checkpoint) -> list[bytes] | None:
        """None where the new tree begins with the old one; otherwise the path that shows with what it does begin.

        Raises `Unanswered` where the tiles are not those of the new tree, which says nothing about the log.
        """

        def read(hash_at: HashAt) -> tuple[bytes, bytes, list[bytes]]:
            return root(new.size, hash_at), root(old.size, hash_at), consistency(old.size, new.size, hash_at)

        new_root, old_root, path = read(await self._log.hashes(read, new.size))
        if new_root != new.root or not verify_consistency(old.size, new.size, path, old_root, new.root):
            raise Unanswered("the tiles are not those of the checkpoint")
        return None if old_root == old.root else [old_root, *path]

    async def _opened(self, whole: str) -> Seen:
        """A checkpoint that the log's key signed. Raises `Refused` where another key did."""
        try:
            checkpoint = parse_checkpoint(parse_note(whole).text)
        except BadNote as fault:
            raise Unanswered(f"the checkpoint: {fault}") from None
        if len(checkpoint.origin) > LONGEST_ORIGIN or not checkpoint.size:
            raise Unanswered("the checkpoint is of no log of ours")
        held_to = self._memory.log_key()
        key = await self._key(whole, held_to)
        try:
            opened_checkpoint(whole, [key])
        except BadNote as fault:
            raise Refused(f"{fault}: it is held to {key.vkey}") from None
        if key != held_to:
            self._memory.hold_to(key)
        return Seen(whole, checkpoint)

    async def _key(self, whole: str, held_to: PublicKey | None) -> PublicKey:
        """The key that the checkpoint is to be signed with: the log's own, or its successor's if it handed over."""
        if self._given and held_to and self._given.name != held_to.name:
            raise Refused(f"this witness follows {held_to.name}: another log needs another folder")
        key = self._given or held_to
        if key is None:
            return await self._first(whole)
        note = parse_note(whole)
        return key if _signed_by(note, key) else await self._successor(note, key)

    async def _first(self, whole: str) -> PublicKey:
        """At first use, the key that the log says is in force."""
        for announced in reversed(await self._log.keys()):
            key = _key_of(announced.key)
            if key and _signed_by(parse_note(whole), key):
                return key
        raise Refused("the checkpoint is signed by none of the keys that the log announces")

    async def _successor(self, note: Note, key: PublicKey) -> PublicKey:
        """The key that signed, where each was named by the one before; `key` itself where there is no such way."""
        newest = key
        for announced in await self._log.keys():
            named = _key_of(announced.key)
            if named and announced.previous == newest.vkey and _handed_over(announced.handover, newest, named):
                newest = named
                if _signed_by(note, newest):
                    return newest
        return key

    def _before(self, origin: str) -> Seen | None:
        """What was cosigned last. Raises `Refused` where the file is not what we wrote."""
        whole = self._memory.newest(origin)
        if whole is None:
            return None
        try:
            note = parse_note(whole)
            opened(note, [self._signer.public])
            return Seen(whole, parse_checkpoint(note.text))
        except BadNote as fault:
            raise Refused(f"the checkpoint in the folder is not one that this witness cosigned: {fault}") from None

    def _cosigned(self, whole: str) -> str:
        """The note as the log signed it, with our signature beside."""
        note = parse_note(whole)
        ours = self._signer.public
        others = tuple(line for line in note.signatures if (line.name, line.key_id) != (ours.name, ours.key_id))
        return Note(note.text, (*others, self._signer.cosign(note.text, self._now()))).whole

    def _accuse(self, why: str, before: Seen, new: Seen, path: Sequence[bytes] = ()) -> NoReturn:
        """Keep the two checkpoints, and raise `Fork`."""
        told = [f"{why}.", "", "This checkpoint was cosigned:", "", before.whole]
        told += ["This one, signed by the same log, was shown after it:", "", new.whole]
        if path:
            first, *others = [b64encode(node).decode() for node in path]
            told += [
                f"The tree of the second begins, at {before.checkpoint.size} entries, with the root",
                "",
                first,
                "",
            ]
            told += ["by this consistency proof (RFC 6962, 2.1.2):", "", *others, ""]
        raise Fork(why, self._memory.accuse(new.checkpoint.size, "\n".join(told)))


def _key_of(vkey: str) -> PublicKey | None:
    """A log's key; None where it is none."""
    try:
        key = parse_key(vkey)
    except BadNote:
        return None
    return key if key.kind == SIGNS else None


def _signed_by(note: Note, key: PublicKey) -> bool:
    return any(key.verifies(note.text, signature) for signature in note.signatures)


def _handed_over(handover: str | None, key: PublicKey, named: PublicKey) -> bool:
    """Whether a key says that another comes after it."""
    try:
        note = parse_note(handover or "")
        opened(note, [key])
    except BadNote:
        return False
    return named.name == key.name and note.text == f"{key.name}\n{NEXT}\n{named.vkey}\n"
