"""One customer's evidence as it is kept: opened with its subject's key, and held against its SHA-256."""

from collections.abc import Callable, Mapping
from uuid import UUID

from cryptography.exceptions import InvalidTag

from application.rereading import Erased, NoEvidence
from infrastructure.keys.sealing import SubjectKey, open_evidence


class KeptEvidence:
    """`erased` says that the log tells of the subject's erasure: only then may anything be gone."""

    def __init__(
        self, subject: UUID, sealed: Mapping[bytes, bytes], *, unwrap: Callable[[], SubjectKey] | None, erased: bool
    ) -> None:
        self._subject = subject
        self._sealed = sealed
        self._unwrap = unwrap
        self._erased = erased
        self._key: SubjectKey | None = None

    def open(self, digest: str) -> bytes:
        """The payload with this SHA-256. Raises `NoEvidence` and `Erased`."""
        wanted = bytes.fromhex(digest)
        sealed = self._sealed.get(wanted)
        if sealed is None or self._unwrap is None:
            if self._erased:
                raise Erased
            raise NoEvidence("evidence missing")
        try:
            self._key = self._key or self._unwrap()
            return open_evidence(self._key, self._subject, wanted, sealed)
        except (InvalidTag, ValueError):  # too short to have been sealed is a ValueError
            raise NoEvidence("evidence altered") from None

    def forget(self) -> None:
        """Let go of the key."""
        if self._key:
            self._key.forget()
            self._key = None
