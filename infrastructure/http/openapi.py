"""The OpenAPI 3.1 document, made of the table of routes: what a route does not say of itself, it says for all.

Examples of problems, headers and schemas stand once, among the components.
"""

from collections.abc import Iterable
from typing import Any, Final

from infrastructure.http.headers import HEADERS
from infrastructure.http.models import ProblemDetails
from infrastructure.http.openapi_operations import operation_of, problems_of
from infrastructure.http.openapi_webhooks import SENT, webhooks
from infrastructure.http.problems import PROBLEMS, TYPES
from infrastructure.http.routing import Route
from infrastructure.http.wire_schemas import schemas_of
from infrastructure.version import VERSION

ABOUT: Final = """\
Onboards customers of crypto-card platforms: wallet, screening, identity, monitoring.

JSON is camelCase, times are RFC 3339 in UTC, and unknown fields and parameters are refused. Every error is
`application/problem+json` (RFC 9457) with a stable `code`, and never repeats what was sent. Wherever there is GET there
is HEAD, and a method that a resource does not have is answered with 405 and `Allow`. New fields, codes and operations
may be added to this version; what is here does not change.

Requests may be signed (RFC 9421), and must be once a public key is registered for their API key. `Signature-Input` and
`Signature` hold one signature, `keyid` being the API key's id and `created` at most five minutes ago. It covers
`@method`, `@target-uri` (or `@authority`, `@path` and `@query`), `authorization` where that is sent, and
`content-digest` where there is a body: `Content-Digest` (RFC 9530) has its `sha-256` or `sha-512`. Cover
`idempotency-key`, too, where you send one. The URL is the one that the service is known by, whatever stands between,
and ECDSA's signature is `r` and `s`, 48 bytes each (RFC 9421, 3.3.5). Each signature of a write is taken once, and so
is one of a read that has a `nonce`: with a `nonce`, two requests that are alike may be sent within one second.
"""
TAGS: Final = {
    "login": "A key and its secret for a token.",
    "customers": "What partners do: register a wallet, prove its ownership, follow the customer, suspend and resume.",
    "events": "What happened to the caller's customers, in order and without a gap, for ever.",
    "webhooks": "The same, sent to the caller: signed, in order per customer, and again until it is taken.",
    "simulator": "What screening, verification and monitoring come to, rehearsed. Not in production.",
    "time travel": "The same questions about any moment that has passed.",
    "officers and auditors": "A customer's story and evidence, and what waits for an officer. Looks are on record.",
    "keys": "API keys: issued, rotated and revoked, which ends their tokens at once.",
    "administration": "What admins do; none of it shows a customer.",
    "policies": "Policies tried on what was decided before.",
    "transparency log": "Proofs that the log holds what it held, which others' tools check.",
    "audit": "The whole log searched, and the read models compared with it.",
    "exports": "Bundles for auditors, with the verifier that needs nothing else.",
    "schemas": "The format of events.",
}
"""What each group of operations is about, in the order in which they are shown."""
_BEARER: Final = {"type": "http", "scheme": "bearer", "description": "A token, or an API key's secret."}
_BESIDE: Final[dict[str, dict[str, Any]]] = {
    "customer_exists": {"id": "019f3c1e-7a40-7c11-9a55-3d0d5a8b2c10"},
    "invalid_request": {"errors": [{"pointer": "/externalId", "code": "string_pattern_mismatch"}]},
}
"""By code, what stands beside the members that every problem has."""


def document_of(routes: Iterable[Route], prefix: str) -> dict[str, Any]:
    """The document of routes below a path."""
    routes = list(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(prefix + route.path, {})[route.method.lower()] = operation_of(route)
    codes = {code for route in routes for code in problems_of(route)}
    used = {route.tag for route in routes}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gatehouse",
            "version": VERSION,
            "description": ABOUT,
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The service that shows this."}],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items() if name in used],
        "paths": paths,
        "webhooks": webhooks(),
        "components": {
            "schemas": schemas_of(
                read=[model for route in routes for model in (route.body, route.query) if model],
                written=[
                    *(route.answer for route in routes if route.answer),
                    *(sent.model for sent in SENT.values()),
                    ProblemDetails,
                ],
                inlined=[route.query for route in routes if route.query],
            ),
            "headers": HEADERS,
            "examples": {code: _example(code) for code in PROBLEMS if code in codes},
            "securitySchemes": {"bearer": _BEARER},
        },
    }


def _example(code: str) -> dict[str, Any]:
    """A problem as it is answered."""
    kind = PROBLEMS[code]
    value = {"type": TYPES + code, "title": kind.title, "status": kind.status, "code": code, **_BESIDE.get(code, {})}
    return {"summary": kind.title, "value": value}
