"""Which chain has which node: read strictly, and never shown, since an address often holds its key."""

import json
import traceback
from typing import Final

import pytest

from infrastructure.faults import BadSettings
from infrastructure.settings import Settings, load_settings
from tests.support.http import CANARY

GOOD: Final = {
    "eip155:1": f"https://mainnet.example/v3/{CANARY}",
    "eip155:137": f"http://user:{CANARY}@localhost:8545/?key={CANARY}",
    "eip155:8453": "https://[::1]:8545",
}


def with_rpc(monkeypatch: pytest.MonkeyPatch, text: str) -> Settings:
    """The settings where the environment says so."""
    monkeypatch.setenv("GATEHOUSE_RPC", text)
    return load_settings()


def test_each_chain_has_its_node(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_rpc(monkeypatch, json.dumps(GOOD))

    assert {chain: url.get_secret_value() for chain, url in settings.rpc.items()} == GOOD


def test_the_addresses_of_nodes_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_rpc(monkeypatch, json.dumps(GOOD))

    assert CANARY not in f"{settings!r} {settings} {settings.rpc} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize("text", ["", "{}"])
def test_there_may_be_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert with_rpc(monkeypatch, text).rpc == {}
    monkeypatch.delenv("GATEHOUSE_RPC")
    assert load_settings().rpc == {}


BAD: Final = {
    "no JSON": f"eip155:1={CANARY}",
    "half of it": f'{{"eip155:1": "https://{CANARY}"',
    "a list": f'["https://{CANARY}"]',
    "text": f'"https://{CANARY}"',
    "a number": "1",
    "null": "null",
    "nested without end": "[" * 100_000,
    "no chain": json.dumps({CANARY: "https://node"}),
    "another namespace": json.dumps({"solana:1": f"https://{CANARY}"}),
    "a chain without its namespace": json.dumps({"1": f"https://{CANARY}"}),
    "a chain in hexadecimal": json.dumps({"eip155:0x1": f"https://{CANARY}"}),
    "a chain with a leading zero": json.dumps({"eip155:01": f"https://{CANARY}"}),
    "chain zero": json.dumps({"eip155:0": f"https://{CANARY}"}),
    "an account": json.dumps({"eip155:1:0x" + "ab" * 20: f"https://{CANARY}"}),
    "no address": json.dumps({"eip155:1": ""}),
    "an address that is null": json.dumps({"eip155:1": None}),
    "an address that is a list": json.dumps({"eip155:1": [f"https://{CANARY}"]}),
    "no scheme": json.dumps({"eip155:1": f"{CANARY}.example"}),
    "another scheme": json.dumps({"eip155:1": f"wss://{CANARY}"}),
    "a file": json.dumps({"eip155:1": f"file:///{CANARY}"}),
    "no host": json.dumps({"eip155:1": f"https:///{CANARY}"}),
    "a space": json.dumps({"eip155:1": f"https://{CANARY} "}),
    "a newline": json.dumps({"eip155:1": f"https://{CANARY}\n"}),
    "no port": json.dumps({"eip155:1": f"https://{CANARY}:port"}),
    "a port that is none": json.dumps({"eip155:1": f"https://{CANARY}:99999"}),
    "half an address": json.dumps({"eip155:1": f"https://[::1/{CANARY}"}),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_makes_no_sense_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(BadSettings) as raised:
        with_rpc(monkeypatch, text)

    assert str(raised.value) == "cannot make sense of the setting rpc"
    assert CANARY not in "".join(traceback.format_exception(raised.value))
