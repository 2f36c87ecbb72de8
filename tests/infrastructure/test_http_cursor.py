"""Cursors: opaque, signed, with one form, and good for one query alone."""

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from infrastructure.http.cursor import read_cursor, write_cursor
from infrastructure.http.problems import Problem

KEY = bytes(range(32))
POSITIONS = st.integers(0, 2**64 - 1)
STRICT = settings(derandomize=True, deadline=None)


def assert_refused(key: bytes, query: str, cursor: str) -> None:
    with pytest.raises(Problem) as caught:
        read_cursor(key, query, cursor)
    assert caught.value.code == "invalid_cursor"


@STRICT
@given(query=st.text(), position=POSITIONS)
@example(query="", position=0)
@example(query="", position=2**64 - 1)
def test_what_was_written_is_read(query: str, position: int) -> None:
    cursor = write_cursor(KEY, query, position)

    assert read_cursor(KEY, query, cursor) == position
    assert len(cursor) == 32
    assert cursor.isascii()


@STRICT
@given(query=st.text(), other=st.text(), position=POSITIONS)
def test_a_cursor_is_good_for_its_query_alone(query: str, other: str, position: int) -> None:
    assume(query != other)

    assert_refused(KEY, other, write_cursor(KEY, query, position))


@STRICT
@given(key=st.binary(min_size=1, max_size=40), position=POSITIONS)
def test_a_cursor_is_good_for_its_deployment_alone(key: bytes, position: int) -> None:
    assume(key.ljust(64, b"\0") != KEY.ljust(64, b"\0"))  # HMAC fills a short key up

    assert_refused(key, "q", write_cursor(KEY, "q", position))


@STRICT
@given(cursor=st.text() | st.from_regex(r"[A-Za-z0-9_-]{32}", fullmatch=True))
@example(cursor="")
@example(cursor="\ud800")
@example(cursor=write_cursor(KEY, "q", 7) + "=")
@example(cursor=write_cursor(KEY, "q", 7) + "\n")
@example(cursor="A===" + write_cursor(KEY, "q", 7))
def test_only_what_was_written_is_read(cursor: str) -> None:
    assert_refused(KEY, "q", cursor)


def test_every_bit_is_signed() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    cursor = write_cursor(KEY, "q", 12345)

    for place, character in enumerate(cursor):
        for bit in range(6):
            other = alphabet[alphabet.index(character) ^ 1 << bit]
            assert_refused(KEY, "q", cursor[:place] + other + cursor[place + 1 :])


def test_the_other_alphabet_of_base64_is_none_of_ours() -> None:
    cursors = [write_cursor(KEY, "q", position) for position in range(200)]
    with_signs = [cursor for cursor in cursors if set(cursor) & set("-_")]

    assert with_signs
    for cursor in with_signs:
        assert_refused(KEY, "q", cursor.replace("-", "+").replace("_", "/"))
