"""What partners call: register a wallet, follow the customer, open its verification, suspend and resume it."""

from starlette.responses import Response

from application.executor import Outcome
from application.handlers import register
from domain.challenge import issue
from domain.commands import (
    DeactivateCustomer,
    ReactivateCustomer,
    RegisterCustomer,
    StartVerification,
)
from domain.refusals import NotVerifying
from domain.vocabulary import Ground, Status
from infrastructure.audit_trail import AuditTrail
from infrastructure.http import models
from infrastructure.http.requests import has_body, read_body, read_id, read_query
from infrastructure.http.resources import (
    ACTORS,
    PARTNER,
    READERS,
    answer,
    change_customer,
    encoded,
    etag,
    if_match,
    moment_of,
    open_challenge,
    own_customer,
    partner_of,
    read_wallet,
    resource_of,
    row_of,
    seen_by,
    shown,
)
from infrastructure.http.routing import Call, Route
from infrastructure.ids import nonce
from infrastructure.services import Services


class CustomerRoutes:
    """The partner's side of a customer."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._trail = AuditTrail(services)

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        one, gone = "/customers/{customer_id}", ("malformed_id", "customer_not_found")
        return [
            Route(
                "POST",
                "/customers",
                self.register,
                PARTNER,
                "Register a wallet",
                answer=models.RegisteredCustomer,
                status=201,
                headers=("Location", "ETag"),
                body=models.CustomerRegistration,
                problems=("customer_exists", "onboarding_barred", "malformed_account", "invalid_checksum"),
                render=_registered,
            ),
            Route(
                "GET",
                one,
                self.show,
                READERS,
                "Read a customer",
                answer=models.Customer,
                headers=("ETag",),
                query=models.MomentQuery,
                problems=(*gone, "as_of_in_future"),
            ),
            Route(
                "GET",
                one + "/verification",
                self.verification,
                PARTNER,
                "Open a verification session",
                answer=models.VerificationSession,
                problems=(*gone, "not_verifying"),
            ),
            Route(
                "PATCH",
                one + "/deactivate",
                self.deactivate,
                ACTORS,
                "Suspend a customer",
                answer=models.Customer,
                headers=("ETag",),
                body=models.OptionalReason,
                body_required=False,
                problems=(*gone, "wrong_status", "customer_erased", "version_mismatch"),
                render=_changed,
            ),
            Route(
                "PATCH",
                one + "/activate",
                self.activate,
                ACTORS,
                "Resume a suspended customer",
                answer=models.Customer,
                headers=("ETag",),
                body=models.OptionalReason,
                body_required=False,
                problems=(*gone, "wrong_status", "activation_reserved", "customer_erased", "version_mismatch"),
                render=_changed,
            ),
            Route(
                "GET",
                one + "/services",
                self.services,
                READERS,
                "Ask what the customer may use now",
                answer=models.CustomerServices,
                problems=gone,
            ),
        ]

    async def register(self, call: Call) -> Response:
        """201 with the customer and its challenge."""
        body = await read_body(call.request, models.CustomerRegistration)
        wallet = read_wallet(body.chain_id)
        services, now, customer_id = self._services, self._services.clock(), self._services.new_id()
        command = RegisterCustomer(
            partner=partner_of(call),
            wallet=body.chain_id,
            external_id=body.external_id,
            challenge=issue(services.site, wallet, customer=customer_id, nonce=nonce(), now=now),
        )
        outcome = await services.execute_once(
            lambda: register(customer_id, command, fingerprint=services.keys.fingerprint_of),
            actor=call.caller.actor,
            occurred_at=now,
            once=call.once,
        )
        return await _registered(call, outcome)

    async def show(self, call: Call) -> Response:
        """The customer, as of now or as of `asOf`."""
        customer_id, query = read_id(call.request), read_query(call.request, models.MomentQuery)
        if query.as_of is None:
            row = await own_customer(self._services, call, customer_id)
        else:
            moment = await moment_of(self._services, query.as_of, query.clock)
            row = seen_by(call, (await self._services.reader.customer_as_of(customer_id, moment))[0])
        return answer(resource_of(row), headers=etag(call, row))

    async def verification(self, call: Call) -> Response:
        """Where the person verifies themselves; the provider is asked for it now."""
        customer_id = read_id(call.request)
        row = await own_customer(self._services, call, customer_id)
        if row.status != Status.VERIFYING:
            raise NotVerifying
        services = self._services
        applicant = await services.applicant_of(customer_id)
        if applicant is None:
            opened = await services.provider.open(customer_id, key=f"{customer_id}/open_verification/1")
            command = StartVerification(opened.provider, opened.reference, opened.level)
            await change_customer(services, call, customer_id, command)
            applicant = opened.reference
        session = await services.provider.session(customer_id, applicant, now=services.clock())
        return answer(
            models.VerificationSession(
                provider=session.provider,
                session_url=session.url,
                session_token=session.token,
                expires_at=session.expires_at,
            )
        )

    async def deactivate(self, call: Call) -> Response:
        """200 with the customer; a repeat changes nothing. Officers may say why: partners never see it."""
        ground = Ground.ISSUE if call.caller.role == "officer" else Ground.PARTNER_REQUEST
        reason = await _officers_reason(call)
        return await self._switch(call, DeactivateCustomer(ground, by=call.caller.actor, reason=reason))

    async def activate(self, call: Call) -> Response:
        """200 with the customer; a repeat changes nothing. Officers may say why: partners never see it."""
        officer, reason = call.caller.role == "officer", await _officers_reason(call)
        return await self._switch(call, ReactivateCustomer(by=call.caller.actor, officer=officer, reason=reason))

    async def services(self, call: Call) -> Response:
        """What the customer may use now."""
        row = await own_customer(self._services, call, read_id(call.request))
        active = row.status == Status.ACTIVE
        return answer(models.CustomerServices(status=Status(row.status), account_creation=active, card_creation=active))

    async def _switch(self, call: Call, command: DeactivateCustomer | ReactivateCustomer) -> Response:
        customer_id = read_id(call.request)
        outcome = await change_customer(self._services, call, customer_id, command, if_match=if_match(call))
        if not outcome.added:
            await self._trail.note(call.caller, customer_id, "customer")
        return await _changed(call, outcome)


async def _registered(call: Call, outcome: Outcome) -> Response:
    row = row_of(outcome)
    resource = models.RegisteredCustomer(**shown(row), challenge=encoded(open_challenge(outcome)))
    return answer(resource, 201, headers={"Location": f"/v1/customers/{row.id}", **etag(call, row)})


async def _changed(call: Call, outcome: Outcome) -> Response:
    row = row_of(outcome)
    return answer(resource_of(row), headers=etag(call, row))


async def _officers_reason(call: Call) -> str | None:
    """Why, where an officer says so. A partner's reason is read as strictly, and not kept."""
    if not has_body(call.request):
        return None
    body = await read_body(call.request, models.OptionalReason)
    return body.reason or None if call.caller.role == "officer" else None
