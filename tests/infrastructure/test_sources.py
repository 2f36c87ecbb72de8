"""Which sources are asked is a setting; one that makes no sense keeps the service from starting."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, cast

import httpx2
import pytest

from infrastructure.bootstrap import open_services
from infrastructure.faults import BadSettings
from infrastructure.keys.deployment import load_keys
from infrastructure.reading import Pool
from infrastructure.screening.readers import READERS
from infrastructure.settings import load_settings
from infrastructure.sources import chosen_sources
from tests.infrastructure.test_serve import refusal
from tests.infrastructure.test_serve_refusals import SERVE, data, url

pytestmark = pytest.mark.anyio

SECRET: Final = "hush-7f"
ALL: Final = {
    "GATEHOUSE_CHAINALYSIS_SANCTIONS_KEY": SECRET,
    "GATEHOUSE_CHAINALYSIS_KEY": SECRET,
    "GATEHOUSE_TRM_KEY": SECRET,
    "GATEHOUSE_WATCHMAN_URL": "http://watchman:8084",
}
EVERY: Final = "ofac,chainalysis_sanctions,trm,watchman,chainalysis_risk"

__all__ = ["data"]


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield client


def chosen(
    monkeypatch: pytest.MonkeyPatch, client: httpx2.AsyncClient, **environment: str
) -> tuple[list[str], list[str]]:
    """The names of the sources and of those that confirm."""
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    sources, confirming = chosen_sources(load_settings(), cast("Pool", None), client)
    return [source.name for source in sources], [source.name for source in confirming]


async def test_the_sanctions_list_alone_is_asked_where_nothing_is_set(
    monkeypatch: pytest.MonkeyPatch, client: httpx2.AsyncClient
) -> None:
    assert chosen(monkeypatch, client) == (["ofac"], [])


async def test_sources_are_asked_in_the_order_in_which_they_are_named(
    monkeypatch: pytest.MonkeyPatch, client: httpx2.AsyncClient
) -> None:
    names = chosen(monkeypatch, client, **ALL, GATEHOUSE_SCREENING=" trm , ofac,", GATEHOUSE_CONFIRMING="watchman")
    assert names == (["trm", "ofac"], ["watchman"])


async def test_every_source_can_be_chosen_and_read_again(
    monkeypatch: pytest.MonkeyPatch, client: httpx2.AsyncClient
) -> None:
    sources, _ = chosen(monkeypatch, client, **ALL, GATEHOUSE_SCREENING=EVERY)
    assert sources == EVERY.split(",")
    assert set(sources) == READERS.keys() - {"sandbox"}


async def test_the_sandbox_has_its_own_source_at_the_end(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEHOUSE_SCREENING", "trm,ofac")
    settings = load_settings().model_copy(update={"data": tmp_path})
    async with open_services(settings, database, load_keys(settings.keys_folder, generate=True)) as services:
        assert [source.name for source in services.sources] == ["trm", "ofac", "sandbox"]
        assert services.confirming == ()


UNKNOWN: Final = "names an unknown source: known are ofac, chainalysis_sanctions, chainalysis_risk, trm, watchman"
NONSENSE: Final[dict[str, tuple[dict[str, str], str]]] = {
    "an unknown source": (
        {"GATEHOUSE_SCREENING": f"ofac,{SECRET}"},
        f"GATEHOUSE_SCREENING {UNKNOWN}",
    ),
    "the sandbox's own": (
        {"GATEHOUSE_SCREENING": "sandbox"},
        f"GATEHOUSE_SCREENING {UNKNOWN}",
    ),
    "an unknown one that confirms": (
        {"GATEHOUSE_CONFIRMING": "OFAC"},
        f"GATEHOUSE_CONFIRMING {UNKNOWN}",
    ),
    "a source twice": ({"GATEHOUSE_SCREENING": "ofac,trm,ofac"}, "GATEHOUSE_SCREENING names a source twice"),
    "one that confirms twice": ({"GATEHOUSE_CONFIRMING": "trm,trm"}, "GATEHOUSE_CONFIRMING names a source twice"),
    "one that confirms itself": (
        {"GATEHOUSE_CONFIRMING": "ofac"},
        "GATEHOUSE_CONFIRMING names a source that GATEHOUSE_SCREENING names already",
    ),
    "no source": ({"GATEHOUSE_SCREENING": ","}, "GATEHOUSE_SCREENING names no source: nobody would pass screening"),
    "no key for the free API": (
        {"GATEHOUSE_SCREENING": "chainalysis_sanctions", "GATEHOUSE_CHAINALYSIS_KEY": SECRET},
        "the screening source chainalysis_sanctions needs GATEHOUSE_CHAINALYSIS_SANCTIONS_KEY",
    ),
    "an empty key": (
        {"GATEHOUSE_CONFIRMING": "chainalysis_risk", "GATEHOUSE_CHAINALYSIS_KEY": ""},
        "the screening source chainalysis_risk needs GATEHOUSE_CHAINALYSIS_KEY",
    ),
    "no place for watchman": (
        {"GATEHOUSE_SCREENING": "watchman"},
        "the screening source watchman needs GATEHOUSE_WATCHMAN_URL",
    ),
    "a key with a line's end": (
        {"GATEHOUSE_TRM_KEY": f"{SECRET}\nx: y"},
        "cannot make sense of the setting trm_key",
    ),
    "a place with a password": (
        {"GATEHOUSE_TRM_URL": f"https://me:{SECRET}@trm"},
        "cannot make sense of the setting trm_url",
    ),
    "a place that is none": ({"GATEHOUSE_WATCHMAN_URL": SECRET}, "cannot make sense of the setting watchman_url"),
}


@pytest.mark.parametrize("case", NONSENSE)
async def test_what_makes_no_sense_is_said_in_one_line_that_repeats_nothing(
    case: str, monkeypatch: pytest.MonkeyPatch, client: httpx2.AsyncClient
) -> None:
    environment, line = NONSENSE[case]
    with pytest.raises(BadSettings) as refused:
        chosen(monkeypatch, client, **environment)
    assert str(refused.value) == line
    assert SECRET not in str(refused.value)


def test_the_service_does_not_start_with_it(database: str, data: Path) -> None:
    line = refusal(data, *SERVE, DATABASE_URL=url(database), GATEHOUSE_SCREENING="watchman")
    assert line == "gatehouse: the screening source watchman needs GATEHOUSE_WATCHMAN_URL"


def test_settings_show_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in ALL.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.trm_key is not None
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
