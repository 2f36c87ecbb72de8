"""What the vendors' answers come to, and which of them are none."""

import json
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import httpx2
import pytest

from application.ports import Unreadable
from domain.findings import Finding, Severity
from infrastructure.screening.readers import READERS
from infrastructure.screening.trm import TrmSanctions
from tests.support.raw_server import as_json, raw_server
from tests.support.screening_vendors import CLEAN, LISTED, LISTS, VENDORS, assessment, entity, listinfo, watchman

WALLET: Final = f"eip155:1:{LISTED}"
MATCH: Final = Finding(category="sanctions", severity=Severity.SEVERE, listed=True)
LISTING: Final = {"category": "sanctions", "name": "SANCTIONS: OFAC SDN", "description": "", "url": ""}


def read(source: str, said: Any) -> tuple[Finding, ...]:  # noqa: ANN401 -- whatever JSON has
    return READERS[source](WALLET, json.dumps(said).encode())


def kept(search: Any, lists: Any = None, wallet: str = WALLET) -> dict[str, str]:  # noqa: ANN401 -- the same
    """What is kept of watchman's answers."""
    lists = listinfo(LISTS) if lists is None else lists
    return {"wallet": wallet, "listinfo": json.dumps(lists), "search": json.dumps(search)}


FINDINGS: Final = {
    "chainalysis sanctions: none": ("chainalysis_sanctions", {"identifications": []}, ()),
    "chainalysis sanctions: two": ("chainalysis_sanctions", {"identifications": [LISTING, LISTING]}, (MATCH, MATCH)),
    "chainalysis sanctions: more members": (
        "chainalysis_sanctions",
        {"identifications": [LISTING | {"since": 2021}], "version": 3},
        (MATCH,),
    ),
    **{
        f"chainalysis risk: {risk}": (
            "chainalysis_risk",
            assessment(LISTED, risk),
            (Finding(category="address_risk", severity=severity),),
        )
        for risk, severity in {
            "Low": Severity.LOW,
            "Medium": Severity.MEDIUM,
            "High": Severity.HIGH,
            "Severe": Severity.SEVERE,
        }.items()
    },
    "trm: clean": ("trm", [{"address": LISTED, "isSanctioned": False}], ()),
    "trm: sanctioned": ("trm", [{"address": LISTED.upper().replace("X", "x"), "isSanctioned": True}], (MATCH,)),
    "watchman: nobody": ("watchman", kept({"entities": None}), ()),
    "watchman: somebody like it": (
        "watchman",
        kept({"entities": [entity("1", [("ETH", CLEAN)], match=1.0), entity("2", None, match=1.0)]}),
        (),
    ),
    "watchman: two who have it": (
        "watchman",
        kept({"entities": [entity("1", [("XBT", "1a"), ("ARB", LISTED.upper())]), entity("2", [("", LISTED)])]}),
        (
            MATCH.model_copy(update={"reference": "us_ofac/1"}),
            MATCH.model_copy(update={"reference": "us_ofac/2"}),
        ),
    ),
}


@pytest.mark.parametrize("case", FINDINGS)
def test_an_answer_comes_to_findings_in_our_words(case: str) -> None:
    source, said, findings = FINDINGS[case]

    assert read(source, said) == findings


UNREADABLE: Final = {
    "chainalysis sanctions: no member": ("chainalysis_sanctions", {"identification": []}),
    "chainalysis sanctions: null": ("chainalysis_sanctions", {"identifications": None}),
    "chainalysis sanctions: a map": ("chainalysis_sanctions", {"identifications": {"0": LISTING}}),
    "chainalysis sanctions: strings": ("chainalysis_sanctions", {"identifications": ["sanctions"]}),
    "chainalysis sanctions: a number for a word": (
        "chainalysis_sanctions",
        {"identifications": [LISTING | {"category": 1}]},
    ),
    "chainalysis risk: another address": ("chainalysis_risk", assessment(CLEAN, "Low")),
    "chainalysis risk: no address": ("chainalysis_risk", {"risk": "Low"}),
    "chainalysis risk: not assessed": ("chainalysis_risk", assessment(LISTED, "Low") | {"risk": None}),
    "chainalysis risk: an unknown level": ("chainalysis_risk", assessment(LISTED, "Critical")),
    "chainalysis risk: in lower case": ("chainalysis_risk", assessment(LISTED, "low")),
    "chainalysis risk: a list": ("chainalysis_risk", [assessment(LISTED, "Low")]),
    "trm: another address": ("trm", [{"address": CLEAN, "isSanctioned": False}]),
    "trm: nothing": ("trm", []),
    "trm: two": ("trm", [{"address": LISTED, "isSanctioned": False}] * 2),
    "trm: no list": ("trm", {"address": LISTED, "isSanctioned": False}),
    "trm: a word": ("trm", [{"address": LISTED, "isSanctioned": "false"}]),
    "trm: a number": ("trm", [{"address": LISTED, "isSanctioned": 0}]),
    "trm: null": ("trm", [{"address": LISTED, "isSanctioned": None}]),
    "trm: no member": ("trm", [{"address": LISTED}]),
    "watchman: another wallet": ("watchman", kept({"entities": []}, wallet=f"eip155:1:{CLEAN}")),
    "watchman: an error": ("watchman", kept({"error": "no"})),
    "watchman: a list": ("watchman", kept([])),
    "watchman: no source": ("watchman", kept({"entities": [{"cryptoAddresses": []}]})),
    "watchman: addresses as words": (
        "watchman",
        kept({"entities": [entity("1", None) | {"cryptoAddresses": [f"ETH:{LISTED}"]}]}),
    ),
    "watchman: before a list is loaded": ("watchman", kept({"entities": None}, listinfo({}))),
    "watchman: before any list is known": (
        "watchman",
        kept({"entities": None}, {"lists": None, "listHashes": None, "version": "v0.51.0"}),
    ),
    "watchman: an empty list": (
        "watchman",
        kept({"entities": None}, listinfo(LISTS) | {"lists": {"us_ofac": 0, "us_csl": 442}}),
    ),
    "watchman: a list without its hash's name": (
        "watchman",
        kept({"entities": None}, listinfo(LISTS) | {"lists": {"us_csl": 442}}),
    ),
    "watchman: a hash that is none": ("watchman", kept({"entities": None}, listinfo({"us_ofac": "one two"}))),
    "watchman: hashes without end": (
        "watchman",
        kept({"entities": None}, listinfo({f"list{number}": "ab" for number in range(65)})),
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_answer_of_another_shape_or_about_another_wallet_is_none(case: str) -> None:
    with pytest.raises(Unreadable):
        read(*UNREADABLE[case])


@pytest.mark.anyio
async def test_watchman_s_report_names_every_list_that_was_searched() -> None:
    async with raw_server(watchman) as server, httpx2.AsyncClient(trust_env=False) as client:
        source = VENDORS["watchman"].adapter(server.url, client)
        first = await source.ask(WALLET, customer=UUID(int=1), key="")
        server.respond = lambda request: (
            as_json(listinfo(LISTS | {"us_csl": "beef" * 16})) if "info" in request.target else watchman(request)
        )
        later = await source.ask(WALLET, customer=UUID(int=1), key="")

    version = f"us_csl:{LISTS['us_csl']} us_ofac:{LISTS['us_ofac']}"
    assert first.report.list_version == version
    assert first.report.list_hash == sha256(version.encode()).hexdigest()
    assert later.report.list_hash != first.report.list_hash
    assert json.loads(json.loads(first.payload)["listinfo"])["listHashes"] == LISTS
    asked = server.requests[1].query
    assert {"cryptoAddress"} == {name for name, _ in asked}
    assert {f"{currency}:{LISTED}" for currency in ("", "ETH", "USDT", "USDC")} <= {value for _, value in asked}


@pytest.mark.anyio
async def test_trm_may_be_asked_without_a_key() -> None:
    async with (
        raw_server(lambda _: as_json([{"address": LISTED, "isSanctioned": True}])) as server,
        httpx2.AsyncClient(trust_env=False) as client,
    ):
        answer = await TrmSanctions(server.url, None, client=client).ask(WALLET, customer=UUID(int=1), key="")

    assert answer.report.listed
    assert "authorization" not in server.requests[0].headers


SAID_TWICE: Final = {
    "chainalysis_sanctions": f'{{"identifications": [{json.dumps(LISTING)}], "identifications": []}}',
    "chainalysis_risk": json.dumps(assessment(LISTED, "Severe"))[:-1] + ', "risk": "Low"}',
    "trm": f'[{{"address": "{LISTED}", "isSanctioned": true, "isSanctioned": false}}]',
    "watchman": json.dumps(kept({"entities": []}) | {"search": '{"entities": [{"sourceList": "a"}], "entities": []}'}),
}


@pytest.mark.parametrize("source", SAID_TWICE)
def test_an_answer_that_contradicts_itself_says_nothing(source: str) -> None:
    with pytest.raises(Unreadable):
        READERS[source](WALLET, SAID_TWICE[source].encode())


def test_one_list_that_is_empty_makes_a_search_worth_nothing() -> None:
    lists = listinfo({"us_csl": "a572" * 16})
    lists["lists"]["us_ofac"] = 0

    with pytest.raises(Unreadable):
        read("watchman", kept({"entities": []}, lists))
