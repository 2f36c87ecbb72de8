"""XML as a stream, with expat, that no input can make large: memory stays small whatever comes.

Expat keeps open elements, the token under way, and every name and namespace it has met. Each has a bound here, far
beyond anything that OFAC has published. There is no DTD, so there are no entities, and UTF-8 is the only encoding.
"""

from collections.abc import Callable, Mapping
from typing import Final, NoReturn
from xml.parsers import expat
from xml.parsers.expat import errors

LARGEST: Final = 1 << 30
"""Bytes of a list."""
LONGEST_TOKEN: Final = 1 << 20
"""Bytes of a tag with all its attributes, of a comment, or of anything else that comes in one piece."""
LONGEST_TEXT: Final = 1024
"""Characters of a text that is asked for."""
DEEPEST: Final = 64
NAMES: Final = 1_000
NAMESPACES: Final = 16
CHUNK: Final = 1 << 16
"""Bytes parsed between two looks at what expat has kept."""

Attributes = dict[str, str]
Begin = Callable[[str, Attributes], None]
"""Is told an element's name, with its namespace before it and a space between, and its attributes."""

_CUT_SHORT: Final = {
    errors.codes[message]
    for message in (
        errors.XML_ERROR_NO_ELEMENTS,
        errors.XML_ERROR_UNCLOSED_TOKEN,
        errors.XML_ERROR_PARTIAL_CHAR,
        errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
}


class MalformedXml(ValueError):
    """This is no list to go on with: `reason`, found at `line` (from 1) and `byte` (from 0) of the input."""

    def __init__(self, reason: str, *, line: int, byte: int) -> None:
        super().__init__(f"{reason} (line {line}, byte {byte})")
        self.reason = reason
        self.line = line
        self.byte = byte


class BoundedXml:
    """One list under way. `root` hears of its first element, `begins` of the others that it names."""

    def __init__(
        self, *, root: Begin, begins: Mapping[str, Begin], malformed: type[MalformedXml] = MalformedXml
    ) -> None:
        """`malformed` is raised for whatever is wrong, by `refuse` too."""
        self._root = root
        self._begins = begins
        self._malformed = malformed
        self._size = self._depth = self._namespaces = 0
        self._names: dict[str, str] = {}
        self._text: Callable[[str], None] | None = None
        self._text_depth = self._text_length = 0
        self._parts: list[str] = []
        # The encoding is given, so that no declaration in the list can choose a decoder.
        self._parser = expat.ParserCreate("utf-8", namespace_separator=" ", intern=self._names)
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartNamespaceDeclHandler = self._namespace
        self._parser.StartElementHandler = self._first
        self._parser.EndElementHandler = self._end

    def feed(self, piece: bytes) -> None:
        """Take the next bytes, however many."""
        for begin in range(0, len(piece), CHUNK):
            chunk = piece[begin : begin + CHUNK]
            self._parse(chunk)
            if 0 in chunk:  # expat sees UTF-16 for what it is, whatever it was told
                self.refuse("the list is not in UTF-8")
            self._size += len(chunk)
            self._check()

    def end(self) -> None:
        """Say that there is no more."""
        if not self._size:
            self.refuse("the list is empty")
        self._parse(b"", last=True)

    def text(self, then: Callable[[str], None]) -> None:
        """Give `then` the text, without white space at its ends, of the element that has just begun when it ends."""
        self._text, self._text_depth, self._text_length = then, self._depth, 0
        self._parts = []
        self._parser.CharacterDataHandler = self._characters

    def refuse(self, reason: str) -> NoReturn:
        """Give up where the parser stands."""
        raise self._malformed(reason, line=self._parser.CurrentLineNumber, byte=self._parser.CurrentByteIndex)

    def _parse(self, chunk: bytes, *, last: bool = False) -> None:
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            what = "cut short" if error.code in _CUT_SHORT else "not well-formed XML"
            raise self._malformed(
                f"the list is {what}: {expat.ErrorString(error.code)}",
                line=error.lineno,
                byte=self._parser.ErrorByteIndex,
            ) from error

    def _check(self) -> None:
        """Refuse what would make expat keep ever more."""
        if self._size > LARGEST:
            self.refuse(f"the list is larger than {LARGEST:,} bytes")
        if self._size - self._parser.CurrentByteIndex > LONGEST_TOKEN:
            self.refuse(f"a tag or the like is longer than {LONGEST_TOKEN:,} bytes")
        if len(self._names) > NAMES:
            self.refuse(f"more than {NAMES:,} different names of elements and attributes")

    def _doctype(self, *_: object) -> None:
        """Refuse before any entity is declared: OFAC's file has no DTD, an entity bomb has."""
        self.refuse("the list has a DTD")

    def _namespace(self, *_: object) -> None:
        self._namespaces += 1
        if self._namespaces > NAMESPACES:
            self.refuse(f"more than {NAMESPACES} declarations of namespaces")

    def _first(self, name: str, attributes: Attributes) -> None:
        self._depth = 1
        self._parser.StartElementHandler = self._start
        self._root(name, attributes)

    def _start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            self.refuse(f"elements within elements, more than {DEEPEST} deep")
        if (begin := self._begins.get(name)) is not None:
            begin(name, attributes)

    def _end(self, _name: str) -> None:
        if self._text is not None and self._depth == self._text_depth:
            then, self._text = self._text, None
            self._parser.CharacterDataHandler = None
            then("".join(self._parts).strip())
        self._depth -= 1

    def _characters(self, text: str) -> None:
        self._text_length += len(text)
        if self._text_length > LONGEST_TEXT:
            self.refuse(f"a text is longer than {LONGEST_TEXT:,} characters")
        self._parts.append(text)
