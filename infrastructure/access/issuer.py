"""The OIDC issuer that the settings name, if they name one."""

import httpx2

from infrastructure.access.issuer_keys import IssuerKeys
from infrastructure.access.persons import Persons, Trust
from infrastructure.keys.deployment import Keys
from infrastructure.settings import Settings


def chosen_issuer(settings: Settings, keys: Keys, client: httpx2.AsyncClient) -> Persons | None:
    """Whom it vouches for; asked for nothing before the first of its tokens comes. Raises `BadSettings`."""
    if settings.oidc_issuer is None:
        return None
    settings.check_oidc()
    trust = Trust(settings.oidc_issuer, settings.oidc_audience, settings.oidc_role_claim, settings.oidc_roles)
    found = IssuerKeys(trust.issuer, client, https_only=settings.mode == "production")
    return Persons(trust, found, keys.fingerprint_of)
