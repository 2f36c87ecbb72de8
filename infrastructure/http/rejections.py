"""Four eyes: one officer proposes a rejection, another confirms or refuses it, or its maker takes it back."""

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import BaseModel
from starlette.responses import Response

from domain.commands import ConfirmRejection, ProposeRejection, RefuseRejection, WithdrawRejection
from domain.refusals import UnknownCustomer
from infrastructure.http import review_models as models
from infrastructure.http.inspection import OF_CUSTOMER, OFFICER, TAG, Inspection, inspected
from infrastructure.http.models import StatedReason
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.routing import Call, Route
from infrastructure.services import Services

_REJECTION: Final = "/customers/{customer_id}/rejection"


class RejectionRoutes:
    """Each answers with the customer after it. Repeats change nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._inspection = Inspection(services)

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            _route("", self.propose, "Propose a rejection", models.Proposal, "wrong_status", "evidence_not_found"),
            _route(
                "/confirmation",
                self.confirm,
                "Confirm a rejection that another officer proposed",
                None,
                "nothing_to_decide",
                "self_confirmation",
            ),
            _route(
                "/refusal",
                self.refuse,
                "Refuse a rejection that another officer proposed",
                StatedReason,
                "nothing_to_decide",
                "self_refusal",
            ),
            _route(
                "/withdrawal",
                self.withdraw,
                "Take back a rejection that one proposed",
                StatedReason,
                "nothing_to_decide",
                "not_the_proposer",
            ),
        ]

    async def propose(self, call: Call) -> Response:
        """It stands for seven days, or until it is confirmed, refused or taken back; the first one stands."""
        customer_id = read_id(call.request)
        body = await read_body(call.request, models.Proposal)
        if await self._services.reader.customer(customer_id) is None:
            raise UnknownCustomer
        if body.evidence and not await self._services.evidence.has(customer_id, body.evidence):
            raise Problem("evidence_not_found")
        command = ProposeRejection(
            call.caller.actor, body.reason, tuple(dict.fromkeys(body.evidence)), now=self._services.clock()
        )
        return await self._inspection.change(call, customer_id, command)

    async def confirm(self, call: Call) -> Response:
        """The customer is rejected, for good, and barred. `If-Match` keeps to what was seen."""
        command = ConfirmRejection(call.caller.actor, now=self._services.clock())
        return await self._inspection.change(call, read_id(call.request), command)

    async def refuse(self, call: Call) -> Response:
        """The proposal is over, and what it was about stays as it was."""
        customer_id, body = read_id(call.request), await read_body(call.request, StatedReason)
        command = RefuseRejection(call.caller.actor, body.reason)
        return await self._inspection.change(call, customer_id, command)

    async def withdraw(self, call: Call) -> Response:
        """The proposal is over, by whoever made it."""
        customer_id, body = read_id(call.request), await read_body(call.request, StatedReason)
        command = WithdrawRejection(call.caller.actor, body.reason)
        return await self._inspection.change(call, customer_id, command)


def _route(
    name: str,
    handler: Callable[[Call], Awaitable[Response]],
    summary: str,
    body: type[BaseModel] | None,
    *problems: str,
) -> Route:
    return Route(
        "POST",
        _REJECTION + name,
        handler,
        OFFICER,
        summary,
        answer=models.ReviewedCustomer,
        headers=("ETag",),
        body=body,
        problems=(*OF_CUSTOMER, *problems),
        tag=TAG,
        render=inspected,
    )
