"""Requests that their callers may repeat: what makes one the same again, and what the first one came to.

Neither a caller's key nor what it asks for is here: both are keyed hashes.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from application.envelope import Envelope
from domain.events import SubjectErased
from domain.refusals import CustomerErased, CustomerExists, Refused

NOBODY: Final = UUID(int=0)
"""The customer that a refusal names, where it names none."""


class KeyReused(Refused):
    """The caller has asked for something else under this idempotency key."""

    code = "idempotency_key_reused"


class RefusedBefore(Refused):
    """What the first request was refused with."""

    def __init__(self, code: str, customer: UUID | None) -> None:
        super().__init__(code)
        self.code = code
        self.customer = customer


class Entry(NamedTuple):
    """What the first request under a key came to: a stream as of a version, or a refusal. Stored with its events."""

    key: bytes
    fingerprint: bytes
    command_id: UUID
    stream: UUID
    version: int
    refusal: str | None = None
    sealed: bytes | None = None

    def refused(self, fingerprint: bytes, history: list[Envelope]) -> Refused | None:
        """Why a repeat is refused, if it is. A customer that has been erased since is not shown again."""
        if self.fingerprint != fingerprint:
            return KeyReused()
        if self.refusal is not None:
            return RefusedBefore(self.refusal, None if self.stream == NOBODY else self.stream)
        if any(isinstance(envelope.event, SubjectErased) for envelope in history[self.version :]):
            return CustomerErased()
        return None


@dataclass(slots=True, eq=False)
class Once:
    """A request that is executed once, however often it comes."""

    key: bytes
    """Hash of the caller and its idempotency key."""
    fingerprint: bytes
    """Hash of all that the request asks for."""
    command_id: UUID
    sealed: bytes | None = None
    """What cannot be made again from the log, for whoever has the idempotency key."""
    settled: bool = False
    """Whether what it came to is on record."""

    def came_to(self, stream: UUID, version: int) -> Entry:
        """The entry of a request that was carried out, or changed nothing."""
        return Entry(self.key, self.fingerprint, self.command_id, stream, version, None, self.sealed)

    def was_refused(self, refusal: Refused) -> Entry:
        """The entry of a request that may not happen."""
        named = refusal.customer if isinstance(refusal, CustomerExists) else NOBODY
        return Entry(self.key, self.fingerprint, self.command_id, named, 0, refusal.code)
