"""Reads OFAC's `sdn_advanced.xml` as a stream: the digital-currency addresses it names, and nothing else.

The file is about 120 MB and mostly names, which are personal data: whatever is not an address goes by
unread, so memory does not grow with the file. A list that cannot be trusted whole is refused whole: an
address lost in silence would be a sanctioned wallet let in.

The format is the UN's advanced sanctions data model, version 3, in OFAC's namespace: eight sections in a
fixed order. Three matter here. DateOfIssue; ReferenceValueSets, where the FeatureType "Digital Currency
Address - XBT" has an ID; DistinctParties, where a Feature refers to that ID and holds the address in its
VersionDetail.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NoReturn
from xml.parsers import expat
from xml.parsers.expat import errors

NAMESPACE: Final = "https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/ADVANCED_XML"
SAMPLE: Final = Path(__file__).parent / "sample" / "sdn_advanced_sample.xml"

_CHUNK: Final = 1 << 20
_EVM: Final = re.compile(r"0x[0-9a-f]{40}", re.IGNORECASE)
_CUT_SHORT: Final = {
    errors.codes[message]
    for message in (
        errors.XML_ERROR_NO_ELEMENTS,
        errors.XML_ERROR_UNCLOSED_TOKEN,
        errors.XML_ERROR_PARTIAL_CHAR,
        errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
}


class MalformedSanctionsList(ValueError):
    """This is no list to screen with: `reason`, found at `line` (from 1) and `byte` (from 0) of the input."""

    code = "malformed_sanctions_list"

    def __init__(self, reason: str, *, line: int, byte: int) -> None:
        super().__init__(f"{reason} (line {line}, byte {byte})")
        self.reason = reason
        self.line = line
        self.byte = byte


@dataclass(frozen=True, slots=True)
class Listing:
    """One naming of an address: as published, under OFAC's `currency` code, in the party's `profile`."""

    address: str
    currency: str
    profile: str


@dataclass(frozen=True, slots=True)
class SanctionsList:
    """What a list says. `addresses` has, by canonical address, its every listing in the file's order."""

    published: date
    sha256: str
    entries: int
    addresses: Mapping[str, tuple[Listing, ...]]


def canonical(address: str) -> str:
    """Return the form addresses are compared in: 0x and 40 hex digits in lower case, any other verbatim.

    The currency code plays no part: OFAC lists one EVM address under ETH, USDT, ARB and BSC alike.
    """
    address = address.strip()
    return address.lower() if _EVM.fullmatch(address) else address


def read(stream: BinaryIO, *, progress: Callable[[int], None] | None = None) -> SanctionsList:
    """Read a whole list from `stream`; `progress` is told the bytes read so far, at least once a MiB.

    Takes seconds of CPU for OFAC's file: not for the event loop.
    Raises MalformedSanctionsList. Anything the stream itself raises passes through.
    """
    reading = _Reading()
    digest = hashlib.sha256()
    size = 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        reading.feed(chunk)
        size += len(chunk)
        if progress is not None:
            progress(size)
    if not size:
        raise MalformedSanctionsList("the list is empty", line=1, byte=0)
    return reading.finish(digest.hexdigest())


class _Reading:
    """One pass of expat: `_begins` has what to do where an element begins, for the few that matter."""

    def __init__(self) -> None:
        self._date: dict[str, str] = {}
        self._published: date | None = None
        self._entries = 0
        self._currencies: dict[str, str] = {}  # by FeatureType ID; empty where the feature is no address
        self._owner = ""
        self._currency = ""
        self._listings: dict[str, tuple[Listing, ...]] = {}
        self._begins = {
            f"{NAMESPACE} {name}": begin
            for name, begin in {
                "Year": self._date_part,
                "Month": self._date_part,
                "Day": self._date_part,
                "ReferenceValueSets": self._reference_value_sets,
                "FeatureType": self._feature_type,
                "DistinctParties": self._distinct_parties,
                "DistinctParty": self._distinct_party,
                "Profile": self._profile,
                "Feature": self._feature,
                "VersionDetail": self._version_detail,
            }.items()
        }
        # The encoding is given, so that no declaration in the file can choose a decoder.
        self._parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._root

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            what = "the list is cut short" if error.code in _CUT_SHORT else "the list is not well-formed XML"
            raise MalformedSanctionsList(
                f"{what}: {expat.ErrorString(error.code)}", line=error.lineno, byte=self._parser.ErrorByteIndex
            ) from error

    def finish(self, sha256: str) -> SanctionsList:
        self.feed(b"", last=True)
        if self._published is None or not self._listings:
            self._fail("the list names no digital-currency address")
        return SanctionsList(self._published, sha256, self._entries, self._listings)

    def _fail(self, reason: str) -> NoReturn:
        raise MalformedSanctionsList(reason, line=self._parser.CurrentLineNumber, byte=self._parser.CurrentByteIndex)

    def _doctype(self, *_: object) -> None:
        """Refuse before any entity is declared: OFAC's file has no DTD, an entity bomb has."""
        self._fail("the list has a DTD")

    def _root(self, name: str, attributes: dict[str, str]) -> None:
        if name != f"{NAMESPACE} Sanctions":
            self._fail(f"the root is not Sanctions in OFAC's advanced namespace, but {name!r}")
        if "DeltaBaseVersion" in attributes:
            self._fail("the list is only the changes since another")
        self._parser.StartElementHandler = self._element

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        if (begin := self._begins.get(name)) is not None:
            begin(name, attributes)

    def _attribute(self, name: str, attributes: dict[str, str], wanted: str) -> str:
        return attributes.get(wanted) or self._fail(f"{name.rpartition(' ')[2]} without {wanted}")

    def _text(self, name: str, then: Callable[[str], None]) -> None:
        """Give `then` the text of the element `name`, which has just begun, when it ends."""
        parts: list[str] = []

        def end(ended: str) -> None:
            if ended == name:
                self._parser.CharacterDataHandler = self._parser.EndElementHandler = None
                then("".join(parts).strip())

        self._parser.CharacterDataHandler = parts.append
        self._parser.EndElementHandler = end

    def _date_part(self, name: str, _: dict[str, str]) -> None:
        if self._published is None:  # later on come other dates, by the hundred thousand
            self._text(name, partial(self._date.__setitem__, name.rpartition(" ")[2]))

    def _reference_value_sets(self, _name: str, _: dict[str, str]) -> None:
        try:
            self._published = date(*(int(self._date[part]) for part in ("Year", "Month", "Day")))
        except (KeyError, ValueError):
            self._fail("no valid DateOfIssue before ReferenceValueSets")

    def _feature_type(self, name: str, attributes: dict[str, str]) -> None:
        self._text(name, partial(self._feature_type_named, self._attribute(name, attributes, "ID")))

    def _feature_type_named(self, ident: str, text: str) -> None:
        """`Digital Currency Address - XBT` is XBT; an unforeseen wording still counts, under its own text."""
        currency = text.partition(" - ")[2] or text
        self._currencies[ident] = currency if text.startswith("Digital Currency") else ""

    def _distinct_parties(self, _name: str, _: dict[str, str]) -> None:
        if not any(self._currencies.values()):
            self._fail("no digital-currency feature types before DistinctParties")

    def _distinct_party(self, name: str, attributes: dict[str, str]) -> None:
        self._entries += 1
        self._owner = self._attribute(name, attributes, "FixedRef")

    def _profile(self, name: str, attributes: dict[str, str]) -> None:
        self._owner = self._attribute(name, attributes, "ID")

    def _feature(self, name: str, attributes: dict[str, str]) -> None:
        kind = self._attribute(name, attributes, "FeatureTypeID")
        if kind not in self._currencies:
            self._fail(f"feature type {kind} is not among the reference values")
        self._currency = self._currencies[kind]

    def _version_detail(self, name: str, _: dict[str, str]) -> None:
        if self._currency:
            self._text(name, self._listed)

    def _listed(self, address: str) -> None:
        if not address:
            self._fail(f"a {self._currency} address without text in profile {self._owner}")
        listing = Listing(address, self._currency, self._owner)
        known = self._listings.get(canonical(address), ())
        if listing not in known:
            self._listings[canonical(address)] = (*known, listing)
