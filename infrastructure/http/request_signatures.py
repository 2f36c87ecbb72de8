"""Signed requests (RFC 9421) with signed bodies (RFC 9530), for API keys that have registered a public key.

The head is checked before anything is read; the body is hashed as the handler reads it, and its end is withheld from
the handler unless the digest holds. A login's was read before, for it says whose signature there must be.
Without a registered key a signature proves nothing, and is ignored.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Final

from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    VerificationKey,
    VerifyResult,
)
from http_message_signatures.algorithms import ECDSA_P384_SHA384, ED25519
from starlette.requests import Request

from infrastructure.api_keys import Caller
from infrastructure.http.content_digest import WrongDigest, digests_hold, expected_digests, hashing
from infrastructure.http.problems import Problem
from infrastructure.http.rates import Budget
from infrastructure.http.requests import has_body, header, kept_bytes
from infrastructure.request_keys import RequestKey

LONGEST_AGE: Final = timedelta(seconds=300)
SKEW: Final = timedelta(seconds=30)
"""By how much a caller's clock may differ from ours."""
LARGEST: Final = 1536
"""Characters of `Signature-Input` and `Signature` together that are parsed."""
REMEMBERED: Final = 200_000
"""Signatures that a process remembers, 25 MB at most; the oldest of more are forgotten."""
MOST_WRONG: Final = 300
"""A minute, of one key; then it is refused unchecked."""
ALGORITHMS: Final = {"ecdsa-p384-sha384": ECDSA_P384_SHA384, "ed25519": ED25519}
TARGET: Final = frozenset({'"@target-uri"'})
TARGET_IN_PARTS: Final = frozenset({'"@authority"', '"@path"', '"@query"'})
READS: Final = frozenset({"GET", "HEAD"})
METHOD: Final = '"@method"'
AUTHORIZATION: Final = '"authorization"'
DIGEST: Final = '"content-digest"'


class Verifier(HTTPMessageVerifier):
    """The library's, with our patience for clocks."""

    max_clock_skew = SKEW


class RequestSignatures:
    """What this process asks of signatures, and which it has seen.

    A signed write counts once, and so does a read that has a nonce: what is signed is remembered until it is too old.
    Each process remembers for itself, so that across several it is Idempotency-Key that keeps a write from repeating.
    """

    def __init__(self, public_url: str | None) -> None:
        """Without a public URL, as in a sandbox, what is signed is the URL that the request itself says."""
        self._public_url = public_url
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        self._wrong = Budget("wrong-signatures", MOST_WRONG)

    def check(self, request: Request, caller: Caller) -> Request:
        """The request, whose body holds as far as it is read.

        Raises `Problem` where it is not signed as it must be, or where too many of its key's were not.
        """
        if caller.request_key is None:
            return request
        try:
            self._wrong.check(caller.key_id)
            return self._checked(request, caller, caller.request_key)
        except Problem as problem:
            if problem.code == "request_signature_invalid":
                self._wrong.note(caller.key_id)
            raise

    def _checked(self, request: Request, caller: Caller, key: RequestKey) -> Request:
        if header(request, b"signature") is None and header(request, b"signature-input") is None:
            raise Problem("request_signature_required")
        result = self._verified(request, str(caller.key_id), key)
        covered = result.covered_components
        shown = {METHOD} if header(request, b"authorization") is None else {METHOD, AUTHORIZATION}  # a login shows none
        if not (covered.keys() >= shown and (covered.keys() >= TARGET or covered.keys() >= TARGET_IN_PARTS)):
            raise _invalid("not_covered")
        checked = _with_body(request, covered.get(DIGEST))
        if request.method not in READS or result.nonce is not None:
            self._take_once(covered)
        return checked

    def _verified(self, request: Request, key_id: str, key: RequestKey) -> VerifyResult:
        """The one signature that there must be, which holds."""
        message = Message(request, self._public_url)
        if sum(len(value) for name, value in message.items() if name in {"signature", "signature-input"}) > LARGEST:
            raise _invalid("malformed")
        verifier = Verifier(signature_algorithm=ALGORITHMS[key.algorithm], key_resolver=_OneKey(key_id, key.public))
        try:
            (result,) = verifier.verify(message, max_age=LONGEST_AGE)
        except HTTPMessageSignaturesException:  # its words are made of what was sent
            raise _invalid("not_verified") from None
        return result

    def _take_once(self, covered: dict[str, str]) -> None:
        """Remember what was signed, not the signature: of one text there are many valid ECDSA signatures."""
        now, seen = time.monotonic(), self._seen
        while seen and (len(seen) >= REMEMBERED or next(iter(seen.values())) < now):
            seen.popitem(last=False)
        signed = sha256(repr(sorted(covered.items())).encode()).digest()
        if signed in seen:
            raise _invalid("replayed")
        seen[signed] = now + (LONGEST_AGE + 2 * SKEW).total_seconds()


class _OneKey(HTTPSignatureKeyResolver):
    """The caller's key, under the API key's id and no other."""

    def __init__(self, key_id: str, key: VerificationKey) -> None:
        self._key_id = key_id
        self._key = key

    def resolve_public_key(self, key_id: str) -> VerificationKey | None:
        """The key, if it is this one that is named."""
        return self._key if key_id == self._key_id else None


@dataclass(frozen=True, slots=True)
class Message:
    """A request as the library reads it. Its URL is the public one: what a proxy made of it is not what was signed."""

    request: Request
    public_url: str | None

    @property
    def method(self) -> str:
        """The method."""
        return self.request.method

    @property
    def url(self) -> str:
        """Where the caller sent it."""
        scope = self.request.scope
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        origin = self.public_url or f"http://{header(self.request, b'host')}"
        return origin + str(scope["raw_path"] + query, "latin-1")

    @property
    def headers(self) -> "Message":
        """Its fields, line by line, by `items`."""
        return self

    def items(self) -> Iterable[tuple[str, str]]:
        """Every line of the head."""
        return [(str(name, "latin-1"), str(value, "latin-1")) for name, value in self.request.scope["headers"]]


def _with_body(request: Request, signed_digest: str | None) -> Request:
    """The request, whose body ends only where it is what was signed."""
    if signed_digest is None:
        if has_body(request):
            raise _invalid("not_covered")
        return request
    try:
        digests = expected_digests(signed_digest)
    except WrongDigest:
        raise _invalid("wrong_digest") from None
    body = kept_bytes(request)
    if body is not None:
        if not digests_hold(body, digests):
            raise _invalid("wrong_digest")
        return request
    receive = hashing(request.receive, digests, wrong=lambda: _invalid("wrong_digest"))
    return Request(request.scope, receive)


def _invalid(why: str) -> Problem:
    """What the caller hears: the class of the fault, and nothing of what was sent."""
    return Problem("request_signature_invalid", errors=[{"code": why}])
