"""The web application: every route behind its gate, errors as problem details, OpenAPI from the routes' table."""

import re
from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from infrastructure.audit_trail import AuditTrail
from infrastructure.exports.jobs import ExportJobs
from infrastructure.http.audit import AuditRoutes
from infrastructure.http.audit_events import AuditEventRoutes
from infrastructure.http.callbacks import CallbackRoutes
from infrastructure.http.challenges import ChallengeRoutes
from infrastructure.http.customer_lists import CustomerListRoutes
from infrastructure.http.customers import CustomerRoutes
from infrastructure.http.description import Description
from infrastructure.http.dispatch import DirectApp, Endpoint
from infrastructure.http.erasure import ErasureRoutes
from infrastructure.http.evidence import EvidenceRoutes
from infrastructure.http.examples import example_of
from infrastructure.http.exports import ExportRoutes
from infrastructure.http.feed import FeedRoutes
from infrastructure.http.legal_holds import LegalHoldRoutes
from infrastructure.http.models import ProblemDetails
from infrastructure.http.officers import OfficerRoutes
from infrastructure.http.open_log import PREFIX, OpenLog
from infrastructure.http.operations import Operations
from infrastructure.http.policies import PolicyRoutes
from infrastructure.http.problems import PROBLEMS, Problem, problem_response
from infrastructure.http.rejections import RejectionRoutes
from infrastructure.http.replays import ReplayRoutes
from infrastructure.http.reviews import ReviewRoutes
from infrastructure.http.routing import JSON, Gate, Route, answered, finish
from infrastructure.http.sanctions import SanctionsRoutes
from infrastructure.http.sandbox_page import SandboxPage
from infrastructure.http.schemas import SchemaRoutes
from infrastructure.http.simulator import SimulatorRoutes
from infrastructure.http.time_travel import TimeTravelRoutes
from infrastructure.http.waiting import LONGEST, Waiting
from infrastructure.http.webhook_deliveries import WebhookDeliveryRoutes
from infrastructure.http.webhooks import WebhookRoutes
from infrastructure.services import Services, callback_path
from infrastructure.verification.nobody import NoProvider
from infrastructure.version import VERSION

V1: Final = "/v1"
ALWAYS: Final = ("unauthenticated", "forbidden", "invalid_request", "internal_error", "unavailable")
RAW: Final = (
    "<Sanctions xmlns='https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/ADVANCED_XML'/>"
)
WITH_BODY: Final = ("invalid_json", "body_too_large", "unsupported_media_type")

_ID: Final = {"type": "string", "format": "uuid"}
_DIGEST: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "examples": ["wait=1"]},
    "description": f"`wait=N` (RFC 7240): see what was written before, waiting N seconds for it, {LONGEST} at most. "
    "What is not understood is ignored.",
}
_LAST_EVENT: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$", "examples": ["42"]},
    "description": "The `sequence` of the last event that was seen; it counts more than `after`.",
}
_APPLIED: Final = {
    "description": "`wait=N`, where the request prefers it: what was written before is in the answer.",
    "schema": {"type": "string"},
}


def create_app(services: Services) -> FastAPI:
    """The application over running services. Sandbox routes exist in sandbox mode only."""
    app = DirectApp(title="Gatehouse", version=VERSION, openapi_url=None, redirect_slashes=False)
    gate = Gate(services.directory, Waiting(services.pool), AuditTrail(services))
    app.state.exports = ExportJobs(services)
    app.state.feed = FeedRoutes(services)
    routes = routes_of(services) + ExportRoutes(app.state.exports).routes() + app.state.feed.routes()
    for route in routes:
        app.add_endpoint(route.method, V1 + route.path, gate.guard(route), **_described(route))
    _add_open_routes(app, services)
    app.add_exception_handler(HTTPException, _refuse)
    app.openapi = lambda: _openapi(app, routes)  # type: ignore[method-assign] # FastAPI's way to extend it
    app.state.routes = routes
    return app


def routes_of(services: Services) -> list[Route]:
    """Every route that needs a key."""
    routes = CustomerRoutes(services).routes() + CustomerListRoutes(services).routes()
    routes += ChallengeRoutes(services).routes()
    routes += OfficerRoutes(services.reader).routes() + TimeTravelRoutes(services).routes()
    routes += SanctionsRoutes(services).routes()
    routes += ReviewRoutes(services).routes() + RejectionRoutes(services).routes()
    routes += LegalHoldRoutes(services).routes() + EvidenceRoutes(services).routes()
    routes += PolicyRoutes(services).routes() + ErasureRoutes(services).routes()
    routes += WebhookRoutes(services).routes() + WebhookDeliveryRoutes(services).routes()
    routes += AuditRoutes(services).routes() + SchemaRoutes().routes()
    routes += AuditEventRoutes(services).routes() + ReplayRoutes(services).routes()
    if services.sandbox:
        routes += SimulatorRoutes(services, services.sandbox).routes()
    return routes


def _add_open_routes(app: DirectApp, services: Services) -> None:
    """What needs no key: the description, health, metrics, the log's hashes, and the vendors' callbacks and pages."""
    operations, description, tlog = Operations(services), Description(app), OpenLog(services.pool)
    open_routes: list[tuple[str, str, Endpoint]] = [
        ("GET", description.path, description.document),
        ("GET", "/docs", description.page),
        ("GET", "/health/live", operations.live),
        ("GET", "/health/ready", operations.ready),
        ("GET", "/metrics", operations.metrics),
        ("GET", f"{PREFIX}/checkpoint", tlog.checkpoint),
        ("GET", f"{PREFIX}/keys", tlog.keys),
        ("GET", f"{PREFIX}/tile/{{path:path}}", tlog.tile),
    ]
    if not isinstance(services.provider, NoProvider):
        callbacks = CallbackRoutes(services, services.provider)
        open_routes.append(("POST", callback_path(services.provider.name), callbacks.receive))
    if services.sandbox and services.rehearses_verification:
        page = SandboxPage(services.sandbox)
        open_routes += [
            ("GET", "/sandbox/verification/{token}", page.show),
            ("POST", "/sandbox/verification/{token}", page.submit),
        ]
    for method, path, endpoint in open_routes:
        app.add_endpoint(method, path, answered(f"{method} {path}", endpoint), include_in_schema=False)


async def _refuse(request: Request, fault: Exception) -> Response:
    """Unknown paths and methods."""
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "invalid_request")
    allowed = ", ".join(sorted(_methods(request))) if code == "method_not_allowed" else ""
    return finish(problem_response(Problem(code, headers={"Allow": allowed} if allowed else None)))


def _methods(request: Request) -> set[str]:
    """The methods that the request's path has: RFC 9110 asks for them with a 405."""
    routes = [route for route in request.app.routes if isinstance(route, StarletteRoute)]
    return {
        method for route in routes if route.path_regex.match(request.scope["path"]) for method in route.methods or ()
    }


def _described(route: Route) -> dict[str, Any]:
    """What FastAPI is told of a route, for OpenAPI."""
    behind = ("projection_behind",) if route.shows else ()
    body = WITH_BODY if route.body else ("unsupported_media_type",) if route.raw else ()
    problems = (*route.problems, *ALWAYS, *body, *behind)
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": " ".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes), **_problem_content()}
        for status, codes in _by_status(problems).items()
    }
    responses[route.status] = {"description": "Done"} | _content(route)
    if route.method == "GET":
        responses[route.status]["headers"] = {"Preference-Applied": _APPLIED}
    extra: dict[str, Any] = {"security": [{"apiKey": []}]}
    if route.body:
        content = {"application/json": {"schema": _ref(route.body), "example": example_of(route.body)}}
        extra["requestBody"] = {"required": route.body_required, "content": content}
    if route.raw:
        extra["requestBody"] = {"required": True, "content": {route.raw: {"example": RAW}}}
    extra["parameters"] = [*_path_parameters(route), *_query_parameters(route.query)]
    extra["parameters"] += [_PREFER] if route.method == "GET" else []
    extra["parameters"] += [_LAST_EVENT] if route.resumes else []
    described: dict[str, Any] = {} if route.media_type == JSON else {"response_class": Response}
    return described | {
        "summary": route.summary,
        "description": route.handler.__doc__,
        "operation_id": f"{route.tag.replace(' ', '_')}_{getattr(route.handler, '__name__', '')}",
        "status_code": route.status,
        "responses": responses,
        "response_model": None,
        "tags": [route.tag],
        "openapi_extra": extra,
    }


def _openapi(app: FastAPI, routes: Iterable[Route]) -> dict[str, Any]:
    """The document, with the schemas of what the gates read themselves."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        read = {route.body for route in routes if route.body} | {ProblemDetails}
        read |= {route.answer for route in routes if route.answer and route.media_type != JSON}
        _, schemas = models_json_schema(
            [(model, "validation") for model in sorted(read, key=lambda model: model.__name__)],
            ref_template="#/components/schemas/{model}",
        )
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(schemas["$defs"])
        components["securitySchemes"] = {"apiKey": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema = document
    return app.openapi_schema


def _by_status(codes: Iterable[str]) -> dict[int, list[str]]:
    statuses: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        statuses.setdefault(PROBLEMS[code].status, []).append(code)
    return statuses


def _problem_content() -> dict[str, Any]:
    return {"content": {"application/problem+json": {"schema": _ref(ProblemDetails)}}}


def _content(route: Route) -> dict[str, Any]:
    """What a route answers with; FastAPI itself describes JSON."""
    if route.media_type != JSON and route.answer is None:
        return {"content": {route.media_type: {"schema": {"type": "string", "format": "binary"}}}}
    if route.answer is None:
        return {}
    if route.media_type == JSON:
        return {"model": route.answer, "content": {JSON: {"example": example_of(route.answer)}}}
    return {"content": {route.media_type: {"schema": _ref(route.answer), "example": example_of(route.answer)}}}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    schemas = {"digest": _DIGEST, "name": {"type": "string"}}
    return [
        {"name": name, "in": "path", "required": True, "schema": schemas.get(name, _ID)}
        for name in re.findall(r"{(\w+)}", route.path)
    ]


def _query_parameters(query: type[BaseModel] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    properties = query.model_json_schema(by_alias=True)
    names = properties["properties"].items()
    inlined = {name: _inlined(schema, properties.get("$defs", {})) for name, schema in names}
    required = properties.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in inlined.items()
    ]


def _inlined(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema without `null` (an absent parameter is no null) and without references."""
    for choice in schema.get("anyOf", []):
        if choice.get("type") != "null":
            schema = choice
    reference = schema.get("$ref")
    return definitions[reference.rpartition("/")[2]] if reference else schema


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
