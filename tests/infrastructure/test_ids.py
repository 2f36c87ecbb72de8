"""Ids: never twice, whoever makes them."""

import os
from uuid import UUID

import pytest

from infrastructure.ids import new_id, nonce

BYTES = 16


def test_ids_are_version_7_and_follow_time() -> None:
    ids = [new_id() for _ in range(1000)]

    assert {(each.version, each.variant) for each in ids} == {(7, "specified in RFC 4122")}
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)


def test_ids_rise_while_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    monkeypatch.setattr("time.time_ns", lambda: 0)

    assert new_id() > before


def test_two_processes_of_one_origin_make_different_ids() -> None:
    new_id()  # which a fork would go on from
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(new_id().bytes for _ in range(50)))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 50 * BYTES)
    os.close(reading)
    os.close(writing)
    chance = {each.int & ((1 << 62) - 1) for each in (new_id() for _ in range(50))}

    assert not chance & {
        UUID(bytes=theirs[at : at + BYTES]).int & ((1 << 62) - 1) for at in range(0, len(theirs), BYTES)
    }


def test_a_nonce_is_what_eip_4361_asks_for() -> None:
    nonces = {nonce() for _ in range(100)}

    assert len(nonces) == 100
    assert all(len(each) >= 8 and each.isalnum() and each.isascii() for each in nonces)
