"""Which stream is about what. Ids are derived, so that nothing has to be looked up."""

from typing import Final
from uuid import UUID, uuid5

from domain.wallet import canonical

_CLAIMS: Final = UUID("6f0c2f5e-6a52-5d0e-9d57-2c8d2f6f3a10")
_FINGERPRINTS: Final = UUID("0b5f3d4e-9f5a-5c3c-8a3e-6f2b7f4d1c22")
_LISTS: Final = UUID("d1a7c3a4-3b0d-5f0b-9a44-7c5be1f0a933")
_KEYS: Final = UUID("3c9b0a57-6d0e-5f6c-8f0e-1f5f0c6f7b41")

_WEBHOOKS: Final = UUID("8e1d5b0c-2a47-5b1e-8c4f-0d6b7a3e9f52")


def claim_of(partner: UUID, wallet: str) -> UUID:
    """The stream that a partner's claim on a wallet is written to, once."""
    return uuid5(_CLAIMS, f"{partner}/{canonical(wallet)}")


def bar_of(fingerprint: str) -> UUID:
    """The stream of what is known of a wallet or a person, by its keyed fingerprint."""
    return uuid5(_FINGERPRINTS, fingerprint)


def sanctions_list_of(name: str) -> UUID:
    """The stream of one sanctions list's adoptions."""
    return uuid5(_LISTS, name)


def signing_stream() -> UUID:
    """The stream of the keys that the log is signed with."""
    return uuid5(_KEYS, "signing")


def master_stream() -> UUID:
    """The stream of the master key's rotations."""
    return uuid5(_KEYS, "master")


def webhooks_of(partner: UUID) -> UUID:
    """The stream of which addresses have a webhook of a partner's."""
    return uuid5(_WEBHOOKS, str(partner))
