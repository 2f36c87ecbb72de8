"""The demo's customers: what happens to each, and the status that it must end in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from infrastructure.demo.partner import Customer, Officer, Partner
from infrastructure.demo.wallet import OwnedWallet


class DemoClock:
    """The service's clock, which one story sets back."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        """The time now, as the service sees it."""
        return datetime.now(UTC) + self.offset


@dataclass(frozen=True, slots=True)
class Stage:
    """What a story plays on: who calls, the service's clock, and the wallet that the sanctions list names."""

    partner: Partner
    officer: Officer
    clock: DemoClock
    sanctioned: OwnedWallet


Play = Callable[[Stage], Awaitable[Customer]]


@dataclass(frozen=True, slots=True)
class Story:
    """One customer."""

    title: str
    play: Play
    ends: str


async def straight_through(stage: Stage) -> Customer:
    """Signs, is clean, and is approved on the hosted page."""
    customer = await _verifying(stage, "straight-through")
    await stage.partner.approve_on_the_page(customer)
    await stage.partner.until(customer, "active")
    return customer


async def on_the_list(stage: Stage) -> Customer:
    """The sanctions list names the wallet."""
    customer = await stage.partner.register(stage.sanctioned, "on-the-list")
    await stage.partner.sign(customer)
    await stage.partner.until(customer, "rejected")
    return customer


async def wrong_signature_first(stage: Stage) -> Customer:
    """Another wallet signs first; then the right one."""
    customer = await stage.partner.register(OwnedWallet(), "wrong-signature-first")
    await stage.partner.sign_refused("signature_invalid", customer, signer=OwnedWallet())
    await stage.partner.new_challenge(customer)
    await stage.partner.sign(customer)
    return await _verified(stage, customer)


async def too_late(stage: Stage) -> Customer:
    """The challenge was issued more than an hour ago; a new one is signed in time."""
    stage.clock.offset = timedelta(minutes=-61)
    try:
        customer = await stage.partner.register(OwnedWallet(), "too-late")
    finally:
        stage.clock.offset = timedelta()
    await stage.partner.sign_refused("challenge_expired", customer)
    await stage.partner.new_challenge(customer)
    await stage.partner.sign(customer)
    return await _verified(stage, customer)


async def never_signs(stage: Stage) -> Customer:
    """Registers, and is not heard of again."""
    return await stage.partner.register(OwnedWallet(), "never-signs")


async def source_is_down(stage: Stage) -> Customer:
    """A screening source is down: nobody passes, nobody is rejected."""
    customer = await stage.partner.register(OwnedWallet(), "source-is-down")
    await stage.partner.rehearse(customer, "screening", "outage")
    await stage.partner.sign(customer)
    await stage.officer.until(customer, "ScreeningAttempted")
    return customer


async def still_in_session(stage: Stage) -> Customer:
    """Has yet to verify their identity."""
    return await _verifying(stage, "still-in-session")


async def fails_kyc(stage: Stage) -> Customer:
    """The KYC provider rejects the person for good; the wallet tries again and is barred."""
    customer = await _verifying(stage, "fails-kyc")
    await stage.partner.rehearse(customer, "verification", "final")
    await stage.partner.until(customer, "rejected")
    on_another_chain = customer.wallet.account.replace("eip155:1:", "eip155:137:")
    await stage.partner.register_refused("onboarding_barred", on_another_chain, "tries-again")
    return customer


async def retries_kyc(stage: Stage) -> Customer:
    """Is asked to try again, and passes."""
    customer = await _verifying(stage, "retries-kyc")
    await stage.partner.rehearse(customer, "verification", "retry")
    return await _verified(stage, customer)


async def paused_by_partner(stage: Stage) -> Customer:
    """The partner deactivates the customer, and activates it again."""
    customer = await _active(stage, "paused-by-partner")
    await stage.partner.deactivate(customer)
    await stage.partner.until(customer, "inactive")
    await stage.partner.activate(customer)
    await stage.partner.until(customer, "active")
    return customer


async def under_suspicion(stage: Stage) -> Customer:
    """Monitoring has a suspicion: the partner cannot activate the customer itself."""
    customer = await _active(stage, "under-suspicion")
    await stage.partner.rehearse(customer, "monitoring", "suspicion")
    await stage.partner.until(customer, "inactive")
    await stage.partner.activate_refused("activation_reserved", customer)
    return customer


async def caught_by_evidence(stage: Stage) -> Customer:
    """Monitoring finds evidence of illicit activity."""
    customer = await _active(stage, "caught-by-evidence")
    await stage.partner.rehearse(customer, "monitoring", "evidence")
    await stage.partner.until(customer, "rejected")
    return customer


async def _verifying(stage: Stage, external_id: str) -> Customer:
    customer = await stage.partner.register(OwnedWallet(), external_id)
    await stage.partner.sign(customer)
    await stage.partner.until(customer, "verifying")
    return customer


async def _verified(stage: Stage, customer: Customer) -> Customer:
    await stage.partner.until(customer, "verifying")
    await stage.partner.rehearse(customer, "verification", "pass")
    await stage.partner.until(customer, "active")
    return customer


async def _active(stage: Stage, external_id: str) -> Customer:
    return await _verified(stage, await _verifying(stage, external_id))


STORIES: Final = (
    Story("goes straight through", straight_through, "active"),
    Story("is on the sanctions list", on_the_list, "rejected"),
    Story("signs with a wrong wallet first", wrong_signature_first, "active"),
    Story("signs too late, then in time", too_late, "active"),
    Story("never signs", never_signs, "initiating"),
    Story("meets a source that is down", source_is_down, "screening"),
    Story("has yet to verify their identity", still_in_session, "verifying"),
    Story("fails KYC, and comes back", fails_kyc, "rejected"),
    Story("is asked to retry KYC", retries_kyc, "active"),
    Story("is paused by the partner", paused_by_partner, "active"),
    Story("comes under suspicion", under_suspicion, "inactive"),
    Story("is caught by evidence", caught_by_evidence, "rejected"),
)
