"""A random life of one customer, held against the naive reading of the statuses in `naive.py`."""

from dataclasses import replace
from typing import Any, ClassVar, Final
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from domain import commands as c
from domain.customer import Customer, evolve, fold
from domain.decide import decide
from domain.events import ChallengeFailed
from domain.findings import SourceReport
from domain.refusals import Refused
from domain.vocabulary import Confirmation, Event, Ground
from tests.domain import samples as s
from tests.domain.naive import Naive

OFFICERS: Final = st.sampled_from([s.ALICE, s.BOB])
SETTINGS: Final = st.sampled_from([Confirmation.NEVER, Confirmation.NEVER, Confirmation.AMBIGUOUS, Confirmation.ALWAYS])
SELDOM: Final = st.sampled_from([False] * 5 + [True])
GROUNDS: Final = st.sampled_from(list(Ground))
ALERTS: Final = st.integers(0, 3)

SCREENED: Final[dict[str, tuple[SourceReport, ...]]] = {
    "clean": (s.clean("ofac"),),
    "alone": (s.grave("ofac"),),
    "outage": (s.silent("ofac"),),
    "half": (s.clean("ofac"), s.silent("trm")),
    "both": (s.grave("ofac"), s.grave("trm")),
    "listed": (s.listed("ofac"),),
}
MONITORED: Final[tuple[tuple[set[str], tuple[SourceReport, ...]], ...]] = (
    (set(), (s.clean("ofac"), s.clean("trm"))),
    (set(), (s.silent("ofac"),)),
    ({"trm"}, (s.grave("trm"), s.clean("ofac"))),
    ({"trm"}, (s.grave("trm"), s.silent("ofac"))),
    ({"ofac"}, (s.grave("ofac"),)),
    ({"listed:trm"}, (s.listed("trm"),)),
)


class Life(RuleBasedStateMachine):
    """One customer, whatever is asked of it."""

    steps: ClassVar[int] = 0
    moves: ClassVar[set[tuple[str, str]]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.events: tuple[Event, ...] = ()
        self.customer: Customer | None = None
        self.naive = Naive()
        self.erased_as: str | None = None
        self.minute = 0

    def ask(self, command: c.Command) -> bool:
        """Decide, and check what must hold of every decision. Whether anything happened."""
        before = self.customer
        try:
            events = decide(before, command)
        except Refused:
            events = ()
        for event in events:
            self.customer = evolve(self.customer, event)
        self.events += events
        self.minute += 1
        Life.steps += 1
        Life.moves.add((self.status(before), self.status(self.customer)))
        assert fold(self.events) == self.customer
        assert self.status(before) != "rejected" or self.status(self.customer) == "rejected"
        self.check_that_repeating_changes_nothing(command)
        return bool(events)

    def check_that_repeating_changes_nothing(self, command: c.Command) -> None:
        """No events or a refusal; a wrong signature alone is on record as often as it is given."""
        try:
            again = decide(self.customer, command)
        except Refused:
            return
        assert again == () or (len(again) == 1 and isinstance(again[0], ChallengeFailed))
        assert fold(self.events + again) == self.customer

    @staticmethod
    def status(customer: Customer | None) -> str:
        """In the notebook's word."""
        return customer.status.value if customer else "nobody"

    @property
    def looks(self) -> int:
        """How often monitoring has looked."""
        return self.customer.looks if self.customer else 0

    def agree(self) -> None:
        """The machine and the notebook say the same; of who was erased, nothing more is written down."""
        if self.erased_as is None and self.customer and self.customer.erased:
            self.erased_as = self.naive.status
        assert self.status(self.customer) == (self.erased_as or self.naive.status)

    @initialize(steps=st.sampled_from([0, 1, 2, 2, 3, 3, 4, 4, 4]), setting=SETTINGS)
    def comes_some_way(self, *, steps: int, setting: Confirmation) -> None:
        for _ in range(steps):
            self.goes_on(setting=setting)

    @rule(setting=SETTINGS)
    def goes_on(self, *, setting: Confirmation) -> None:
        """Whatever leads on to the next status; from active, to a suspicion and back."""
        match self.naive.status:
            case "nobody":
                self.registers()
            case "initiating":
                self.asks_for_a_challenge()
                self.signs(right=True)
            case "screening":
                self.is_screened(says="clean", due=True, barred=False, setting=setting)
            case "verifying":
                self.is_verified(says="approved", late=0, barred=False, elsewhere=False, setting=setting)
            case "active":
                self.is_monitored(today=MONITORED[2], alert=0, setting=setting)
            case "inactive" if self.naive.alerts:
                self.has_an_alert_cleared(which=0)
            case "inactive":
                self.is_reactivated(officer=True)

    @rule(setting=SETTINGS)
    def gets_into_trouble(self, *, setting: Confirmation) -> None:
        """Whatever an officer must decide."""
        match self.naive.status:
            case "screening":
                for says in ("alone", "clean"):
                    self.is_screened(says=says, due=True, barred=False, setting=setting)
            case "verifying":
                self.is_verified(says="on_hold", late=0, barred=False, elsewhere=False, setting=setting)

    @rule()
    def registers(self) -> None:
        challenge = s.challenge(now=s.minutes(self.minute))
        self.naive.registers(good_until=self.minute + 60)
        self.ask(replace(s.REGISTRATION, challenge=challenge))
        self.agree()

    @rule()
    def asks_for_a_challenge(self) -> None:
        fresh = s.challenge(f"fresh{self.minute:08}", s.minutes(self.minute))
        good_until = self.minute + 60
        if self.ask(c.IssueChallenge(fresh, s.minutes(self.minute))):
            self.naive.is_given_a_challenge(good_until=good_until)
        self.agree()

    @rule(right=st.booleans())
    def signs(self, *, right: bool) -> None:
        challenge = self.customer.challenge if self.customer else None
        self.naive.signs(right=right, at=self.minute)
        proof = c.WalletProof(s.ADDRESS if right else s.STRANGER)
        message = challenge.message if challenge else "no challenge"
        self.ask(s.signed(message=message, proof=proof, now=s.minutes(self.minute)))
        self.agree()

    @rule()
    def sleeps_for_an_hour(self) -> None:
        self.minute += 60

    @rule()
    def sleeps_for_most_of_a_week(self) -> None:
        self.minute += 6 * 24 * 60

    @rule(
        says=st.sampled_from(list(SCREENED)), due=st.sampled_from([True, True, False]), barred=SELDOM, setting=SETTINGS
    )
    def is_screened(self, *, says: str, due: bool, barred: bool, setting: Confirmation) -> None:
        attempts = self.customer.attempts if self.customer else 0
        self.naive.is_screened(says, due=due, barred=barred, confirmed=setting is Confirmation.ALWAYS)
        attempt = attempts + 1 if due else attempts
        self.ask(s.screening(*SCREENED[says], attempt=attempt, barred=barred, confirmation=setting))
        self.agree()

    @rule()
    def has_a_session_opened(self) -> None:
        self.ask(c.StartVerification("sumsub", s.APPLICANT, "basic"))
        self.agree()

    @rule(
        says=st.sampled_from(["approved", "retry", "retry", "retry", "on_hold", "rejected"]),
        late=st.sampled_from([0, 0, 0, 30]),
        barred=SELDOM,
        elsewhere=SELDOM,
        setting=SETTINGS,
    )
    def is_verified(self, *, says: str, late: int, barred: bool, elsewhere: bool, setting: Confirmation) -> None:
        at = self.minute - late
        confirmed = setting is Confirmation.ALWAYS
        self.naive.is_verified(says, at=at, barred=barred, elsewhere=elsewhere, confirmed=confirmed)
        self.ask(s.verification(says, at=at, barred=barred, known_elsewhere=elsewhere, confirmation=setting))
        self.agree()

    @rule(today=st.sampled_from(MONITORED), alert=ALERTS, setting=SETTINGS)
    def is_monitored(
        self, *, today: tuple[set[str], tuple[SourceReport, ...]], alert: int, setting: Confirmation
    ) -> None:
        says, reports = today
        alert += 10 * self.minute
        self.naive.is_monitored(says, alert=alert, confirmed=setting is Confirmation.ALWAYS)
        self.ask(s.monitoring(*reports, alert=UUID(int=alert), confirmation=setting, attempt=self.looks + 1))
        self.agree()

    @rule(ground=GROUNDS)
    def is_deactivated(self, *, ground: Ground) -> None:
        self.naive.is_deactivated(ground.value)
        self.ask(c.DeactivateCustomer(ground, by=s.BY_PARTNER))
        self.agree()

    @rule(officer=st.booleans())
    def is_reactivated(self, *, officer: bool) -> None:
        self.naive.is_reactivated(officer=officer)
        self.ask(c.ReactivateCustomer(by=s.ALICE, officer=officer))
        self.agree()

    @rule(which=st.integers(0, 2))
    def has_an_alert_cleared(self, *, which: int) -> None:
        alert = [*self.naive.alerts, 1, 1, 1][which]
        self.naive.has_an_alert_cleared(alert)
        self.ask(c.ClearAlert(UUID(int=alert), s.ALICE, "nothing in it"))
        self.agree()

    @rule(data=st.data(), officer=OFFICERS, setting=SETTINGS)
    def has_its_hold_resolved(self, *, data: st.DataObject, officer: str, setting: Confirmation) -> None:
        step: Any = data.draw(st.sampled_from(["screening", "verification"]))
        outcome: Any = data.draw(st.sampled_from(["pass", "fail"]))
        status = "screening" if step == "screening" else "verifying"
        confirmed, passes = setting is not Confirmation.NEVER, outcome == "pass"
        self.naive.has_its_hold_resolved(status, passes=passes, officer=officer, confirmed=confirmed, at=self.minute)
        self.ask(c.ResolveHold(step, outcome, officer, "looked into it", setting, now=s.minutes(self.minute)))
        self.agree()

    @rule(officer=OFFICERS)
    def is_proposed_for_rejection(self, *, officer: str) -> None:
        self.naive.is_proposed_for_rejection(officer, at=self.minute)
        self.ask(c.ProposeRejection(officer, "mixes funds", now=s.minutes(self.minute)))
        self.agree()

    @rule(officer=OFFICERS)
    def has_the_proposal_withdrawn(self, *, officer: str) -> None:
        self.naive.has_the_proposal_withdrawn(officer)
        self.ask(c.WithdrawRejection(officer, "mistaken"))
        self.agree()

    @rule(officer=OFFICERS)
    def has_the_proposal_refused(self, *, officer: str) -> None:
        self.naive.has_the_proposal_refused(officer)
        self.ask(c.RefuseRejection(officer, "a namesake"))
        self.agree()

    @rule()
    def has_the_proposal_expired(self) -> None:
        self.naive.has_the_proposal_expired(at=self.minute)
        self.ask(c.ExpireRejection(s.minutes(self.minute)))
        self.agree()

    @rule(officer=OFFICERS)
    def has_its_rejection_confirmed(self, *, officer: str) -> None:
        self.naive.has_its_rejection_confirmed(officer, at=self.minute)
        self.ask(c.ConfirmRejection(officer, now=s.minutes(self.minute)))
        self.agree()

    @rule(which=st.integers(0, 2))
    def is_held_or_erased(self, *, which: int) -> None:
        self.ask(
            (
                c.PlaceLegalHold("Central Bank", "case 12/26"),
                c.LiftLegalHold("Central Bank", "closed"),
                s.ERASURE,
            )[which]
        )
        self.agree()
