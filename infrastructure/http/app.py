"""The web application: every route behind its gate, errors as problem details, OpenAPI from the routes' table."""

from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from infrastructure.audit_trail import AuditTrail
from infrastructure.exports.jobs import ExportJobs
from infrastructure.http.audit import AuditRoutes
from infrastructure.http.audit_events import AuditEventRoutes
from infrastructure.http.authentication import Authentication
from infrastructure.http.callbacks import CallbackRoutes
from infrastructure.http.challenges import ChallengeRoutes
from infrastructure.http.customer_lists import CustomerListRoutes
from infrastructure.http.customers import CustomerRoutes
from infrastructure.http.description import Description
from infrastructure.http.dispatch import DirectApp, Endpoint
from infrastructure.http.erasure import ErasureRoutes
from infrastructure.http.evidence import EvidenceRoutes
from infrastructure.http.exports import ExportRoutes
from infrastructure.http.feed import FeedRoutes
from infrastructure.http.idempotency import Repeats
from infrastructure.http.keys import KeyRoutes
from infrastructure.http.legal_holds import LegalHoldRoutes
from infrastructure.http.officers import OfficerRoutes
from infrastructure.http.open_log import PREFIX, OpenLog
from infrastructure.http.openapi import document_of
from infrastructure.http.operations import Operations
from infrastructure.http.policies import PolicyRoutes
from infrastructure.http.problems import Problem, problem_response
from infrastructure.http.rates import Rates
from infrastructure.http.rejections import RejectionRoutes
from infrastructure.http.replays import ReplayRoutes
from infrastructure.http.request_keys import RequestKeyRoutes
from infrastructure.http.request_signatures import RequestSignatures
from infrastructure.http.reviews import ReviewRoutes
from infrastructure.http.routing import Gate, Route, answered, finish
from infrastructure.http.sanctions import SanctionsRoutes
from infrastructure.http.sandbox_page import SandboxPage
from infrastructure.http.schemas import SchemaRoutes
from infrastructure.http.simulator import SimulatorRoutes
from infrastructure.http.time_travel import TimeTravelRoutes
from infrastructure.http.waiting import Waiting
from infrastructure.http.webhook_deliveries import WebhookDeliveryRoutes
from infrastructure.http.webhooks import WebhookRoutes
from infrastructure.services import Services, callback_path
from infrastructure.verification.nobody import NoProvider
from infrastructure.version import VERSION

V1: Final = "/v1"


def create_app(services: Services) -> FastAPI:
    """The application over running services. Sandbox routes exist in sandbox mode only."""
    app = DirectApp(_not_found, title="Gatehouse", version=VERSION, openapi_url=None, redirect_slashes=False)
    app.state.authentication = Authentication(services)
    gate = Gate(
        authentication=app.state.authentication,
        rates=Rates(services.bounds),
        signatures=RequestSignatures(services.public_url),
        once=Repeats(services).answer,
        waiting=Waiting(services.pool),
        trail=AuditTrail(services),
    )
    app.state.exports = ExportJobs(services)
    app.state.feed = FeedRoutes(services)
    routes = routes_of(services) + ExportRoutes(app.state.exports).routes() + app.state.feed.routes()
    routes += KeyRoutes(services, app.state.authentication).routes()
    for route in routes:
        app.add_endpoint(route.method, V1 + route.path, gate.guard(route))
    _add_open_routes(app, services)
    app.add_exception_handler(HTTPException, _refuse)
    described = document_of(routes, V1)
    app.openapi = lambda: described  # type: ignore[method-assign] # FastAPI's way to say it otherwise
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
    routes += RequestKeyRoutes(services).routes()
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
        app.add_endpoint(method, path, answered(f"{method} {path}", endpoint))


async def _not_found(_: Request) -> Response:
    """Unknown paths."""
    return finish(problem_response(Problem("not_found")))


async def _refuse(request: Request, fault: Exception) -> Response:
    """Methods that a path does not have (RFC 9110 asks for those that it has), and whatever else FastAPI refuses."""
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    code = {404: "not_found", 405: "method_not_allowed"}.get(status, "invalid_request")
    routes = request.app.routes_at(request.scope["path"]) if code == "method_not_allowed" else []
    allowed = ", ".join(sorted({method for route in routes for method in route.methods or ()}))
    return finish(problem_response(Problem(code, headers={"Allow": allowed} if allowed else None)))
