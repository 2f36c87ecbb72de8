"""What hostile input cannot do: a list without an end is refused after little of it, whatever it is made of."""

from collections.abc import Callable
from io import BytesIO
from itertools import count
from typing import Final

import pytest

from infrastructure.sanctions import bounded_xml, sdn_advanced
from infrastructure.sanctions.sdn_advanced import NAMESPACE, MalformedSanctionsList, read
from tests.infrastructure.test_sdn_advanced import LISTED, RONIN, feature

ROOT: Final = f'<Sanctions xmlns="{NAMESPACE}">'.encode()
PARTY: Final = LISTED[: LISTED.index(b"</Profile>")]
TEXT: Final = LISTED[: LISTED.index(RONIN.encode())]
TYPES: Final = LISTED[: LISTED.index(b"<FeatureType ")]
MUCH: Final = 1000
ENDLESS: Final[dict[str, tuple[bytes, Callable[[int], bytes], str]]] = {
    "elements in elements": (ROOT, lambda _: b"<a>", "elements within elements, more than 64 deep"),
    "elements of ever new names": (ROOT, lambda n: b"<a%d/>" % n, "more than 1,000 different names"),
    "attributes of ever new names": (ROOT, lambda n: b'<a b%d=""/>' % n, "more than 1,000 different names"),
    "namespaces": (ROOT, lambda n: b'<a xmlns="u%d"/>' % n, "more than 16 declarations of namespaces"),
    "prefixes": (ROOT, lambda n: b'<a xmlns:b%d="u"/>' % n, "more than 16 declarations of namespaces"),
    "a value": (ROOT + b'<a b="', lambda _: b"x" * MUCH, "a tag or the like is longer than 1,048,576 bytes"),
    "attributes of one element": (ROOT + b"<a", lambda n: b' b%d=""' % n, "a tag or the like is longer"),
    "a name": (ROOT + b"<", lambda _: b"x" * MUCH, "a tag or the like is longer"),
    "a comment": (ROOT + b"<!--", lambda _: b"x" * MUCH, "a tag or the like is longer"),
    "an instruction": (ROOT + b"<?a ", lambda _: b"x" * MUCH, "a tag or the like is longer"),
    "space within the root's tag": (ROOT[:-1], lambda _: b" " * MUCH, "a tag or the like is longer"),
    "an address": (TEXT, lambda _: b"0", "a text is longer than 1,024 characters"),
    "an address in pieces": (TEXT, lambda _: b"<b>0</b><!-- -->", "a text is longer than 1,024 characters"),
    "space before an address": (TEXT, lambda _: b" ", "a text is longer than 1,024 characters"),
    "addresses": (PARTY, lambda n: feature(f"0x{n:040x}").encode(), "the list names more than a list can"),
    "one address": (PARTY, lambda _: feature(RONIN).encode(), "the list names more than a list can"),
    "types": (TYPES, lambda n: b'<FeatureType ID="%d">x</FeatureType>' % n, "the list names more than a list can"),
    "space before the list": (b"", lambda _: b" " * MUCH, "the list is larger than 4,000,000 bytes"),
    "filler": (ROOT, lambda _: b"<a/>" * MUCH, "the list is larger than 4,000,000 bytes"),
}


class Endless:
    """A stream that begins with `head` and goes on with what `more` says, for good."""

    def __init__(self, head: bytes, more: Callable[[int], bytes]) -> None:
        self._numbers = count()
        self._rest = head
        self._more = more
        self.given = 0

    def read(self, size: int = -1, /) -> bytes:
        """Read `size` bytes."""
        parts = [self._rest]
        length = len(self._rest)
        while length < size:
            parts.append(self._more(next(self._numbers)))
            length += len(parts[-1])
        found = b"".join(parts)
        self._rest = found[size:]
        self.given += size
        return found[:size]


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_list_without_an_end_is_refused_after_little_of_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_xml, "LARGEST", 4_000_000)
    monkeypatch.setattr(sdn_advanced, "ROOM", 1_000_000)
    head, more, reason = ENDLESS[kind]
    stream = Endless(head, more)

    with pytest.raises(MalformedSanctionsList) as refused:
        read(stream)

    assert refused.value.reason.startswith(reason)
    assert stream.given < (2_000_000 if "larger" not in reason else 4_100_000)


def test_ten_thousand_addresses_are_no_hostility() -> None:
    addresses = [f"0x{number:040x}" for number in range(10_000)]
    whole = PARTY.replace(feature(RONIN).encode(), b"") + "".join(map(feature, addresses)).encode()

    found = read(BytesIO(whole + LISTED[LISTED.index(b"</Profile>") :]))

    assert list(found.addresses) == addresses
