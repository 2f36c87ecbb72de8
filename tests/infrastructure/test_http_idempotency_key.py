"""The header itself: which keys there are, which are the same, and which are none."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from infrastructure.http.idempotency_key import LONGEST, KeyHashes, read_key
from infrastructure.http.problems import Problem
from infrastructure.keys.deployment import Keys
from tests.support.http import assert_problem, fresh_wallet, head_of, send_raw
from tests.support.world import World

KEYS: Final = Keys(*(bytes([number]) * 32 for number in range(5)))
HEAD: Final = (
    b"POST /v1/customers HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Authorization: %b\r\nContent-Length: %d\r\n%b\r\n"
)


def request(*keys: bytes, path: bytes = b"/v1/customers", query: bytes = b"", method: str = "POST") -> Request:
    headers = [(b"host", b"x"), *((b"idempotency-key", key) for key in keys)]
    return Request({"type": "http", "method": method, "raw_path": path, "query_string": query, "headers": headers})


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        (b"order-1", "order-1"),
        (b'"order-1"', "order-1"),
        (rb'"a \"quoted\" \\ word"', r'a "quoted" \ word'),
        (b"two words, and more; a=b", "two words, and more; a=b"),
        ("Schlüssel 🔑".encode(), "Schlüssel 🔑"),
        ("Schlüssel".encode("latin-1"), "Schlüssel"),
        (b"x" * LONGEST, "x" * LONGEST),
        (b'"%b"' % (b"x" * LONGEST), "x" * LONGEST),
        ("é".encode() * LONGEST, "é" * LONGEST),
        (b'a"b', 'a"b'),
    ],
)
def test_a_key_is_any_text_in_quotes_or_bare(sent: bytes, key: str) -> None:
    assert read_key(request(sent)) == key


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ([b""], "malformed_header"),
        ([b'""'], "malformed_header"),
        ([b"x" * (LONGEST + 1)], "malformed_header"),
        (["é".encode() * (LONGEST + 1)], "malformed_header"),
        ([b'"no end'], "malformed_header"),
        ([b'"'], "malformed_header"),
        ([b'"a" "b"'], "malformed_header"),
        ([b'"a";b=c'], "malformed_header"),
        ([rb'"\n"'], "malformed_header"),
        ([b'"\xc3\xa9"'], "malformed_header"),
        ([b"a\tb"], "malformed_header"),
        ([b"a\x00b"], "malformed_header"),
        ([b"a\x7fb"], "malformed_header"),
        ([b"a\xc2\x85b"], "malformed_header"),
        ([b"a", b"a"], "repeated_header"),
        ([b"a", b"b"], "repeated_header"),
        ([b"", b""], "repeated_header"),
    ],
)
def test_anything_else_is_none(sent: list[bytes], code: str) -> None:
    with pytest.raises(Problem) as refused:
        read_key(request(*sent))

    assert refused.value.code == "invalid_request"
    assert refused.value.extra == {"errors": [{"pointer": "/Idempotency-Key", "code": code}]}


def test_no_header_is_no_key() -> None:
    assert read_key(request()) is None


@given(st.binary(max_size=600))
def test_whatever_is_sent_is_a_key_or_a_problem(sent: bytes) -> None:
    try:
        key = read_key(request(sent))
    except Problem:
        return
    assert key is not None
    assert 0 < len(key) <= LONGEST
    assert key.isascii() or sent.strip(b'"') != key.encode("ascii", "ignore")


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=LONGEST))
def test_quoted_as_a_structured_field_has_it_a_key_is_the_same(key: str) -> None:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    assert read_key(request(f'"{escaped}"'.encode())) == key
    if not key.startswith('"'):
        assert read_key(request(key.encode())) == key


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_two_callers_keys_are_two_and_tell_nothing_of_themselves(one: tuple[str, str], other: tuple[str, str]) -> None:
    hashes = KeyHashes(KEYS)
    assert (hashes.key_of(*one) == hashes.key_of(*other)) == (one == other)
    assert KeyHashes(Keys(*(b"x" * 32 for _ in range(5)))).key_of(*one) != hashes.key_of(*one)


def test_a_payload_is_method_path_query_and_body_and_where_each_ends() -> None:
    hashes = KeyHashes(KEYS)
    asked = [
        (request(), b"body"),
        (request(method="PUT"), b"body"),
        (request(path=b"/v1/customers/"), b"body"),
        (request(query=b"a=1"), b"body"),
        (request(), b"body "),
        (request(), b""),
    ]
    different = {hashes.payload_of(*each) for each in asked}

    assert len(different) == len(asked)
    for each, body in asked:
        in_pieces = hashes.payload(each)
        in_pieces.update(body[:2])
        in_pieces.update(body[2:])
        assert in_pieces.digest() == hashes.payload_of(each, body)


def test_what_is_sealed_opens_for_the_same_key_alone() -> None:
    hashes = KeyHashes(KEYS)
    sealed = hashes.seal("partner:1", "a key").seal(b"a secret", b"entry")

    assert b"a secret" not in sealed
    assert hashes.seal("partner:1", "a key").open(sealed, b"entry") == b"a secret"
    for caller, key, entry in (
        ("partner:2", "a key", b"entry"),
        ("partner:1", "b", b"entry"),
        ("partner:1", "a key", b""),
    ):
        with pytest.raises(Exception, match=r"^$"):
            hashes.seal(caller, key).open(sealed, entry)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "lines",
    [
        b"Idempotency-Key:\r\n",
        b"Idempotency-Key:  \r\n",
        b"Idempotency-Key: " + b"canary7f" * 32 + b"\r\n",
        b"Idempotency-Key: canary7f\r\nidempotency-key: canary7f\r\n",
        b'Idempotency-Key: "canary7f\r\n',
        b"Idempotency-Key: canary7f\x01\r\n",
        b"Idempotency-Key: canary7f\tcanary7f\r\n",
    ],
)
async def test_over_the_wire_a_hostile_key_is_a_problem_that_does_not_repeat_it(world: World, lines: bytes) -> None:
    body = b'{"chainId": "%b", "externalId": "user-1"}' % fresh_wallet().account.encode()
    bearer = world.partner.headers["Authorization"].encode()
    head = await head_of(world)

    answer = await send_raw(world, HEAD % (bearer, len(body), lines) + body)

    assert answer.status in {400, 422}
    assert b"canary7f" not in answer.body
    assert await head_of(world) == head


@pytest.mark.anyio
async def test_a_key_with_spaces_around_it_is_the_key(world: World) -> None:
    body = {"chainId": fresh_wallet().account, "externalId": "user-1"}
    answers = [
        await world.partner.post("/v1/customers", json=body, headers={"Idempotency-Key": key})
        for key in ("spaced", '"spaced"')
    ]
    assert answers[0].status_code == 201
    assert answers[0].content == answers[1].content
    other = await world.partner.post(
        "/v1/customers", json={**body, "externalId": "2"}, headers={"Idempotency-Key": "spaced"}
    )
    assert_problem(other, 422, "idempotency_key_reused")
