"""Check a bundle: `python3 verify.py BUNDLE`. It needs Python 3.11 or later, nothing else, and no network.

What holds what, from the top:

    a key signs         manifest.json, which has the length and the SHA-256 of every other file,
    and it signs        checkpoint: the size of the log, and the root of the Merkle tree over it (RFC 6962);
    the root is over    the tiles: rows of up to 256 hashes, each full row being one hash of a row above;
    the lowest tiles    have the hash of each entry, a line of entries.jsonl, at its position;
    each entry          has the hash of the entry before it in the same stream.

To read it, begin with `verify`, near the end. The proof is in `check_hashes` and `Entries.check`; what stands above
reads files, tiles, notes and signatures.

Exit code 0: all of that holds. 1: something is wrong. 2: it cannot be read at all.
"""

import argparse
import json
import os
import re
import stat
import struct
import sys
import zipfile
import zlib
from base64 import b64decode, b64encode
from binascii import unhexlify
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from hashlib import sha256, sha512
from io import BufferedReader
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Self, cast

FORMAT: Final = "gatehouse-bundle/1"
ENTRIES, KEYS, MANIFEST = "entries.jsonl", "keys.jsonl", "manifest.json"
ENTRY: Final = re.compile(
    rb'\{"position":([1-9][0-9]{0,17}),"stream":"([^"]{36})","version":([1-9][0-9]{0,17}),"type":"(\w+)",'
    rb'"recordedAt":"([^"]{27})","previous":(?:null|"([0-9a-f]{64})"),"event":\{'
)
END: Final = b"}}}\n"
"""How a line of entries.jsonl begins and ends. What an event says is not judged: the log holds it, or it does not."""
TELLING: Final = {b"SigningKeyAnnounced", b"CheckpointPublished"}
"""Types of entries that tell of the log itself."""
CHANGED: Final = "entry_changed", "it is not what the log holds at this position: it was changed, or is foreign"
UNPROVED: Final = "tile_missing", "its tile is not here, so that nothing shows that it is in the log"
MISWRITTEN: Final = "entry_malformed", "it is not written as an entry is"
CUT_OFF: Final = "entry_truncated", "it is cut off: an entry ends with }}} and the line's end"
MOMENT: Final = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
"""A time as entries write it: such times compare as text does."""
LONGEST_LINE, LONGEST_NOTE, LONGEST_MANIFEST = 1 << 24, 1 << 16, 1 << 26
MOST_SIGNATURES, MOST_KEYS = 64, 1000
BLOCK: Final = 1 << 18
SHOWN: Final = 20
"""So many problems of one kind are told; more are only counted."""
LARGE: Final = 1 << 24
"""Bytes of entries from which a second process is worth its start."""


class Unreadable(Exception):
    """Not a bundle, or options that make no sense: nothing can be said."""


class Malformed(Exception):
    """A part that is not as it should be. Says why."""


class Absent(Malformed):
    """A tile that the bundle does not have. Says which."""


# --- What is found -------------------------------------------------------------------------------------------------


class Problem(NamedTuple):
    """One thing that is wrong, and where: a file, the number of a line in it, a position in the log."""

    code: str
    says: str
    file: str | None = None
    line: int | None = None
    position: int | None = None

    def __str__(self) -> str:
        places = (("", self.file), ("line ", self.line), ("position ", self.position))
        where = ", ".join(f"{kind}{place}" for kind, place in places if place) or "bundle"
        return printable(f"{where}: {self.says} [{self.code}]")


class Problems(list[Problem]):
    """What is wrong. `counted` says how often, also where there is too much of a kind to tell."""

    counted: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.counted = Counter()

    def add(
        self, code: str, says: str, file: str | None = None, line: int | None = None, at: int | None = None
    ) -> None:
        """Note a problem."""
        self.counted[code] += 1
        if self.counted[code] <= SHOWN:
            self.append(Problem(code, says, file, line, at))


class Report:
    """What a verification came to. `proved` holds only where it is `ok`."""

    def __init__(self) -> None:
        self.origin = self.root = self.key = ""
        self.entries = self.size = 0
        self.problems, self.warnings = Problems(), Problems()
        self.proved: list[str] = []
        self.unproved: list[str] = []

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def json(self) -> str:
        """One line of JSON."""
        told = {name: [item._asdict() for item in getattr(self, name)] for name in ("problems", "warnings")}
        return json.dumps({"ok": self.ok, **vars(self), **told, "counted": self.problems.counted})

    def text(self) -> str:
        """For people."""
        found = self.problems.counted
        more = [f"{code}: {count - SHOWN:,} more" for code, count in found.items() if count > SHOWN]
        lines = [f"WRONG       {problem}" for problem in [*self.problems, *more]]
        lines += [f"WARNING     {warning}" for warning in self.warnings]
        if self.ok:
            lines += [f"proved      {printable(sentence)}" for sentence in self.proved]
            lines += [f"not proved  {printable(sentence)}" for sentence in self.unproved]
        wrong = f"Wrong: {found.total():,} problem{'s' * (found.total() != 1)}. Do not rely on this bundle."
        return "\n".join([*lines, "All right." if self.ok else wrong])


def printable(text: str) -> str:
    """Text of others, so that it cannot move a terminal's cursor."""
    return ascii(text)[1:-1]


# --- Ed25519 (RFC 8032) --------------------------------------------------------------------------------------------

P: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]
"""X, Y, Z, T: x = X/Z, y = Y/Z, x * y = T/Z."""
NEUTRAL: Final = (0, 1, 1, 0)


def add(one: Point, other: Point) -> Point:
    """The sum of two points, or twice the same (5.1.4)."""
    a, b = (one[1] - one[0]) * (other[1] - other[0]), (one[1] + one[0]) * (other[1] + other[0])
    c, d = 2 * one[3] * other[3] * D, 2 * one[2] * other[2]
    e, f, g, h = (b - a) % P, (d - c) % P, (d + c) % P, (b + a) % P
    return e * f % P, g * h % P, f * g % P, e * h % P


def decompressed(data: bytes) -> Point:
    """The point that 32 bytes name (5.1.3). Raises `Malformed`, also where its order is small."""
    y, odd = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square:
        raise Malformed("a key that is no point of the curve")
    x = x if x & 1 == odd else P - x
    point = eightfold = x, y, 1, x * y % P
    for _ in range(3):
        eightfold = add(eightfold, eightfold)
    if eightfold[0] == 0:
        raise Malformed("a key that anybody can sign with")
    return point


@lru_cache(maxsize=32)
def multiples(point: Point) -> list[list[Point]]:
    """0 to 15 times the point, 0 to 15 times 16 points, and so on: for each of the 64 digits of a number in base 16."""
    rows = []
    for _ in range(64):
        row: list[Point] = [NEUTRAL]
        for _ in range(16):
            row.append(add(row[-1], point))
        point = row.pop()
        rows.append(row)
    return rows


BASE: Final = decompressed((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is this key's over the message (5.1.7, without cofactor)."""
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= ORDER:  # noqa: PLR2004 -- bytes
        return False
    x, y, z, t = decompressed(key)
    h = int.from_bytes(sha512(signature[:32] + key + message).digest(), "little") % ORDER
    found: Point = NEUTRAL
    for factor, point in ((s, BASE), (h, (P - x, y, z, P - t))):
        for digit, row in enumerate(multiples(point)):
            found = add(found, row[factor >> 4 * digit & 15])
    x, y = (found[axis] * pow(found[2], -1, P) % P for axis in (0, 1))
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# --- Keys, signed notes, checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature) -------------------------

SIGNS, COSIGNS = 1, 4


class Key(NamedTuple):
    """A public key, which signs notes, or cosigns checkpoints, with a time."""

    name: str
    kind: int
    raw: bytes

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a key in one line: name+id+base64. Raises `Malformed`."""
        name, _, rest = vkey.partition("+")
        data = decoded(rest[9:])
        key = cls(name, data[0], data[1:]) if len(data) == 33 else None  # noqa: PLR2004 -- bytes
        if not key or key.vkey != vkey or key.kind not in {SIGNS, COSIGNS} or not re.fullmatch(r"[^\s+]+", name):
            raise Malformed("not an Ed25519 key as C2SP signed-note writes it")
        decompressed(key.raw)
        return key

    @property
    def key_id(self) -> bytes:
        """The four bytes that signatures name it by."""
        return sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.raw).digest()[:4]

    @property
    def vkey(self) -> str:
        """The key in one line."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.kind]) + self.raw).decode()}"

    def signed(self, note: "Note") -> bool:
        """Whether a signature of this key is on the note. One that does not hold spoils it."""
        own = [value[4:] for name, value in note.signatures if (name, value[:4]) == (self.name, self.key_id)]
        return bool(own) and all(self._holds(note.text, value) for value in own)

    def _holds(self, text: str, value: bytes) -> bool:
        if self.kind == COSIGNS:
            text, value = f"cosignature/v1\ntime {int.from_bytes(value[:8], 'big')}\n{text}", value[8:]
        return ed25519(self.raw, text.encode(), value)


class Note(NamedTuple):
    """Text, and its signatures: a name each, and the key's id with what it signed."""

    text: str
    signatures: Sequence[tuple[str, bytes]]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a signed note. Raises `Malformed`."""
        text, blank, lines = data[: LONGEST_NOTE + 1].decode(errors="replace").rpartition("\n\n")
        found = [re.fullmatch(r"— ([^\s+]+) (\S+)", line) for line in lines.split("\n")[:-1]]
        fair = blank and lines.endswith("\n") and all(found) and len(found) <= MOST_SIGNATURES
        if not fair or len(data) > LONGEST_NOTE or any(char < " " and char != "\n" for char in text):
            raise Malformed("not a signed note")
        return cls(f"{text}\n", [(line[1], decoded(line[2])) for line in found if line])


class Checkpoint(NamedTuple):
    """How large a log is, and what its root is."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a checkpoint's text. Raises `Malformed`."""
        found = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,17})\n([^\n]+)\n(?:[^\n]+\n)*", text, re.ASCII)
        if not found or len(root := decoded(found[3])) != HASH:
            raise Malformed("not a checkpoint")
        return cls(found[1], int(found[2]), root)


def decoded(text: str) -> bytes:
    """The bytes that base64 says, if that is how it is written. Raises `Malformed`."""
    with suppress(ValueError):
        data = b64decode(text, validate=True)
        if b64encode(data).decode() == text:
            return data
    raise Malformed("not base64")


# --- Files ---------------------------------------------------------------------------------------------------------

Claims = dict[str, tuple[int, str]]
"""What the manifest says of files: their lengths in bytes, and their SHA-256."""


class Bundle:
    """The files of a folder or a zip. Only what was found there can be opened, so that no name leads elsewhere."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.zip: zipfile.ZipFile | None = None
        self.sizes: dict[str, int] = {}
        self.strange: list[str] = []
        """Links, devices, and whatever else is no plain file."""
        try:
            if path.is_dir():
                self._list_folder()
            elif path.is_file():
                self.zip = zipfile.ZipFile(path)
                self._list_zip(self.zip)
            else:
                raise Unreadable(f"{path} is no folder and no zip")
        except (OSError, ValueError, OverflowError, NotImplementedError, struct.error, zipfile.BadZipFile) as fault:
            raise Unreadable(f"{path} is no bundle: {fault}") from None

    def _list_folder(self) -> None:
        for folder, folders, files in os.walk(self.path):
            for found in (Path(folder, name) for name in (*folders, *files)):
                name, status = found.relative_to(self.path).as_posix(), found.lstat()
                if stat.S_ISREG(status.st_mode):
                    self.sizes[name] = status.st_size
                elif not stat.S_ISDIR(status.st_mode):
                    self.strange.append(name)

    def _list_zip(self, archive: zipfile.ZipFile) -> None:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if sum(member.compress_size for member in members) > self.path.stat().st_size:
            raise Unreadable("the members of the zip overlap")
        for member in members:
            plain = stat.S_IFMT(member.external_attr >> 16) in {0, stat.S_IFREG} and not member.flag_bits & 1
            plain = plain and member.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
            if plain and member.filename not in self.sizes:
                self.sizes[member.filename] = member.file_size
            else:
                self.strange.append(member.filename)

    @contextmanager
    def open(self, name: str, buffer: int = 1 << 13) -> Iterator[IO[bytes]]:
        """A file's bytes. Raises `Malformed` where they cannot be read."""
        if name not in self.sizes:
            raise Malformed("it is missing")
        try:
            if self.zip is None:
                with Path(self.path, name).open("rb", buffering=buffer) as file:
                    yield file
            else:
                with self.zip.open(name) as member, BufferedReader(cast("Any", member), buffer) as file:
                    yield file
        except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as fault:
            raise Malformed(f"it cannot be read: {fault}") from None

    def read(self, name: str, most: int) -> bytes:
        """A small file. Raises `Malformed`."""
        with self.open(name) as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise Malformed(f"it is longer than {most:,} bytes")
        return data

    def lines(self, name: str, claims: Claims) -> Iterator[bytes]:
        """A file's lines, if they are not far more than the manifest claims. Raises `Malformed`."""
        if self.sizes.get(name, 0) > claims.get(name, (0,))[0] + LONGEST_LINE:
            raise Malformed("it is far longer than the manifest says: it was not read")
        with self.open(name, BLOCK) as file:
            yield from iter(partial(file.readline, LONGEST_LINE), b"")

    def sha256(self, name: str) -> str:
        """A file's SHA-256 in hex; nothing, where it cannot be read."""
        whole = sha256()
        with suppress(Malformed), self.open(name) as file:
            while block := file.read(BLOCK):
                whole.update(block)
            return whole.hexdigest()
        return ""


def strict(data: bytes) -> Any:  # noqa: ANN401 -- JSON is anything
    """What JSON says, if it says it once: no member twice, no NaN, no depths. Raises `Malformed`."""

    def once(members: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(members)) != len(members):
            raise Malformed("a member is there twice")
        return found

    def never(name: str) -> None:
        raise Malformed(f"{name} is not JSON")

    try:
        return json.loads(data.decode(), object_pairs_hook=once, parse_constant=never)
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None


def told(line: bytes, kind: str) -> dict[str, Any]:
    """What an entry of this type tells. Raises `Malformed`."""
    found = strict(line) if ENTRY.match(line) and line.endswith(END) else {}
    data = found["event"].get("data") if found.get("type") == kind else None
    if not isinstance(data, dict):
        raise Malformed(f"not a {kind}")
    return data


def position_of(line: bytes) -> int:
    """Where a line says that it is; 0 if it does not say."""
    digits = line[12:30].partition(b",")[0]
    return int(digits) if digits.isdigit() else 0


# --- The tree (RFC 6962), in tiles (C2SP tlog-tiles) ---------------------------------------------------------------

WIDTH, HASH = 256, 32
TILE: Final = re.compile(
    r"tile/([0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/[1-9][0-9]{0,2})?", re.ASCII
)


def root_of(hashes: bytes) -> bytes:
    """The root over a power of two of hashes."""
    row = [hashes[at : at + HASH] for at in range(0, len(hashes), HASH)]
    while len(row) > 1:
        pairs = iter(row)
        row = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
    return row[0]


class Tree:
    """The tree over a log of `size` entries, as the bundle's tiles have it."""

    def __init__(self, bundle: Bundle, size: int) -> None:
        self.bundle, self.size = bundle, size
        self._last: dict[int, tuple[int, bytes]] = {}
        """Of each level the tile that was read last."""

    def width(self, level: int, index: int) -> int:
        """How many hashes a tile has."""
        return max(0, min(WIDTH, (self.size >> 8 * level) - index * WIDTH))

    def name(self, level: int, index: int) -> str:
        """Where a tile lies, such as tile/0/x001/234. One that is not full yet says how wide it is."""
        digits = f"{index:03}"
        digits = digits.zfill(len(digits) + -len(digits) % 3)
        path = "/".join(f"x{digits[at : at + 3]}" for at in range(0, len(digits), 3))
        width = self.width(level, index)
        return f"tile/{level}/{path[:-4]}{path[-3:]}" + (f".p/{width}" if width < WIDTH else "")

    def tile(self, level: int, index: int) -> bytes:
        """A tile's hashes. What is too short or too long is told elsewhere. Raises `Absent`."""
        last = self._last.get(level)
        if not last or last[0] != index:
            name, length = self.name(level, index), self.width(level, index) * HASH
            try:
                data = self.bundle.read(name, length)
            except Malformed:
                raise Absent(name) from None
            self._last[level] = last = index, data.ljust(length, b"\0")
        return last[1]

    def hashes(self, level: int, index: int, count: int) -> bytes:
        """So many hashes of a level, of one tile. Raises `Absent`."""
        tile, first = divmod(index, WIDTH)
        return self.tile(level, tile)[first * HASH : (first + count) * HASH]

    def leaves(self, index: int, count: int) -> bytes:
        """The same of the lowest level, or nothing, where a tile is missing: that is told elsewhere."""
        with suppress(Absent):
            return self.hashes(0, index, count)
        return b""

    def root(self, size: int) -> bytes:
        """The root over the first `size` entries. Raises `Absent`."""
        found, left = b"", size
        while left:
            level = (left & -left).bit_length() - 1
            left -= 1 << level
            upper, inner = divmod(level, 8)
            full = root_of(self.hashes(upper, left >> 8 * upper, 1 << inner))
            found = sha256(b"\1" + full + found).digest() if found else full
        return found or sha256(b"").digest()


# --- The manifest --------------------------------------------------------------------------------------------------


class Manifest:
    """What the bundle says it is."""

    def __init__(self, data: bytes) -> None:
        """Read manifest.json. Raises `Malformed`."""
        found = strict(data)
        if data != (json.dumps(found, indent=2, sort_keys=True) + "\n").encode():
            raise Malformed("it is not written in the one way it can be")
        try:
            if found["format"] != FORMAT:
                raise Malformed(f"it is of another format than {FORMAT}")
            filters, checkpoint, files = found["filters"], found["checkpoint"], found["files"]
            self.origin, self.key = text_of(found["origin"]), Key.parse(text_of(found["key"]))
            self.size, self.root = count_of(checkpoint["size"]), unhexlify(text_of(checkpoint["root"]))
            self.first, self.last, self.entries = (count_of(found[name]) for name in ("first", "last", "entries"))
            self.files = {path_of(name): (count_of(of["bytes"]), text_of(of["sha256"])) for name, of in files.items()}
            self.customer, self.partner, self.since, self.until = (
                None if filters[name] is None else text_of(filters[name]).encode()
                for name in ("customer", "partner", "recordedFrom", "recordedUntil")
            )
            self.types = frozenset(text_of(name).encode() for name in filters["types"])
        except (LookupError, TypeError, AttributeError, ValueError) as fault:
            raise Malformed(f"a member is missing, or is not what it should be: {fault}") from None
        if not all(moment is None or MOMENT.fullmatch(moment) for moment in (self.since, self.until)):
            raise Malformed("its times are not written as those of entries are")
        self.dense = not (self.customer or self.partner or self.types)
        """Whether every position of the range is there."""


def text_of(value: object) -> str:
    """A text that can be written as UTF-8, or `ValueError`."""
    if not isinstance(value, str) or not value.encode():
        raise ValueError("not a text")
    return value


def count_of(value: object) -> int:
    """A number that is not negative and not beyond all logs, or `ValueError`."""
    if type(value) is not int or not 0 <= value < 10**18:
        raise ValueError("not a number")
    return value


def path_of(name: str) -> str:
    """The name of a file in here, or `ValueError`."""
    if not re.fullmatch(r"(?!\.)[\w.-]+(/(?!\.)[\w.-]+)*", name, re.ASCII):
        raise ValueError("not the name of a file in here")
    return name


# --- The proof: every tile under the root, every line under its tile ------------------------------------------------


def check_hashes(path: Path, of: Manifest) -> Problems:
    """Hold every tile against the one above it, up to the root, and every line against its tile."""
    bundle, problems = Bundle(path), Problems()
    tree = Tree(bundle, of.size)
    try:
        if tree.root(of.size) != of.root:
            problems.add("root_differs", "the tiles do not lead to the root that the manifest gives", MANIFEST)
    except Absent as tile:
        problems.add("tile_missing", "it is needed to lead to the root", str(tile))
    for place, name in sorted((_place(name), name) for name in of.files if name.startswith("tile/")):
        _check_tile(tree, *place, name, problems)
    for name in (KEYS, ENTRIES):
        if name in of.files and name in bundle.sizes:
            try:
                _check_lines(tree, of, name, problems)
            except Malformed as fault:
                problems.add("file_unreadable", str(fault), name)
    return problems


def _place(name: str) -> tuple[int, int]:
    found = TILE.fullmatch(name)
    return (int(found[1]), int(re.sub("[x/]", "", found[2]) + found[3])) if found else (0, 0)


def _check_tile(tree: Tree, level: int, index: int, name: str, problems: Problems) -> None:
    """A full tile hashes to what the one above holds. The root is over the others: they were looked at with it."""
    width = tree.width(level, index)
    if not width or name != tree.name(level, index):
        problems.add("file_extra", "a tree of this size has no such tile", name)
    elif tree.bundle.sizes.get(name, width * HASH) != width * HASH:
        problems.add("tile_changed", f"it is not as long as {width} hashes", name)
    elif width == WIDTH and name in tree.bundle.sizes:
        try:
            if root_of(tree.tile(level, index)) != tree.hashes(level + 1, index, 1):
                problems.add("tile_changed", "it does not hash to what the tile above it holds", name)
        except Absent as missing:
            problems.add("tile_missing", f"it is needed to check {name}", str(missing))


def _check_lines(tree: Tree, of: Manifest, name: str, problems: Problems) -> None:
    """Whether each line is what the log holds at the position it gives. Raises `Malformed`.

    Where no position is left out, lines are looked at by the tile, and one by one only if something is wrong.
    """
    whole, number, index = sha256(), 0, of.first - 1
    dense = of.dense and name == ENTRIES
    lines = tree.bundle.lines(name, of.files)
    while chunk := list(islice(lines, WIDTH - index % WIDTH)):
        whole.update(b"".join(chunk))
        leaves = [sha256(b"\0" + line[:-1]).digest() for line in chunk]
        if not dense or b"".join(leaves) != tree.leaves(index, len(leaves)):
            for at, (line, leaf) in enumerate(zip(chunk, leaves, strict=True), number + 1):
                position = position_of(line)
                held = tree.leaves(position - 1, 1) if 0 < position <= of.size else leaf
                if leaf != held:
                    problems.add(*(CHANGED if held else UNPROVED), name, at, position)
        number, index = number + len(chunk), index + len(chunk)
    if whole.hexdigest() != of.files[name][1]:
        problems.add("file_changed", "its SHA-256 is not what the manifest says", name)


# --- The entries: which there are, in which order, and what chains them --------------------------------------------


class Entries:
    """A bundle's entries but for their hashes, which `check_hashes` looks at."""

    def __init__(self, bundle: Bundle, of: Manifest, announced: list[tuple[int, Key]], report: Report) -> None:
        self.bundle, self.of, self.announced, self.report = bundle, of, announced, report
        self.tree = Tree(bundle, of.size)
        self.untold = 0
        """Published checkpoints whose tiles are not here."""

    def wrong(self, code: str, says: str, line: int | None = None, position: int | None = None) -> None:
        """Note a problem."""
        self.report.problems.add(code, says, ENTRIES, line, position)

    def check(self) -> None:
        """All that can be said of them without hashing."""
        try:
            self._check()
        except Malformed as fault:
            self.wrong("file_unreadable", str(fault))

    def _check(self) -> None:
        """Whether the lines are those that the manifest claims, in order, and each stream's are chained.

        Chains are looked at until something is out of order: after that they cannot hold.
        """
        of, number, due, held, leaves, ordered = self.of, 0, self.of.first, -1, b"", True
        keys, after, filtered = [], Successors(), not of.dense or of.since or of.until
        heads: dict[bytes, bytes] = {}
        """What a stream's next entry has to give: its version, and the hash of the one before it."""
        for number, line in enumerate(self.bundle.lines(ENTRIES, of.files), 1):
            found = ENTRY.match(line)
            if found is None or not line.endswith(END):
                self.wrong(*(MISWRITTEN if line.endswith(END) else CUT_OFF), number)
                ordered = False
                continue
            digits, stream, version, kind, recorded, previous = found.groups()
            position = int(digits)
            if position != due:
                ordered = ordered and position > due and not of.dense
            due = position + 1
            tile, leaf = divmod(position - 1, WIDTH)
            if tile != held:
                held, leaves = tile, self.tree.leaves(tile * WIDTH, WIDTH)
            if ordered and leaves:
                if heads.get(stream, b"1") != version + unhexlify(previous or b""):
                    self._unchained(heads.get(stream), int(version), previous, (number, position))
                heads[stream] = after[version] + leaves[leaf * HASH : leaf * HASH + HASH]
            if filtered and not self._asked_for(line, stream, version, kind, recorded):
                self.wrong("entry_foreign", "it is not what the filters ask for", number, position)
            if kind in TELLING:
                if kind == b"SigningKeyAnnounced":
                    keys.append(position)
                else:
                    self._published(line, number, position)
        self.report.entries = number
        if not ordered or due > of.last + 1 or (of.dense and due <= of.last):
            self._order()
        if number != of.entries:
            self.wrong("entries_miscounted", f"it has {number:,} lines, not {of.entries:,}")
        if of.dense and keys != [position for position, _ in self.announced if of.first <= position <= of.last]:
            self.wrong("keys_differ", f"it has other announcements of keys than {KEYS}")

    def _unchained(self, head: bytes | None, version: int, previous: bytes | None, at: tuple[int, int]) -> None:
        """Say what is wrong, if anything, where an entry does not give what its stream's next one has to."""
        of, due = self.of, int(head[:-HASH]) if head else 1
        if version < due:
            self.wrong("entry_inserted", f"version {version} of its stream is there already", *at)
        elif (version == 1) != (previous is None) or (head and version == due):
            self.wrong("chain_broken", "it does not give the hash of the version before it", *at)
        elif not of.types and (head or not of.since):
            code = "chain_broken" if of.dense else "customer_event_dropped"
            self.wrong(code, f"version {version} of its stream follows where {due} is due", *at)

    def _order(self) -> None:
        """Say which positions are not there once, in their places, nor all of them where none may be left out."""
        of, seen, number = self.of, set[int](), 0
        kept: list[tuple[int, int]] = []
        for number, line in enumerate(self.bundle.lines(ENTRIES, of.files), 1):
            position = position_of(line) if ENTRY.match(line) and line.endswith(END) else 0
            if position and not of.first <= position <= of.last:
                self.wrong("entry_foreign", "its position is not in this bundle's range", number, position)
            elif position in seen:
                self.wrong("entry_inserted", "the entry of this position is there already", number, position)
            elif position:
                seen.add(position)
                kept.append((number, position))
        due = of.first
        for (at, position), belongs in zip(kept, sorted(seen), strict=True):
            if position != belongs:
                self.wrong("entries_swapped", f"it stands where {belongs:,} belongs", at, position)
            if of.dense and belongs > due:
                more = f", and all up to position {belongs - 1:,}" if belongs - due > 1 else ""
                self.wrong("entry_deleted", f"its entry is missing{more}", at, due)
            due = belongs + 1
        if of.dense and due <= of.last:
            self.wrong("tail_truncated", f"its entry is missing, and all after it, up to {of.last:,}", number, due)

    def _asked_for(self, line: bytes, stream: bytes, version: bytes, kind: bytes, recorded: bytes) -> bool:
        """Whether the filters let an entry in. Whose customer it is about, the first entry of its stream says."""
        of = self.of
        if of.partner and version == b"1" and b'"data":{"partner":"%b"' % of.partner not in line:
            return False
        wanted = of.customer in {None, stream} and (not of.types or kind in of.types)
        return wanted and (of.since or b"") <= recorded < (of.until or b"~")

    def _published(self, line: bytes, number: int, position: int) -> None:
        """Whether a checkpoint that was published is one of this log."""
        try:
            says = self._contradiction(told(line, "CheckpointPublished"), position)
        except Absent:
            self.untold += 1
            return
        except (Malformed, LookupError, ValueError) as fault:
            says = str(fault)
        if says:
            self.wrong("published_checkpoint_contradicts", says, number, position)

    def _contradiction(self, data: dict[str, Any], position: int) -> str | None:
        note = Note.parse(text_of(data["note"]).encode())
        said = Checkpoint.parse(note.text)
        if tuple(said) != (self.of.origin, data["size"], unhexlify(text_of(data["root"]))):
            return "it does not say what its note says"
        if not any(key.signed(note) for at, key in self.announced if at < position):
            return "no key that was announced before signed its note"
        if said.size >= position or self.tree.root(said.size) != said.root:
            return f"with {said.size:,} entries the log had another root than it says"
        return None


class Successors(dict[bytes, bytes]):
    """The number after a number, each made once."""

    def __missing__(self, number: bytes) -> bytes:
        self[number] = successor = b"%d" % (int(number) + 1)
        return successor


# --- The keys, what they signed, and what was kept -----------------------------------------------------------------


class Signatures:
    """Which keys are trusted, and whether they signed what is here."""

    def __init__(self, bundle: Bundle, of: Manifest, given: Sequence[Key], report: Report) -> None:
        self.bundle, self.of, self.given, self.report = bundle, of, given, report
        self.trusted = set(given)
        self.announced: list[tuple[int, Key]] = []
        """Where in the log which key was announced."""

    def keys(self) -> None:
        """Trust those given, or else the first that was announced, and all that a trusted one handed over to."""
        wrong, number, before = self.report.problems.add, 0, None
        try:
            for number, line in enumerate(islice(self.bundle.lines(KEYS, self.of.files), MOST_KEYS), 1):
                data, position = told(line, "SigningKeyAnnounced"), position_of(line)
                key = Key.parse(text_of(data["key"]))
                if (key.name, key.kind) != (self.of.origin, SIGNS) or data.get("previous") != (before and before.vkey):
                    wrong(
                        "key_chain_broken", "it is no key of this log, or follows another one", KEYS, number, position
                    )
                if self._handed_over(before, key, data.get("handover"), (KEYS, number, position)):
                    self.trusted.add(key)
                self.announced.append((position, key))
                before = key
        except (Malformed, LookupError, ValueError) as fault:
            wrong("keys_malformed", f"no announcement of a key: {fault}", KEYS, number)

    def _handed_over(self, before: Key | None, key: Key, handover: object, at: tuple[str, int, int]) -> bool:
        """Whether a key is to be trusted from here on. One that was lost hands over nothing: that may be."""
        if before is None:
            return not self.given
        if handover is None and at[2] > self.of.size:
            return False  # of what is beyond the log's end, only a signature can tell
        if handover is None:
            self.report.warnings.add("key_not_handed_over", "the key before did not sign that it is replaced", *at)
            return not self.given
        note = Note.parse(text_of(handover).encode())
        if note.text != f"{self.of.origin}\nnext signing key\n{key.vkey}\n" or not before.signed(note):
            self.report.problems.add("key_handover_false", "the key before did not sign what it is said to", *at)
            return False
        return before in self.trusted

    def manifest(self, digest: str) -> None:
        """Whether manifest.json, of this SHA-256, is signed, by a key that is trusted, and agrees with itself."""
        of, key, wrong = self.of, self.of.key, self.report.problems.add
        last = self.announced[-1][1] if self.announced else None
        note = self._note("manifest.sig")
        if note is None or note.text != f"{of.origin}\nmanifest\n{digest}\n" or not key.signed(note):
            wrong("manifest_signature", f"it is not {MANIFEST}, signed with the key it gives", "manifest.sig")
        if (key.name, key.kind) != (of.origin, SIGNS) or (key not in self.trusted and (self.given or last)):
            wrong("key_replaced", "it is signed with a key that is neither trusted nor handed over to", MANIFEST)
        elif last and key != last:
            says = "it is signed with a key that is not the last one that the log announces"
            self.report.warnings.add("key_superseded", says, MANIFEST)
        width, begun = of.last - of.first + 1, of.since is None
        if of.last != of.size or of.entries > width or (of.dense and of.entries != width) or (begun and of.first != 1):
            wrong("manifest_malformed", "its positions, entries and size do not agree", MANIFEST)

    def checkpoint(self) -> None:
        """Whether the checkpoint is signed, and is the one that the manifest gives."""
        of, wrong, note = self.of, self.report.problems.add, self._note("checkpoint")
        if note is None or not of.key.signed(note):
            wrong("checkpoint_signature", "it is not signed with the key that the manifest gives", "checkpoint")
        with suppress(Malformed):
            if note and Checkpoint.parse(note.text) == (of.origin, of.size, of.root):
                return
        wrong("checkpoint_wrong", "it is not the checkpoint that the manifest gives", "checkpoint")

    def _note(self, name: str) -> Note | None:
        with suppress(Malformed):
            return Note.parse(self.bundle.read(name, LONGEST_NOTE))
        return None

    def known(self, note: Note, witnesses: Sequence[Key]) -> None:
        """Whether this is the log that a checkpoint was kept of, and has only grown since."""
        of, report, wrong, said = self.of, self.report, self.report.problems.add, Checkpoint.parse(note.text)
        name = f"the checkpoint of {said.size:,} entries that you know"
        for witness in witnesses:
            if witness.kind != COSIGNS or not witness.signed(note):
                wrong("witness_missing", f"{name} is not cosigned by {witness.name}")
        if said.origin != of.origin:
            wrong("known_foreign", f"{name} is of another log, {said.origin}")
            return
        if not any(key.signed(note) for key in {of.key, *self.trusted, *(key for _, key in self.announced)}):
            wrong("key_replaced", f"{name} is signed with no key of this log")
        try:
            if said.size > of.size and of.until:
                report.unproved.append(f"anything of {name}: this bundle ends before it, as it was asked to")
            elif said.size > of.size:
                wrong("log_shrunk", f"{name} is larger than this log: its tail was cut off")
            elif Tree(self.bundle, of.size).root(said.size) != said.root:
                wrong("forked", f"{name} has another root than this log: history was rewritten")
            else:
                report.proved.append(f"{name} is the beginning of this log")
        except Absent as tile:
            report.unproved.append(f"that {name} is the beginning of this log: it cannot be told without {tile}")


# --- All of it -----------------------------------------------------------------------------------------------------


def verify(
    path: Path,
    *,
    known: Iterable[bytes] = (),
    keys: Iterable[str] = (),
    witnesses: Iterable[str] = (),
    processes: int = 1,
) -> Report:
    """Check a bundle.

    `known`: checkpoints that were kept, or come from elsewhere. `keys`: those that are trusted. `witnesses`: those that
    must have cosigned what is known. Two `processes` are faster where the bundle is large. Raises `Unreadable`.
    """
    try:
        given, cosigners = [Key.parse(vkey) for vkey in keys], [Key.parse(vkey) for vkey in witnesses]
        notes = [note for note in map(Note.parse, known) if Checkpoint.parse(note.text)]
    except (Malformed, ValueError) as fault:
        raise Unreadable(f"what you gave: {fault}") from None
    bundle, report = Bundle(path), Report()
    if MANIFEST not in bundle.sizes:
        raise Unreadable(f"{path} is no bundle: it has no {MANIFEST}")
    try:
        data = bundle.read(MANIFEST, LONGEST_MANIFEST)
        of = Manifest(data)
    except Malformed as fault:
        report.problems.add("manifest_malformed", str(fault), MANIFEST)
        return report
    report.origin, report.size, report.root, report.key = of.origin, of.size, of.root.hex(), of.key.vkey
    signatures = Signatures(bundle, of, given, report)
    signatures.keys()
    signatures.manifest(sha256(data).hexdigest())
    signatures.checkpoint()
    for note in notes:
        signatures.known(note, cosigners)
    entries = Entries(bundle, of, signatures.announced, report)

    def meanwhile() -> None:
        check_files(bundle, of, report.problems)
        entries.check()

    apart = processes > 1 and bundle.sizes.get(ENTRIES, 0) >= LARGE
    hashes = _hashes_beside(meanwhile, path, of) if apart else _hashes_after(meanwhile, path, of)
    report.problems.extend(hashes)
    report.problems.counted.update(hashes.counted)
    _summarise(report, of, key_known=bool(given), log_known=bool(notes), untold=entries.untold)
    return report


def _hashes_after(work: Callable[[], None], path: Path, of: Manifest) -> Problems:
    work()
    return check_hashes(path, of)


def _hashes_beside(work: Callable[[], None], path: Path, of: Manifest) -> Problems:
    """The same, with the hashes in a process of their own."""
    context = get_context("fork" if sys.platform == "linux" else "spawn")
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            hashes = pool.submit(check_hashes, path, of)
            work()
            return hashes.result()
    except BrokenProcessPool:
        raise Unreadable("the process that hashes was ended") from None


def check_files(bundle: Bundle, of: Manifest, problems: Problems) -> None:
    """Whether all files are there, and no others, each as the manifest says. Those with lines are hashed elsewhere."""
    for name in bundle.strange:
        problems.add("file_extra", "a link or a device, or there twice: it was not opened", name)
    for name in sorted(bundle.sizes.keys() - of.files.keys() - {MANIFEST, "manifest.sig"}):
        problems.add("file_extra", "the manifest does not name it", name)
    for name in sorted((of.files.keys() | {"checkpoint", ENTRIES, KEYS}) - bundle.sizes.keys()):
        problems.add("file_missing", "it is not there", name)
    for name in sorted(of.files.keys() & bundle.sizes.keys()):
        length, digest = of.files[name]
        if bundle.sizes[name] != length:
            problems.add("file_changed", f"it is {bundle.sizes[name]:,} bytes long, not {length:,}", name)
        elif name not in {ENTRIES, KEYS} and bundle.sha256(name) != digest:
            problems.add("file_changed", "its SHA-256 is not what the manifest says", name)


def _summarise(report: Report, of: Manifest, *, key_known: bool, log_known: bool, untold: int) -> None:
    """Say what was proved, if nothing is wrong, and what was not."""
    said = f"{of.entries:,} entries are in the log {of.origin} of {of.size:,}, unchanged, in order and chained"
    none = f"they are all of positions {of.first:,} to {of.last:,}"
    report.proved[:0] = [said, none] if of.dense else [said]
    report.proved.append(f"the root over the log, {report.root}, is signed with {report.key}")
    others = ", ".join(name for name in of.files if name.startswith(("events.", "log.")))
    word = ": that is the operator's word"
    report.unproved += [
        sentence
        for applies, sentence in (
            (not key_known, "that the first key is the log's own: it was taken on trust (compare it, --key)"),
            (not log_known, "that others are shown the same log: give a checkpoint that you kept (--known)"),
            (not of.dense, f"that nothing else in the log answers to the filters{word}"),
            (of.customer, f"that nothing later happened to this customer{word}"),
            (of.since, f"that nothing before position {of.first:,} was recorded in time{word}"),
            (of.until, f"that nothing after position {of.last:,} was recorded in time{word}"),
            (untold, f"{untold:,} published checkpoints, whose tiles are not in this bundle"),
            (others, f"that {others} say what {ENTRIES} says: they are as they were signed"),
        )
        if applies
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the bundle that the command line names, and say what was found."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Check a bundle of a Gatehouse log.")
    parser.add_argument("bundle", type=Path, help="a folder, or the same in a zip")
    parser.add_argument("--known", type=Path, action="append", default=[], help="the file of a checkpoint you kept")
    parser.add_argument("--key", action="append", default=[], help="a key of the log that you trust, in one line")
    parser.add_argument("--witness", action="append", default=[], help="a key that must have cosigned what is known")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    given = parser.parse_args(arguments)
    if given.witness and not given.known:
        parser.error("--witness says who cosigned what --known gives")
    try:
        known = [path.read_bytes() for path in given.known]
        cores = os.cpu_count() or 1
        report = verify(given.bundle, known=known, keys=given.key, witnesses=given.witness, processes=cores)
    except (Unreadable, OSError) as fault:
        said = json.dumps({"ok": False, "error": str(fault)}) if given.json else printable(f"cannot be read: {fault}")
        print(said, file=sys.stdout if given.json else sys.stderr)
        return 2
    print(report.json() if given.json else report.text())
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
