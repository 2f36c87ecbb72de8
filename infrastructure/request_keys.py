"""Request keys: the public half of the pair that an API key's owner signs requests with (RFC 9421).

Registered and removed as events on the API key's stream. With one, the API key alone calls nothing any more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from domain.events import ApiKeyIssued, ApiKeyRevoked, RequestKeyRegistered, RequestKeyRemoved
from domain.vocabulary import Event

Algorithm = Literal["ecdsa-p384-sha384", "ed25519"]
Decision = Callable[[Sequence[Event]], Sequence[Event]]
LONGEST_PEM: Final = 1024
"""Characters; a key on P-384 takes 215."""


class MalformedRequestKey(Exception):
    """Not the public key of an ECDSA P-384 or Ed25519 pair."""


class UnknownApiKey(Exception):
    """There is no API key of this id, or it was revoked."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What signatures are checked with."""

    algorithm: Algorithm
    public: EllipticCurvePublicKey | Ed25519PublicKey

    @property
    def pem(self) -> str:
        """The key as everybody writes it: SubjectPublicKeyInfo, in PEM."""
        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def parse(pem: str) -> RequestKey:
    """The key in a PEM; its type says the algorithm. Raises `MalformedRequestKey`, which shows nothing of it."""
    if len(pem) > LONGEST_PEM:
        raise MalformedRequestKey
    try:
        public = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise MalformedRequestKey from None
    if isinstance(public, Ed25519PublicKey):
        return RequestKey("ed25519", public)
    if isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP384R1):
        return RequestKey("ecdsa-p384-sha384", public)
    raise MalformedRequestKey


def register(key: RequestKey, history: Sequence[Event]) -> Sequence[Event]:
    """The decision to have an API key's requests signed, with this key in place of any before it."""
    registered = RequestKeyRegistered(algorithm=key.algorithm, public_key=key.pem)
    return () if _in_force(history) == registered else (registered,)


def remove(history: Sequence[Event]) -> Sequence[Event]:
    """The decision to ask for no signatures any more, where they are asked for."""
    return () if _in_force(history) is None else (RequestKeyRemoved(),)


def _in_force(history: Sequence[Event]) -> RequestKeyRegistered | None:
    """What is registered now. Raises `UnknownApiKey`."""
    if not history or not isinstance(history[0], ApiKeyIssued):
        raise UnknownApiKey
    if any(isinstance(event, ApiKeyRevoked) for event in history):
        raise UnknownApiKey
    said = [event for event in history if isinstance(event, RequestKeyRegistered | RequestKeyRemoved)]
    return said[-1] if said and isinstance(said[-1], RequestKeyRegistered) else None
