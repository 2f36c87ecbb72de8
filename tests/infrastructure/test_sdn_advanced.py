import hashlib
import subprocess
import sys
from collections.abc import Iterable
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infrastructure.sanctions.sdn_advanced import (
    NAMESPACE,
    SAMPLE,
    UNTIL_MAY_2024,
    Listing,
    MalformedSanctionsList,
    SanctionsList,
    canonical,
    read,
)
from infrastructure.sanctions.sdn_writer import write

RONIN = "0x098b716b8aaf21512996dc57eb0615e2383e2f96"
PUBLISHED = date(2026, 9, 18)
ISSUED = "<DateOfIssue><Year>2026</Year><Month>9</Month><Day>18</Day></DateOfIssue>"
LOCATION = '<FeatureType ID="25" FeatureTypeGroupID="1">Location</FeatureType>'
TYPES = (
    f"{LOCATION}"
    '<FeatureType ID="345" FeatureTypeGroupID="1">Digital Currency Address - ETH</FeatureType>'
    '<FeatureType ID="887" FeatureTypeGroupID="1">Digital Currency Address - USDT</FeatureType>'
)


def feature(text: str, kind: str = "345") -> str:
    return (
        f'<Feature ID="1" FeatureTypeID="{kind}"><FeatureVersion ID="1" ReliabilityID="1"><Comment />'
        f'<VersionDetail DetailTypeID="1432">{text}</VersionDetail></FeatureVersion></Feature>'
    )


def party(*features: str, profile: str = "12345") -> str:
    return (
        f'<DistinctParty FixedRef="{profile}"><Comment /><Profile ID="{profile}" PartySubTypeID="3">'
        f"{''.join(features)}</Profile></DistinctParty>"
    )


def document(*parties: str, issued: str = ISSUED, types: str = TYPES, namespace: str = NAMESPACE) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<Sanctions xmlns="{namespace}" Version="3">{issued}'
        f"<ReferenceValueSets><FeatureTypeValues>{types}</FeatureTypeValues></ReferenceValueSets>"
        f"<DistinctParties>{''.join(parties)}</DistinctParties></Sanctions>"
    ).encode()


LISTED = document(party(feature(RONIN)))


def written(addresses: Iterable[tuple[str, str]], filler: int = 0) -> bytes:
    stream = BytesIO()
    write(stream, published=PUBLISHED, addresses=addresses, filler=filler)
    return stream.getvalue()


class Trickle(BytesIO):
    """A stream that gives at most `size` bytes at a time, as a socket may."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes, and at most this stream's own."""
        return super().read(self._size if size is None or size < 0 else min(size, self._size))


def test_the_sample_names_addresses_of_many_kinds() -> None:
    with SAMPLE.open("rb") as stream:
        sample = read(stream)
    currencies = {listing.currency for listings in sample.addresses.values() for listing in listings}
    assert currencies == {"ARB", "BSC", "ETC", "ETH", "LTC", "SOL", "TRX", "USDC", "USDT", "XBT", "XMR"}
    assert (sample.published, sample.entries, len(sample.addresses)) == (PUBLISHED, 14, 20)
    assert sample.addresses[RONIN] == (
        Listing(address="0x098B716B8Aaf21512996dC57EB0615e2383E2f96", currency="ETH", profile="900001"),
    )


def test_the_sample_says_that_it_is_one() -> None:
    content = SAMPLE.read_bytes()
    assert len(content) < 40_000
    assert b"SAMPLE. Made for Gatehouse" in content[:100]
    assert b"never screen customers with it" in content[:400]


def test_a_list_carries_its_date_its_hash_and_the_number_of_its_parties() -> None:
    content = document(party(feature(RONIN)), party(profile="2"), party(profile="3"))
    assert read(BytesIO(content)) == SanctionsList(
        published=PUBLISHED,
        sha256=hashlib.sha256(content).hexdigest(),
        entries=3,
        addresses={RONIN: (Listing(RONIN, "ETH", "12345"),)},
    )


def test_one_address_under_two_currencies_and_two_parties_keeps_every_listing() -> None:
    content = document(party(feature(RONIN), feature(RONIN, "887")), party(feature(RONIN, "887"), profile="678"))
    assert read(BytesIO(content)).addresses == {
        RONIN: (
            Listing(RONIN, "ETH", "12345"),
            Listing(RONIN, "USDT", "12345"),
            Listing(RONIN, "USDT", "678"),
        )
    }


def test_the_same_listing_twice_is_one() -> None:
    content = document(party(feature(RONIN), feature(RONIN)))
    assert read(BytesIO(content)).addresses == {RONIN: (Listing(RONIN, "ETH", "12345"),)}


def test_an_evm_address_is_one_whatever_its_letter_case_and_currency() -> None:
    mixed = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96"
    content = document(party(feature(mixed)), party(feature(RONIN.upper(), "887")), party(feature(f"\n {RONIN} ")))
    listings = read(BytesIO(content)).addresses[RONIN]
    assert [listing.address for listing in listings] == [mixed, RONIN.upper(), RONIN]


@pytest.mark.parametrize(
    "address",
    [
        "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq",
        "149w62rY42aZBox8fGcmqNsXUzSStKeq8C",
        "0xABC",
        RONIN.upper() + "0",
        "098B716B8Aaf21512996dC57EB0615e2383E2f96",
    ],
)
def test_any_other_address_keeps_its_letter_case(address: str) -> None:
    assert canonical(f" {address}\n") == address


@pytest.mark.parametrize("space", [" ", "\n\t", "\u00a0", "\u200b", "\ufeff", "\u2066", "&#x2028;", "&#13;"])
def test_space_that_strayed_into_an_address_is_no_part_of_it(space: str) -> None:
    content = document(party(feature(f"{space}{RONIN[:20]}{space}{RONIN[20:]}{space}")))
    assert read(BytesIO(content)).addresses == {RONIN: (Listing(RONIN, "ETH", "12345"),)}


def test_names_and_other_features_are_not_kept() -> None:
    found = read(BytesIO(written([("ETH", RONIN)], filler=2)))
    assert list(found.addresses) == [RONIN]
    assert "ENTRY" not in repr(found)


def test_an_unforeseen_digital_currency_type_still_counts() -> None:
    types = '<FeatureType ID="1">Digital Currency Wallet</FeatureType>'
    content = document(party(feature(RONIN, "1")), types=types)
    assert read(BytesIO(content)).addresses[RONIN][0].currency == "Digital Currency Wallet"


def test_text_may_be_split_by_elements_comments_references_and_cdata() -> None:
    coded = f"&#x{ord(RONIN[20]):x};"
    address = f"{RONIN[:4]}<b/>{RONIN[4:9]}<!-- split -->{RONIN[9:20]}{coded}<![CDATA[{RONIN[21:30]}]]>{RONIN[30:]}"
    assert list(read(BytesIO(document(party(feature(address))))).addresses) == [RONIN]


def test_no_encoding_declaration_chooses_the_decoder() -> None:
    content = LISTED.replace(b'encoding="utf-8"', b'encoding="utf-7"')
    assert list(read(BytesIO(content)).addresses) == [RONIN]


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert list(read(BytesIO(b"\xef\xbb\xbf" + LISTED)).addresses) == [RONIN]


def test_progress_tells_the_bytes_read_so_far() -> None:
    told: list[int] = []
    read(Trickle(LISTED, 500), progress=told.append)
    assert told == [*range(500, len(LISTED), 500), len(LISTED)]


@settings(deadline=None)
@given(size=st.integers(1, 5000))
def test_the_pieces_a_list_arrives_in_change_nothing(size: int) -> None:
    content = SAMPLE.read_bytes()
    assert read(Trickle(content, size)) == read(BytesIO(content))


words = st.text(st.characters(min_codepoint=ord("!"), max_codepoint=ord("~")), min_size=1, max_size=60)
evm = st.text("0123456789abcdefABCDEF", min_size=40, max_size=40).map("0x{}".format)
pairs = st.tuples(words, evm | words | st.just(RONIN))


@settings(deadline=None)
@given(addresses=st.lists(pairs, min_size=1, max_size=20), filler=st.integers(0, 3))
def test_a_written_list_reads_back_as_it_was_given(addresses: list[tuple[str, str]], filler: int) -> None:
    content = written(addresses, filler)
    expected: dict[str, tuple[Listing, ...]] = {}
    for profile, (currency, address) in enumerate(addresses, 1):
        known = expected.get(canonical(address), ())
        expected[canonical(address)] = (*known, Listing(address, currency, str(profile)))
    assert read(BytesIO(content)) == SanctionsList(
        PUBLISHED, hashlib.sha256(content).hexdigest(), len(addresses) + filler, expected
    )


def test_every_party_written_has_its_sanctions_entry() -> None:
    content = written([("ETH", RONIN), ("XBT", "149w62rY42aZBox8fGcmqNsXUzSStKeq8C")], filler=3)
    for profile in range(1, 6):
        assert content.count(b'<Profile ID="%d"' % profile) == 1
        assert content.count(b'ProfileID="%d"' % profile) == 1


@pytest.mark.parametrize("pair", [("ETH", ""), ("", RONIN), ("ETH", "0x 1"), ("ETH", "0x\x00"), ("É", RONIN)])
def test_what_no_list_could_hold_is_not_written(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="no currency or address of a list"):
        written([pair])


BOMB = b'<!DOCTYPE lol [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
REACHES_OUT = b'<!DOCTYPE lol [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the list is empty"),
        (b" \n", "the list is cut short: no element found"),
        (b"uid,name\n1,x\n", "the list is not well-formed XML: syntax error"),
        (b"PK\x03\x04\x14\x00", "the list is not well-formed XML: not well-formed"),
        (LISTED + b"<more/>", "the list is not well-formed XML: junk after document element"),
        (LISTED.replace(b"</Profile>", b""), "the list is not well-formed XML: mismatched tag"),
        (document(party(feature("&lol;"))), "the list is not well-formed XML: undefined entity"),
        (b"<html><body>503</body></html>", "the root is not Sanctions in OFAC's advanced namespace"),
        (LISTED.replace(b"Sanctions", b"sdnList"), "the root is not Sanctions"),
        (document(party(feature(RONIN)), namespace=UNTIL_MAY_2024), "the list is in the namespace that OFAC left"),
        (document(party(feature(RONIN)), namespace=""), "the root is not Sanctions"),
        (LISTED.decode().encode("utf-16"), "the list is not in UTF-8"),
        (LISTED.decode().encode("utf-16-be"), "the list is not in UTF-8"),
        (LISTED.decode().encode("utf-32"), "the list is not well-formed XML"),
        (LISTED.replace(b"<Comment />", b"<Comment>\xe9</Comment>"), "the list is not well-formed XML"),
        (LISTED.replace(b"<Comment />", b"<Comment>\x00</Comment>"), "the list is not well-formed XML"),
        (document(party(feature(RONIN + "&#0;"))), "the list is not well-formed XML"),
        (b"\x00" * 100, "the list is not well-formed XML"),
        (document(party(feature(RONIN.replace("x", "\u0445")))), "a digital-currency address without text, or not in"),
        (document(party(feature("\u200b\u00a0"))), "a digital-currency address without text"),
        (document(party(feature(RONIN)), namespace=NAMESPACE.replace("ADVANCED_", "")), "the root is not Sanctions"),
        (LISTED.replace(b'Version="3"', b'Version="3" DeltaBaseVersion="2"'), "the list is only the changes"),
        (document(party(feature(RONIN)), issued=""), "no valid DateOfIssue"),
        (document(party(feature(RONIN)), issued=ISSUED.replace("18", "31")), "no valid DateOfIssue"),
        (document(party(feature(RONIN)), issued=ISSUED.replace("2026", "")), "no valid DateOfIssue"),
        (document(party(feature(RONIN)), types=""), "no digital-currency feature types"),
        (document(party(feature(RONIN, "25")), types=LOCATION), "no digital-currency feature types"),
        (document(), "the list names no digital-currency address"),
        (document(party(feature("Tehran", "25"))), "the list names no digital-currency address"),
        (document(party(feature(RONIN, "999"))), "a feature's type is not among the reference values"),
        (document(party(feature(" \n"))), "a digital-currency address without text"),
        (LISTED.replace(b' FeatureTypeID="345"', b""), "Feature without FeatureTypeID"),
        (LISTED.replace(b'<Profile ID="12345"', b"<Profile"), "Profile without ID"),
        (LISTED.replace(b' FixedRef="12345"', b""), "DistinctParty without FixedRef"),
        (LISTED.replace(b'<FeatureType ID="25"', b"<FeatureType"), "FeatureType without ID"),
        (LISTED.replace(b"\n", BOMB, 1), "the list has a DTD"),
        (LISTED.replace(b"\n", REACHES_OUT, 1), "the list has a DTD"),
        (LISTED.replace(b"\n", b'<!DOCTYPE Sanctions SYSTEM "http://127.0.0.1/x.dtd">', 1), "the list has a DTD"),
    ],
)  # fmt: skip
def test_what_is_no_such_list_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(MalformedSanctionsList) as refused:
        read(BytesIO(content))
    assert refused.value.reason.startswith(reason)
    assert refused.value.code == "malformed_sanctions_list"


def test_a_refusal_says_where() -> None:
    content = LISTED.replace(b"<DistinctParties>", b"<DistinctParties>\n\n").replace(b'"345"><Fe', b'"999"><Fe')
    with pytest.raises(MalformedSanctionsList) as refused:
        read(Trickle(content, 100))
    assert (refused.value.line, refused.value.byte) == (4, content.index(b"<Feature ID="))
    assert str(refused.value).endswith(f"(line 4, byte {refused.value.byte})")


def test_a_broken_tag_is_refused_where_it_stands() -> None:
    content = LISTED.replace(b"<Comment />", b"<Comment <", 1)
    with pytest.raises(MalformedSanctionsList) as refused:
        read(Trickle(content, 100))
    assert (refused.value.line, refused.value.byte) == (2, content.index(b"<Comment <") + 9)


@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_a_list_cut_anywhere_is_refused_as_cut_short(size: int) -> None:
    whole = LISTED.replace(b"<Comment />", "<Comment><![CDATA[É]]></Comment>".encode())
    for length in range(1, len(whole)):
        with pytest.raises(MalformedSanctionsList) as refused:
            read(Trickle(whole[:length], size))
        assert refused.value.reason.startswith("the list is cut short")
        assert refused.value.byte <= length


GROWTH = """
import sys
from pathlib import Path
from xml.etree import ElementTree
from infrastructure.sanctions.sdn_advanced import read

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])

before = peak()
with open(sys.argv[2], "rb") as stream:
    {"read": read, "tree": ElementTree.parse}[sys.argv[1]](stream)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc: ru_maxrss would start from the parent's peak")
def test_memory_does_not_grow_with_the_list(tmp_path: Path) -> None:
    path = tmp_path / "sdn_advanced.xml"
    with path.open("wb") as stream:
        write(stream, published=PUBLISHED, addresses=[("ETH", RONIN)], filler=7500)
    assert path.stat().st_size > 30_000_000

    def growth_in_kib(how: str) -> int:
        command = [sys.executable, "-c", GROWTH, how, str(path)]
        root = Path(__file__).parents[2]
        child = subprocess.run(command, cwd=root, capture_output=True, check=True)  # noqa: S603 - our own script
        return int(child.stdout)

    assert growth_in_kib("read") < 16 * 1024 < 100 * 1024 < growth_in_kib("tree")
