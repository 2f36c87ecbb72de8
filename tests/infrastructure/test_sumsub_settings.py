"""What Sumsub needs to be told of, and how a deployment says so: by its settings' names, never by their values."""

from pathlib import Path
from typing import Final

import pytest

from infrastructure.faults import BadSettings
from infrastructure.settings import Settings, load_settings
from tests.infrastructure.test_serve import refusal

SECRETS: Final = {
    "GATEHOUSE_SUMSUB_TOKEN": "sbx:canary7f",
    "GATEHOUSE_SUMSUB_SECRET": "canary7f-secret",
    "GATEHOUSE_SUMSUB_CALLBACK_SECRET": "canary7f-callbacks",
    "GATEHOUSE_SUMSUB_LEVEL": "canary7f-level",
}


@pytest.fixture(autouse=True)
def _set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SECRETS | {"GATEHOUSE_KYC": "sumsub"}).items():
        monkeypatch.setenv(name, value)


def refused() -> str:
    with pytest.raises(BadSettings) as fault:
        load_settings()
    assert "canary7f" not in str(fault.value)
    return str(fault.value)


def test_everything_that_is_needed_is_enough() -> None:
    settings = load_settings()

    assert settings.kyc == "sumsub"
    assert settings.sumsub_url == "https://api.sumsub.com"
    assert "canary7f" not in repr(settings).replace("canary7f-level", "")


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)

    assert name.removeprefix("GATEHOUSE_") in refused().upper()


def test_all_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name)

    assert refused() == f"GATEHOUSE_KYC=sumsub needs {', '.join(SECRETS)}"


def test_where_sumsub_is_not_chosen_nothing_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_KYC", "")
    for name in SECRETS:
        monkeypatch.delenv(name)

    assert load_settings().kyc is None


def test_a_sandbox_token_is_none_for_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_MODE", "production")

    assert refused() == "GATEHOUSE_SUMSUB_TOKEN is a sandbox token, and the service runs in production mode"


def test_a_production_token_is_none_for_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_SUMSUB_TOKEN", "prd:canary7f")
    assert refused() == "GATEHOUSE_SUMSUB_TOKEN is no sandbox token, and the service runs in sandbox mode"

    monkeypatch.setenv("GATEHOUSE_MODE", "production")
    assert isinstance(load_settings(), Settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GATEHOUSE_KYC", "canary7f"),
        ("GATEHOUSE_SUMSUB_TOKEN", "sbx:canary7f\n"),
        ("GATEHOUSE_SUMSUB_TOKEN", "sbx:canary7f-ö"),
        ("GATEHOUSE_SUMSUB_URL", "api.canary7f.com"),
        ("GATEHOUSE_SUMSUB_URL", "https://api.canary7f.com/path"),
        ("GATEHOUSE_SUMSUB_URL", "https://user:canary7f@api.sumsub.com"),
    ],
)
def test_what_makes_no_sense_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    assert refused() == f"cannot make sense of the setting {name.removeprefix('GATEHOUSE_').lower()}"


def test_serve_says_so_in_one_line(tmp_path: Path) -> None:
    line = refusal(tmp_path / "data", "serve", "--port", "0", GATEHOUSE_KYC="sumsub", GATEHOUSE_SUMSUB_SECRET="hush")

    assert line == (
        "gatehouse: GATEHOUSE_KYC=sumsub needs"
        " GATEHOUSE_SUMSUB_TOKEN, GATEHOUSE_SUMSUB_CALLBACK_SECRET, GATEHOUSE_SUMSUB_LEVEL"
    )
