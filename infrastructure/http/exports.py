"""Exports for auditors: ordered, watched, and fetched as a zip. Each belongs to the key that ordered it."""

from typing import Final

import structlog
from starlette.responses import Response

from infrastructure.api_keys import Role
from infrastructure.exports.asked import Asked
from infrastructure.exports.jobs import ExportJobs, UnderWay
from infrastructure.exports.order_folder import Failed, Finished, OrderFolder
from infrastructure.exports.parquet import check_installed
from infrastructure.faults import CannotStart
from infrastructure.http.export_models import Export, ExportRequest
from infrastructure.http.file_parts import part_of
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.resources import answer
from infrastructure.http.routing import Call, Route

AUDITORS: Final[frozenset[Role]] = frozenset({"auditor"})
TAG: Final = "exports"
ZIP: Final = "application/zip"

log = structlog.get_logger()


class ExportRoutes:
    """One is made at a time, beside the service, which keeps the other cores."""

    def __init__(self, jobs: ExportJobs) -> None:
        self._jobs = jobs

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "POST",
                "/exports",
                self.order,
                AUDITORS,
                "Order an export",
                answer=Export,
                status=202,
                headers=("Location",),
                body=ExportRequest,
                problems=("export_under_way", "format_unavailable"),
                tag=TAG,
            ),
            Route(
                "GET",
                "/exports/{export_id}",
                self.status,
                AUDITORS,
                "See how far an export has come",
                answer=Export,
                problems=("malformed_id", "export_not_found"),
                tag=TAG,
            ),
            Route(
                "GET",
                "/exports/{export_id}/file",
                self.file,
                AUDITORS,
                "Fetch an export",
                media_type=ZIP,
                example="PK\x03\x04",
                headers=("ETag", "Accept-Ranges", "Content-Disposition"),
                problems=("malformed_id", "export_not_found", "export_not_ready", "range_not_satisfiable"),
                tag=TAG,
            ),
        ]

    async def order(self, call: Call) -> Response:
        """A bundle of events with their proofs, and the verifier. What is made is on record under the caller's key."""
        body = await read_body(call.request, ExportRequest)
        try:
            if "parquet" in body.formats:
                check_installed()
            taken = self._jobs.begin(
                _asked(body),
                reader=call.caller.key_id,
                actor=call.caller.actor,
                order_id=call.once.command_id if call.once else None,
            )
        except CannotStart:
            raise Problem("format_unavailable") from None
        except UnderWay:
            raise Problem("export_under_way") from None
        except OSError as fault:
            log.error("export_not_taken", fault=type(fault).__name__)  # noqa: TRY400 -- the caller may try again
            raise Problem("unavailable") from None
        return answer(_shown(taken), 202, headers={"Location": f"/v1/exports/{taken.id}"})

    async def status(self, call: Call) -> Response:
        """It is `running` until it is `ready` or `failed`; a service that was restarted goes on with it."""
        return answer(_shown(self._found(call)))

    async def file(self, call: Call) -> Response:
        """The bundle as a zip. A download that broke off goes on with `Range`: one part is answered with 206."""
        found = self._found(call)
        outcome = found.outcome
        if not isinstance(outcome, Finished):
            raise Problem("export_not_ready")
        return part_of(call.request, found.target.path, size=outcome.bytes, etag=f'"{outcome.sha256}"', media_type=ZIP)

    def _found(self, call: Call) -> OrderFolder:
        found = self._jobs.find(read_id(call.request, "export_id"), reader=call.caller.key_id)
        if found is None:
            raise Problem("export_not_found")
        return found


def _asked(body: ExportRequest) -> Asked:
    return Asked(
        formats=tuple(body.formats),
        recorded_from=body.recorded_from,
        recorded_until=body.recorded_until,
        customer=body.customer,
        partner=body.partner,
        types=tuple(body.types),
    )


def _shown(found: OrderFolder) -> Export:
    order, outcome = found.order, found.outcome
    told = {"id": found.id, "ordered_at": order.ordered_at, "formats": order.asked.written}
    match outcome:
        case Finished():
            result = {name: getattr(outcome, name) for name in ("entries", "size", "manifest", "bytes", "sha256")}
            return Export(**told, **result, status="ready", position=outcome.size)
        case Failed():
            return Export(**told, status="failed", position=0, failure=outcome.failure)
    state = found.target.state(order.asked)
    return Export(**told, status="running", position=state.position if state else 0, size=state.upto if state else None)
