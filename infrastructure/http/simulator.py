"""The simulator: a partner rehearses what screening, verification and monitoring may come to. Sandbox only.

Verification only where the sandbox itself verifies: a KYC provider that is configured has a sandbox of its own.
"""

from dataclasses import replace
from typing import Final
from uuid import UUID

import httpx2
from starlette.responses import Response

from application.executor import Outcome
from domain.commands import RecordMonitoring
from domain.refusals import CustomerErased, UnknownCustomer, WrongStatus
from domain.vocabulary import Status
from infrastructure.http import models
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.resources import PARTNER, answer
from infrastructure.http.routing import Call, Route
from infrastructure.sandbox.provider import rehearsed
from infrastructure.sandbox.source import OUTCOMES, Step, scripted
from infrastructure.services import Sandbox, Services
from projections.customers import CustomerRow

OPEN_TO: Final[dict[Step, frozenset[str]]] = {
    "screening": frozenset({Status.INITIATING, Status.SCREENING}),
    "verification": frozenset({Status.VERIFYING}),
    "monitoring": frozenset({Status.ACTIVE, Status.INACTIVE}),
}


class SimulatorRoutes:
    """Rehearsals, through the same doors as real vendors."""

    def __init__(self, services: Services, sandbox: Sandbox) -> None:
        self._services = services
        self._sandbox = sandbox

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        always = [
            self._route("screening", self.screening, "Script what screening finds", models.SimulatedOutcome),
            replace(
                self._route("monitoring", self.monitoring, "Send a monitoring result", models.SimulatedOutcome),
                render=_accepted,
            ),
        ]
        if not self._services.rehearses_verification:
            return always
        return [
            *always,
            self._route("verification", self.verification, "Send a verification result", models.SimulatedOutcome),
            self._route("verify", self.verify, "Send a passed verification", None),
            self._route("reject", self.reject, "Send a failed verification", None),
        ]

    @staticmethod
    def _route(name: str, handler: object, summary: str, body: type[models.SimulatedOutcome] | None) -> Route:
        return Route(
            "PATCH",
            f"/simulator/customers/{{customer_id}}/{name}",
            handler,  # type: ignore[arg-type] # a bound method of this class
            PARTNER,
            summary,
            answer=models.Accepted,
            status=202,
            body=body,
            problems=(
                "malformed_id",
                "customer_not_found",
                "wrong_status",
                "customer_erased",
                "outcome_not_applicable",
            ),
            tag="simulator",
        )

    async def screening(self, call: Call) -> Response:
        """From now on, screening of this customer comes to the outcome."""
        row, outcome = await self._asked(call, "screening")
        await self._sandbox.scripts.write(row.id, "screening", outcome)
        return answer(models.Accepted(), 202)

    async def verification(self, call: Call) -> Response:
        """The sandbox calls back with the outcome before this answers."""
        row, outcome = await self._asked(call, "verification")
        return await self._call_back(row.id, outcome)

    async def monitoring(self, call: Call) -> Response:
        """Monitoring finds the outcome before this answers."""
        row, outcome = await self._asked(call, "monitoring")
        found = scripted(row.chain_id, outcome)
        evidence = await self._services.evidence.keep(row.id, [found.payload] if found.payload else [])
        report = found.report.model_copy(update={"evidence": evidence[0] if evidence else None})
        command = RecordMonitoring(
            alert=self._services.new_id(),
            reports=(report,),
            now=self._services.clock(),
            confirmation=self._services.confirmation,
        )
        recorded = await self._services.execute_once(
            self._services.change(row.id, command), actor=f"policy:{command.policy}", once=call.once
        )
        return await _accepted(call, recorded)

    async def verify(self, call: Call) -> Response:
        """Short for verification `pass`."""
        return await self._call_back((await self._open(call, "verification")).id, "pass")

    async def reject(self, call: Call) -> Response:
        """Short for verification `final`."""
        return await self._call_back((await self._open(call, "verification")).id, "final")

    async def _call_back(self, customer_id: UUID, outcome: str) -> Response:
        try:
            for callback in rehearsed(customer_id, outcome, now=self._services.clock()):
                await self._sandbox.deliver(callback)
        except httpx2.HTTPError as fault:
            raise Problem("unavailable") from fault
        return answer(models.Accepted(), 202)

    async def _asked(self, call: Call, step: Step) -> tuple[CustomerRow, str]:
        outcome = (await read_body(call.request, models.SimulatedOutcome)).outcome
        row = await self._open(call, step)
        if outcome not in OUTCOMES[step]:
            raise Problem("outcome_not_applicable")
        return row, outcome

    async def _open(self, call: Call, step: Step) -> CustomerRow:
        """The caller's customer, where it is at this step."""
        row = await self._services.reader.customer(read_id(call.request))
        if row is None or row.partner != call.caller.partner:
            raise UnknownCustomer
        if not row.chain_id:
            raise CustomerErased
        if row.status not in OPEN_TO[step]:
            raise WrongStatus
        return row


async def _accepted(_: Call, __: Outcome) -> Response:
    return answer(models.Accepted(), 202)
