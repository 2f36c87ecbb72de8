"""API keys and logins, as they travel. A secret is in two answers only, and in one request."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from infrastructure.api_keys import Role
from infrastructure.http.models import PRINTABLE, Body, Resource

_SECRET = "gh_partner_n6QzC1oXv0yJ4bq8eTtVhWm2kRrSsUu3xYyZz5aAbBc"  # noqa: S105 -- an example
_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJnYXRlaG91c2UifQ.kBv1DnZbqL3cYw"  # noqa: S105 -- the same


class Credentials(Body):
    """`POST /v1/auth/token`: a key's name and its secret."""

    api_key: UUID
    api_secret: Annotated[str, Field(max_length=255, examples=[_SECRET])]


class AccessToken(Resource):
    """What to send as `Authorization: Bearer <token>`, until it expires."""

    token: Annotated[str, Field(examples=[_TOKEN])]
    expires_at: datetime
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 -- RFC 6750's word


class KeyOrder(Body):
    """`POST /v1/keys`: a key for whom. A partner's key without a partner is the first of a new one."""

    role: Role
    name: Annotated[str, Field(pattern=PRINTABLE, examples=["Example Cards, production"])]
    partner: UUID | None = None


class ListedApiKey(Resource):
    """A key that may call."""

    api_key: UUID
    role: Role
    name: Annotated[str, Field(examples=["Example Cards, production"])]
    partner: UUID | None = None


class ApiKeyWithSecret(ListedApiKey):
    """The same with its secret, which is shown this once."""

    api_secret: Annotated[str, Field(examples=[_SECRET])]


class ApiKeys(Resource):
    """Every key that may call."""

    keys: list[ListedApiKey]
