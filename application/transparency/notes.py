"""Signed notes and checkpoints, as C2SP signed-note, tlog-checkpoint and tlog-cosignature have them. Ed25519 alone.

What is parsed is written again as the very same bytes, or it is not parsed.
https://c2sp.org/signed-note · https://c2sp.org/tlog-checkpoint · https://c2sp.org/tlog-cosignature
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNS: Final = b"\x01"
"""A key that signs notes."""
COSIGNS: Final = b"\x04"
"""A key that cosigns checkpoints, with a time."""
LONGEST: Final = 64 * 1024
MOST_SIGNATURES: Final = 64
_ID, _HASH, _SIGNATURE, _TIME = 4, 32, 64, 8
_LINES: Final = 3
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_NAME: Final = re.compile(r"[^\s+]+")


class BadNote(Exception):
    """Text that is no signed note, no checkpoint, or not signed by a key that is known."""


class Signature(NamedTuple):
    """One signature line: who says so, and the key's id with what it says."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line, its end included."""
        return f"— {self.name} {b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """Text, which ends with a line's end, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    @property
    def whole(self) -> str:
        """The note as it is published."""
        return f"{self.text}\n{''.join(signature.line for signature in self.signatures)}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How large a log is and what its root is."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signatures are checked with. `kind` is `SIGNS` or `COSIGNS`."""

    name: str
    kind: bytes
    raw: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that signature lines name it by."""
        return sha256(self.name.encode() + b"\n" + self.kind + self.raw).digest()[:_ID]

    @property
    def vkey(self) -> str:
        """The key in one line: name, id and key, with a plus between them."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(self.kind + self.raw).decode()}"

    def verifies(self, text: str, signature: Signature) -> bool:
        """Whether the signature is this key's, and holds."""
        if (signature.name, signature.key_id) != (self.name, self.key_id):
            return False
        value, message = signature.value, text.encode()
        if self.kind == COSIGNS:
            if len(value) != _TIME + _SIGNATURE:
                return False
            message = _cosigned(text, int.from_bytes(value[:_TIME], "big"))
            value = value[_TIME:]
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(value, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """A secret key and its name. `kind` says whether it signs or cosigns; it is never shown."""

    def __init__(self, name: str, seed: bytes, kind: bytes = SIGNS) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError("a key's name has no spaces and no plus")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(name, kind, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> Signature:
        """Sign a note's text."""
        return Signature(self.public.name, self.public.key_id, self._key.sign(text.encode()))

    def cosign(self, text: str, time: int) -> Signature:
        """Cosign a checkpoint's text: as of `time`, seconds since the epoch, it is the largest that was seen."""
        value = time.to_bytes(_TIME, "big") + self._key.sign(_cosigned(text, time))
        return Signature(self.public.name, self.public.key_id, value)


def signed(text: str, signer: Signer) -> Note:
    """The text as a note."""
    return Note(text, (signer.sign(text),))


def parse_key(vkey: str) -> PublicKey:
    """Read a key in one line. Raises `BadNote`."""
    name, _, rest = vkey.partition("+")
    key_id, _, key = rest.partition("+")
    data = decoded(key)
    found = PublicKey(name, data[:1], data[1:])
    if not _NAME.fullmatch(name) or found.kind not in {SIGNS, COSIGNS} or len(found.raw) != _HASH:
        raise BadNote("not an Ed25519 key")
    if found.key_id.hex() != key_id:
        raise BadNote("the key's id is another key's")
    return found


def parse_note(whole: str) -> Note:
    """Read a signed note, whoever signed it. Raises `BadNote`."""
    text, blank, lines = whole.rpartition("\n\n")
    if len(whole) > LONGEST or not blank or any(char < " " and char != "\n" for char in whole):
        raise BadNote("not a signed note")
    if not lines.endswith("\n") or lines.count("\n") > MOST_SIGNATURES:
        raise BadNote("not a signed note")
    note = Note(text + "\n", tuple(_signature(line) for line in lines[:-1].split("\n")))
    if note.whole != whole:
        raise BadNote("not a signed note")
    return note


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint's text; lines after the third are no business of ours. Raises `BadNote`."""
    *lines, end = text.split("\n")
    if len(lines) < _LINES or end or "" in lines or not _SIZE.fullmatch(lines[1]):
        raise BadNote("not a checkpoint")
    root = decoded(lines[2])
    if len(root) != _HASH:
        raise BadNote("not a checkpoint")
    return Checkpoint(lines[0], int(lines[1]), root)


def opened(note: Note, keys: Iterable[PublicKey]) -> list[PublicKey]:
    """Those of the keys that signed the note. Raises `BadNote` where a known key's signature does not hold, or none."""
    known = {(key.name, key.key_id): key for key in keys}
    found = []
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is None:
            continue
        if not key.verifies(note.text, signature):
            raise BadNote(f"the signature of {key.name} does not hold")
        found.append(key)
    if not found:
        raise BadNote("no known key signed it")
    return found


def opened_checkpoint(whole: str, keys: Iterable[PublicKey]) -> Checkpoint:
    """Read a checkpoint that one of the keys signed, for its own log. Raises `BadNote`."""
    note = parse_note(whole)
    checkpoint = parse_checkpoint(note.text)
    opened(note, [key for key in keys if key.kind == SIGNS and key.name == checkpoint.origin])
    return checkpoint


def _signature(line: str) -> Signature:
    mark, _, rest = line.partition(" ")
    name, _, value = rest.partition(" ")
    data = decoded(value)
    if mark != "—" or not _NAME.fullmatch(name) or len(data) <= _ID:
        raise BadNote("not a signature line")
    return Signature(name, data[:_ID], data[_ID:])


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def decoded(text: str) -> bytes:
    """The bytes that base64 says, if it is written as we would write it. Raises `BadNote`."""
    try:
        data = b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise BadNote("not base64") from None
    if b64encode(data).decode() != text:
        raise BadNote("not base64 as it is written")
    return data
