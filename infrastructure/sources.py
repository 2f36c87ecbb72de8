"""Which screening sources are asked, from the settings: names in an order, and what each of them needs."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import httpx2
from pydantic import SecretStr

from application.ports import ScreeningSource
from infrastructure.faults import BadSettings
from infrastructure.reading import Pool
from infrastructure.screening.chainalysis_risk import CHAINALYSIS_RISK, ChainalysisRisk
from infrastructure.screening.chainalysis_sanctions import CHAINALYSIS_SANCTIONS, ChainalysisSanctions
from infrastructure.screening.ofac import OFAC, OfacList
from infrastructure.screening.trm import TRM, TrmSanctions
from infrastructure.screening.watchman import WATCHMAN, Watchman
from infrastructure.settings import Settings

_T = TypeVar("_T", str, SecretStr)
Make = Callable[[Settings, Pool, httpx2.AsyncClient], ScreeningSource]


def chosen_sources(
    settings: Settings, pool: Pool, client: httpx2.AsyncClient
) -> tuple[tuple[ScreeningSource, ...], tuple[ScreeningSource, ...]]:
    """The sources in order, and those that confirm. Raises `BadSettings`, which repeats no value.

    A source is in one of the two: asked twice in one attempt, it would seem to confirm itself.
    """
    sources, confirming = _names(settings.screening), _names(settings.confirming)
    if not sources:
        raise BadSettings("GATEHOUSE_SCREENING names no source: nobody would pass screening")
    _check("GATEHOUSE_SCREENING", sources)
    _check("GATEHOUSE_CONFIRMING", confirming)
    if set(sources) & set(confirming):
        raise BadSettings("GATEHOUSE_CONFIRMING names a source that GATEHOUSE_SCREENING names already")
    made = {name: _SOURCES[name](settings, pool, client) for name in (*sources, *confirming)}
    return tuple(made[name] for name in sources), tuple(made[name] for name in confirming)


def _names(setting: str) -> list[str]:
    return [name.strip() for name in setting.split(",") if name.strip()]


def _check(variable: str, names: list[str]) -> None:
    if not set(names) <= _SOURCES.keys():
        raise BadSettings(f"{variable} names an unknown source: known are {', '.join(_SOURCES)}")
    if len(set(names)) < len(names):
        raise BadSettings(f"{variable} names a source twice")


def _needed(value: _T | None, source: str, variable: str) -> _T:
    if value is None:
        raise BadSettings(f"the screening source {source} needs {variable}")
    return value


def _chainalysis_sanctions(settings: Settings, _: Pool, client: httpx2.AsyncClient) -> ScreeningSource:
    key = _needed(settings.chainalysis_sanctions_key, CHAINALYSIS_SANCTIONS, "GATEHOUSE_CHAINALYSIS_SANCTIONS_KEY")
    return ChainalysisSanctions(settings.chainalysis_sanctions_url, key, client=client)


def _chainalysis_risk(settings: Settings, _: Pool, client: httpx2.AsyncClient) -> ScreeningSource:
    key = _needed(settings.chainalysis_key, CHAINALYSIS_RISK, "GATEHOUSE_CHAINALYSIS_KEY")
    return ChainalysisRisk(settings.chainalysis_url, key, client=client)


def _trm(settings: Settings, _: Pool, client: httpx2.AsyncClient) -> ScreeningSource:
    return TrmSanctions(settings.trm_url, settings.trm_key, client=client)


def _watchman(settings: Settings, _: Pool, client: httpx2.AsyncClient) -> ScreeningSource:
    return Watchman(_needed(settings.watchman_url, WATCHMAN, "GATEHOUSE_WATCHMAN_URL"), client=client)


_SOURCES: Final[Mapping[str, Make]] = {
    OFAC: lambda _settings, pool, _client: OfacList(pool),
    CHAINALYSIS_SANCTIONS: _chainalysis_sanctions,
    CHAINALYSIS_RISK: _chainalysis_risk,
    TRM: _trm,
    WATCHMAN: _watchman,
}
