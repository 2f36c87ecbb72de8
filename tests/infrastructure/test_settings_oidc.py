"""Which issuer is trusted for what: nothing is guessed, and nothing is trusted by half."""

from typing import Final

import pytest

from infrastructure.faults import BadSettings
from infrastructure.settings import Settings, load_settings

GOOD: Final = {
    "ISSUER": "https://issuer.example/realms/one",
    "AUDIENCE": "gatehouse",
    "ROLES": '{"kyc": "officer", "it": "admin"}',
}


def with_oidc(monkeypatch: pytest.MonkeyPatch, **given: str) -> Settings:
    """The settings where the environment says so."""
    for name, value in given.items():
        monkeypatch.setenv(f"GATEHOUSE_OIDC_{name}", value)
    return load_settings()


def test_an_issuer_is_trusted_as_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_oidc(monkeypatch, **GOOD, ROLE_CLAIM="realm_access.roles")

    assert settings.oidc_issuer == GOOD["ISSUER"]
    assert settings.oidc_roles == {"kyc": "officer", "it": "admin"}
    assert settings.oidc_role_claim == "realm_access.roles"


def test_without_an_issuer_nobody_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_oidc(monkeypatch, ISSUER="").oidc_issuer is None


@pytest.mark.parametrize("missing", ["AUDIENCE", "ROLES"])
def test_an_issuer_is_not_trusted_by_half(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    with pytest.raises(BadSettings, match="GATEHOUSE_OIDC_ISSUER needs"):
        with_oidc(monkeypatch, **GOOD | {missing: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ISSUER", "issuer.example"),
        ("ISSUER", "https://user:secret@issuer.example"),
        ("ISSUER", "https://issuer.example/?tenant=1"),
        ("ROLES", '{"partners": "partner"}'),
        ("ROLES", "kyc=officer"),
        ("ROLES", '["officer"]'),
    ],
)
def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=f"^cannot make sense of the setting oidc_{name.lower()}$"):
        with_oidc(monkeypatch, **GOOD | {name: value})


def test_in_production_an_issuer_is_asked_over_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_MODE", "production")

    assert with_oidc(monkeypatch, **GOOD).oidc_issuer
    with pytest.raises(BadSettings, match="https in production"):
        with_oidc(monkeypatch, **GOOD | {"ISSUER": "http://issuer.example"})
