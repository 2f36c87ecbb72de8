"""Why a command is refused. Each has a stable `code`; nothing here repeats what the caller sent."""

from uuid import UUID


class Refused(Exception):
    """A command that may not happen. It changes nothing."""

    code: str = "refused"


class WrongStatus(Refused):
    """The customer's status does not allow it."""

    code = "wrong_status"


class UnknownCustomer(Refused):
    """There is no such customer, or it is another partner's."""

    code = "customer_not_found"


class CustomerExists(Refused):
    """The partner has registered this wallet before."""

    code = "customer_exists"

    def __init__(self, customer: UUID) -> None:
        super().__init__(self.code)
        self.customer = customer


class OnboardingIsBarred(Refused):
    """This wallet or this person was rejected for good."""

    code = "onboarding_barred"


class ChallengeAlreadySigned(Refused):
    """The challenge was signed before: nothing is left to do."""

    code = "challenge_already_signed"


class ActivationReserved(Refused):
    """Deactivated on suspicion or for an issue: only an officer re-activates."""

    code = "activation_reserved"


class SelfConfirmation(Refused):
    """Whoever proposes a rejection cannot confirm it."""

    code = "self_confirmation"


class SelfRefusal(Refused):
    """Whoever proposes a rejection takes it back; to refuse it is another officer's."""

    code = "self_refusal"


class NotTheProposer(Refused):
    """Only whoever proposed a rejection takes it back; others confirm or refuse it."""

    code = "not_the_proposer"


class NothingToDecide(Refused):
    """There is no hold, alert or proposal of this kind to decide."""

    code = "nothing_to_decide"


class UnderLegalHold(Refused):
    """An authority forbids erasure."""

    code = "legal_hold"


class WithinRetention(Refused):
    """The law asks that the customer's data is kept for some time yet."""

    code = "retention_period"


class PartnerRequestAlone(Refused):
    """A partner's wish is no reason to erase what the law asks to keep."""

    code = "partner_request_alone"


class CustomerErased(Refused):
    """The customer's personal data was erased: nothing more happens to it."""

    code = "customer_erased"


class NotVerifying(Refused):
    """There is no verification session now."""

    code = "not_verifying"


class VersionMismatch(Refused):
    """The customer has changed since the caller looked."""

    code = "version_mismatch"


class UnknownWebhook(Refused):
    """There is no such webhook, or it is another partner's."""

    code = "webhook_not_found"


class TooManyWebhooks(Refused):
    """The partner has as many webhooks as it may have."""

    code = "too_many_webhooks"
