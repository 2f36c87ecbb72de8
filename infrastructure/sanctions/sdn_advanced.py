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
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from infrastructure.sanctions.bounded_xml import CHUNK, Attributes, BoundedXml, MalformedXml

NAMESPACE: Final = "https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/ADVANCED_XML"
UNTIL_MAY_2024: Final = "http://www.un.org/sanctions/1.0"
"""The namespace of OFAC's file until 7 May 2024 (OFAC, recent actions of that day)."""
SAMPLE: Final = Path(__file__).parent / "sample" / "sdn_advanced_sample.xml"

ROOM: Final = 32 << 20
"""About how many bytes what is kept of a list may take: a hundred thousand listings. OFAC names a thousand."""
_EACH: Final = 256
_EVM: Final = re.compile(r"0x[0-9a-f]{40}", re.IGNORECASE)
_VISIBLE: Final = re.compile(r"[!-~]+")


class Stream(Protocol):
    """What a list is read from: a file, or anything like one."""

    def read(self, size: int = -1, /) -> bytes:
        """Read at most `size` bytes; none at the end."""


class MalformedSanctionsList(MalformedXml):
    """This is no list to screen with: `reason`, found at `line` (from 1) and `byte` (from 0) of the input."""

    code = "malformed_sanctions_list"


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


def read(stream: Stream, *, progress: Callable[[int], None] | None = None) -> SanctionsList:
    """Read a whole list from `stream`; `progress` is told the bytes read so far, at least once a MiB.

    Takes seconds of CPU for OFAC's file: not for the event loop.
    Raises MalformedSanctionsList. Anything the stream itself raises passes through.
    """
    reading, size = Reading(), 0
    while piece := stream.read(CHUNK):
        reading.feed(piece)
        size += len(piece)
        if progress is not None:
            progress(size)
    return reading.finish()


class Reading:
    """One list under way, for who is given it in pieces. Raises as `read` does."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._date: dict[str, str] = {}
        self._published: date | None = None
        self._entries = 0
        self._currencies: dict[str, str] = {}  # by FeatureType ID; empty where the feature is no address
        self._owner = ""
        self._currency = ""
        self._listings: dict[str, dict[Listing, None]] = {}
        self._room = ROOM
        begins = {
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
        }
        self._xml = BoundedXml(
            root=self._root,
            begins={f"{NAMESPACE} {name}": begin for name, begin in begins.items()},
            malformed=MalformedSanctionsList,
        )

    def feed(self, piece: bytes) -> None:
        """Take the next bytes, however many."""
        self._digest.update(piece)
        self._xml.feed(piece)

    def finish(self) -> SanctionsList:
        """Answer with the list, if that was all of it."""
        self._xml.end()
        if self._published is None or not self._listings:
            self._xml.refuse("the list names no digital-currency address")
        addresses = {address: tuple(listings) for address, listings in self._listings.items()}
        return SanctionsList(self._published, self._digest.hexdigest(), self._entries, addresses)

    def _root(self, name: str, attributes: Attributes) -> None:
        if name == f"{UNTIL_MAY_2024} Sanctions":
            self._xml.refuse("the list is in the namespace that OFAC left in May 2024: get today's")
        if name != f"{NAMESPACE} Sanctions":
            self._xml.refuse("the root is not Sanctions in OFAC's advanced namespace")
        if "DeltaBaseVersion" in attributes:
            self._xml.refuse("the list is only the changes since another")

    def _attribute(self, name: str, attributes: Attributes, wanted: str) -> str:
        return attributes.get(wanted) or self._xml.refuse(f"{name.rpartition(' ')[2]} without {wanted}")

    def _date_part(self, name: str, _: Attributes) -> None:
        if self._published is None:  # later on come other dates, by the hundred thousand
            self._xml.text(partial(self._date.__setitem__, name.rpartition(" ")[2]))

    def _reference_value_sets(self, _name: str, _: Attributes) -> None:
        try:
            self._published = date(*(int(self._date[part]) for part in ("Year", "Month", "Day")))
        except (KeyError, ValueError):
            self._xml.refuse("no valid DateOfIssue before ReferenceValueSets")

    def _feature_type(self, name: str, attributes: Attributes) -> None:
        self._xml.text(partial(self._feature_type_named, self._attribute(name, attributes, "ID")))

    def _feature_type_named(self, ident: str, text: str) -> None:
        """`Digital Currency Address - XBT` is XBT; an unforeseen wording still counts, under its own text."""
        currency = text.partition(" - ")[2] or text
        self._keep(ident, currency)
        self._currencies[ident] = currency if text.startswith("Digital Currency") else ""

    def _distinct_parties(self, _name: str, _: Attributes) -> None:
        if not any(self._currencies.values()):
            self._xml.refuse("no digital-currency feature types before DistinctParties")

    def _distinct_party(self, name: str, attributes: Attributes) -> None:
        self._entries += 1
        self._owner = self._attribute(name, attributes, "FixedRef")

    def _profile(self, name: str, attributes: Attributes) -> None:
        self._owner = self._attribute(name, attributes, "ID")

    def _feature(self, name: str, attributes: Attributes) -> None:
        kind = self._attribute(name, attributes, "FeatureTypeID")
        if kind not in self._currencies:
            self._xml.refuse("a feature's type is not among the reference values")
        self._currency = self._currencies[kind]

    def _version_detail(self, _name: str, _: Attributes) -> None:
        if self._currency:
            self._xml.text(self._listed)

    def _listed(self, text: str) -> None:
        """Take an address. No chain has white space within one, nor anything that cannot be seen."""
        address = "".join(filter(_seen, text))
        if not _VISIBLE.fullmatch(address):
            self._xml.refuse("a digital-currency address without text, or not in ASCII")
        self._keep(address, self._currency, self._owner)
        self._listings.setdefault(canonical(address), {})[Listing(address, self._currency, self._owner)] = None

    def _keep(self, *texts: str) -> None:
        """Make sure that there is room."""
        self._room -= _EACH + sum(map(len, texts))
        if self._room < 0:
            self._xml.refuse("the list names more than a list can")


def _seen(character: str) -> bool:
    """Whether a character shows: neither space, nor mark of direction, nor of zero width."""
    return unicodedata.category(character) not in {"Zs", "Zl", "Zp", "Cc", "Cf"}
