"""The six statuses as a careful reader of domain.md would keep them in a notebook: one word and a few tallies.

Written from the document alone. It imports nothing of ours, so that the two can only agree by being right.
"""

from dataclasses import dataclass, field

IN = ("active", "inactive")
UNDER_WAY = ("screening", "verifying", *IN)
WEEK = 7 * 24 * 60


@dataclass
class Naive:
    """What is to become of a customer, in plain words."""

    status: str = "nobody"
    good_until: int = 0
    doubts: int = 0
    held: bool = False
    ours: bool = False
    """The hold is not the provider's own: officers alone end it."""
    retries: int = 0
    heard_at: float = float("-inf")
    grounds: set[str] = field(default_factory=set)
    alerts: dict[int, set[str]] = field(default_factory=dict)
    """What each open alert says: sources, and `listed:` before a source that has the very address."""
    proposed_by: str = ""
    proposed_at: int = 0

    def registers(self, *, good_until: int) -> None:
        """A partner brings a wallet."""
        if self.status == "nobody":
            self.status, self.good_until = "initiating", good_until

    def is_given_a_challenge(self, *, good_until: int) -> None:
        """The open one was of no use any more."""
        if self.status == "initiating":
            self.good_until = good_until

    def signs(self, *, right: bool, at: int) -> None:
        """The wallet's owner, or somebody else, answers."""
        if self.status == "initiating" and right and at < self.good_until:
            self.status = "screening"

    def is_screened(self, says: str, *, due: bool, barred: bool, confirmed: bool) -> None:
        """One attempt: `clean`, `alone`, `both`, `listed`, `outage`, or `half` clean and half out."""
        if self.status != "screening" or self.held or not due or says in ("outage", "half"):
            return
        if says in ("listed", "both") or (says == "clean" and barred and not self.doubts):
            self._fails(confirmed=confirmed)
        elif says == "clean" and self.doubts:
            self.held = True
        elif says == "clean":
            self._moves_on("verifying")
        else:
            self.doubts += 1
            self.held = self.doubts == 3

    def is_verified(self, says: str, *, at: int, barred: bool, elsewhere: bool, confirmed: bool) -> None:
        """The provider's word, at its own time."""
        if self.status != "verifying" or at <= self.heard_at or (self.held and self.ours):
            return
        self.heard_at = at
        if says == "rejected" or (says == "approved" and barred):
            self._fails(confirmed=confirmed)
        elif says == "approved" and not elsewhere:
            self._moves_on("active")
        elif says == "retry" and self.retries < 5:
            self.retries += 1
            self.held = False
        else:
            self.held, self.ours = True, says != "on_hold"

    def is_monitored(self, says: set[str], *, alert: int, confirmed: bool) -> None:
        """What stands against the customer today."""
        known: set[str] = set().union(*self.alerts.values())
        everything = says | known
        if self.status not in IN:
            return
        listed = any(word.startswith("listed:") for word in everything)
        sources = {word.removeprefix("listed:") for word in everything}
        if (listed or len(sources) > 1) and not confirmed:
            self.status = "rejected"
        elif says - known:
            self.alerts[alert] = says
            self.is_deactivated("suspicion")

    def is_deactivated(self, ground: str) -> None:
        """By its partner, an officer or a policy."""
        if self.status in IN:
            self.status = "inactive"
            self.grounds.add(ground)

    def is_reactivated(self, *, officer: bool) -> None:
        """By its partner, where nobody else had a reason, or by an officer."""
        if self.status == "inactive" and (officer or self.grounds == {"partner_request"}):
            self.status, self.grounds = "active", set()

    def has_an_alert_cleared(self, alert: int) -> None:
        """An officer found nothing in it."""
        if self.status in IN and self.alerts.pop(alert, None) is not None and not self.alerts:
            self.grounds.discard("suspicion")
            if not self.grounds:
                self.status = "active"

    def has_its_hold_resolved(self, step: str, *, passes: bool, officer: str, confirmed: bool, at: int) -> None:
        """An officer decides what a policy would not."""
        if self.status != step or not self.held:
            return
        if passes:
            self._moves_on("verifying" if step == "screening" else "active")
        elif confirmed:
            self.is_proposed_for_rejection(officer, at=at)
        else:
            self.status = "rejected"

    def is_proposed_for_rejection(self, officer: str, *, at: int) -> None:
        """The first proposal stands, for a week."""
        self.has_the_proposal_expired(at=at)
        if self.status in UNDER_WAY and not self.proposed_by:
            self.proposed_by, self.proposed_at = officer, at

    def has_the_proposal_withdrawn(self, officer: str) -> None:
        """By whoever proposed."""
        if self.proposed_by == officer:
            self.proposed_by = ""

    def has_the_proposal_refused(self, officer: str) -> None:
        """By anybody else."""
        if self.proposed_by != officer:
            self.proposed_by = ""

    def has_the_proposal_expired(self, *, at: int) -> None:
        """A week is over."""
        if at >= self.proposed_at + WEEK:
            self.proposed_by = ""

    def has_its_rejection_confirmed(self, officer: str, *, at: int) -> None:
        """By another officer than the one who proposed, within the week."""
        if at < self.proposed_at + WEEK and self.status in UNDER_WAY and self.proposed_by not in ("", officer):
            self.status = "rejected"

    def _fails(self, *, confirmed: bool) -> None:
        if confirmed:
            self.held, self.ours = True, True
        else:
            self.status = "rejected"

    def _moves_on(self, status: str) -> None:
        self.status, self.held, self.ours = status, False, False
