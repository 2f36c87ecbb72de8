"""One operation of the OpenAPI document, from its route: parameters, body, answers, and every problem by its status."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from pydantic import BaseModel

from infrastructure.http.examples import example_of
from infrastructure.http.headers import HEADERS, IMPLIED, KEY, LAST_EVENT, OF_CODE, OF_STATUS, PREFER, WAIT
from infrastructure.http.models import ProblemDetails
from infrastructure.http.problems import PROBLEMS
from infrastructure.http.routing import JSON, Route
from infrastructure.http.wire_schemas import REF, properties_of

ALWAYS: Final = (
    *("unauthenticated", "request_signature_required", "request_signature_invalid", "forbidden", "invalid_request"),
    *("too_many_requests", "internal_error", "unavailable"),
)
"""What everybody who calls anything can be answered."""
WITH_BODY: Final = ("invalid_json", "body_too_large", "unsupported_media_type")
PROBLEM: Final = "application/problem+json"
PARTIAL: Final = 206

_PATH: Final[dict[str, dict[str, Any]]] = {
    "digest": {"schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "example": "9f86d081884c7d65" * 4},
    "name": {"schema": {"type": "string"}, "example": "CustomerRegistered.v1"},
}
_ID: Final = {"schema": {"type": "string", "format": "uuid"}, "example": "019f3c1e-7a40-7c11-9a55-3d0d5a8b2c10"}
_PIECES: Final = {"application/x-ndjson": "%s\n", "text/event-stream": "data: %s\n\n"}
"""Answers that come piece by piece, each a JSON value of the route's model, and how a piece is written."""
_TEXT: Final = {"type": "string"}
_BYTES: Final = {"type": "string", "format": "binary"}
_RAW_EXAMPLE: Final = (
    "<Sanctions xmlns='https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/ADVANCED_XML'/>"
)


def operation_of(route: Route) -> dict[str, Any]:
    """The route as an operation."""
    parameters = _parameters(route)
    return {
        "tags": [route.tag],
        "summary": route.summary,
        "description": _described(route),
        "operationId": f"{route.tag.replace(' ', '_')}_{getattr(route.handler, '__name__', '')}",
        **({"parameters": parameters} if parameters else {}),
        **_body(route),
        "responses": _answers(route) | _refusals(route),
        "security": [] if route.authenticate else [{"bearer": []}],
    }


def problems_of(route: Route) -> tuple[str, ...]:
    """The codes of all problems that the route answers with."""
    behind = ("projection_behind",) if route.shows else ()
    unread = ("body_too_large",) if route.writes else ()
    body = WITH_BODY if route.body else ("unsupported_media_type",) if route.raw else unread
    once = ("in_progress", "idempotency_key_reused") if route.writes else ()
    return tuple(dict.fromkeys((*route.problems, *ALWAYS, *body, *behind, *once)))


def _described(route: Route) -> str:
    roles = ", ".join(sorted(route.roles))
    return f"{(route.handler.__doc__ or '').strip()}\n\nRoles: {roles}."


def _parameters(route: Route) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", route.path)
    path = [{"name": name, "in": "path", "required": True, **_PATH.get(name, _ID)} for name in names]
    general = [PREFER] if route.method == "GET" else [KEY] if route.writes else []
    resuming = [LAST_EVENT] if route.resumes else []
    implied = [header for code in route.problems for header in IMPLIED.get(code, ())]
    waiting = [WAIT] if route.takes_wait else []
    return [*path, *_query(route.query), *general, *waiting, *resuming, *implied]


def _query(model: type[BaseModel] | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    properties, required = properties_of(model)
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in properties.items()
    ]


def _body(route: Route) -> dict[str, Any]:
    if route.raw:
        return {"requestBody": {"required": True, "content": {route.raw: {"schema": _BYTES, "example": _RAW_EXAMPLE}}}}
    if route.body is None:
        return {}
    content = {JSON: {"schema": ref(route.body), "example": example_of(route.body)}}
    return {"requestBody": {"required": route.body_required, "content": content}}


def _answers(route: Route) -> dict[str, Any]:
    """What is answered if all goes well."""
    waited = ("Preference-Applied",) if route.method == "GET" else ()
    done = {"description": "Done."} | _headers(*route.headers, *waited) | _content(route)
    if "range_not_satisfiable" not in route.problems:
        return {str(route.status): done}
    part = done | {"description": "The part that was asked for."}
    part |= _headers(*route.headers, *waited, *OF_STATUS[PARTIAL])
    return {str(route.status): done, str(PARTIAL): part}


def _content(route: Route) -> dict[str, Any]:
    if route.answer is None and route.media_type == JSON:
        return {}
    content: dict[str, Any]
    if route.answer is None:
        schema = _TEXT if route.media_type.startswith("text/") else _BYTES
        content = {"schema": schema, "example": route.example}
    elif route.media_type in _PIECES:
        pieces = {"type": "string", "contentMediaType": route.media_type, "contentSchema": ref(route.answer)}
        content = {"schema": pieces, "example": _PIECES[route.media_type] % json.dumps(example_of(route.answer))}
    else:
        content = {"schema": ref(route.answer), "example": example_of(route.answer)}
    return {"content": {route.media_type: content}}


def _refusals(route: Route) -> dict[str, Any]:
    """Every problem, by status."""
    statuses: dict[int, list[str]] = {}
    for code in problems_of(route):
        statuses.setdefault(PROBLEMS[code].status, []).append(code)
    return {str(status): _refusal(status, statuses[status]) for status in sorted(statuses)}


def _refusal(status: int, codes: list[str]) -> dict[str, Any]:
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return {
        "description": "\n".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes),
        **_headers(*OF_STATUS.get(status, ()), *_of(set.intersection, codes), sometimes=_of(set.union, codes)),
        "content": {PROBLEM: {"schema": ref(ProblemDetails), "examples": examples}},
    }


def _of(joined: Callable[..., set[str]], codes: list[str]) -> set[str]:
    """The headers that problems bring, all of them or some."""
    return joined(*(set(OF_CODE.get(code, ())) for code in codes))


def _headers(*names: str, sometimes: Iterable[str] = ()) -> dict[str, Any]:
    always: dict[str, dict[str, Any]] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    headers = {name: HEADERS[name] | {"required": False} for name in sometimes} | always
    return {"headers": headers} if headers else {}


def ref(model: type[BaseModel]) -> dict[str, str]:
    """Where a model's schema is."""
    return {"$ref": REF.format(model=model.__name__)}
