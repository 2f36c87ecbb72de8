"""The `Idempotency-Key` of a request (draft-ietf-httpapi-idempotency-key-header-07), and what is kept in its stead.

A key is whatever its caller chose, a name perhaps: only keyed hashes of it are ever stored, and it is never logged.
What is sealed with it opens for nobody who has not both the key itself and the deployment's.
"""

import hmac
import os
import re
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request

from infrastructure.http.problems import Problem
from infrastructure.keys.deployment import Keys
from infrastructure.keys.sealing import NONCE

LONGEST: Final = 255
"""Characters of a key, without quotes."""

_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"', re.ASCII)
"""A string of a structured field (RFC 9651, 3.3.3)."""
_ESCAPED: Final = re.compile(r"\\(.)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def read_key(request: Request) -> str | None:
    """The caller's key, in quotes or bare, which is the same one; None where there is none.

    The draft asks for a string in quotes. Bare, it may have any character but controls.
    """
    given: list[bytes] = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
    if not given:
        return None
    if len(given) > 1:
        raise _malformed("repeated_header")
    try:
        text = given[0].decode().strip(" \t")
    except UnicodeDecodeError:
        text = given[0].decode("latin-1").strip(" \t")
    if text.startswith('"'):
        quoted = _QUOTED.fullmatch(text)
        if quoted is None:
            raise _malformed("malformed_header")
        text = _ESCAPED.sub(r"\1", quoted.group(1))
    if not 0 < len(text) <= LONGEST or _CONTROL.search(text):
        raise _malformed("malformed_header")
    return text


def _malformed(code: str) -> Problem:
    return Problem("invalid_request", errors=[{"pointer": "/Idempotency-Key", "code": code}])


class KeyHashes:
    """Keyed hashes of keys and payloads. Another deployment's are others."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys.derived("idempotency key")
        self._payloads = keys.derived("idempotency payload")
        self._seals = keys.derived("idempotency seal")

    def key_of(self, caller: str, key: str) -> UUID:
        """The hash of a caller's key: two callers' keys have nothing to do with each other."""
        return _shortened(hmac.digest(self._keys, _owned(caller, key), "sha256"))

    def payload(self, request: Request) -> "hmac.HMAC":
        """A hash of method, path and query, to be continued with the body."""
        scope = request.scope
        head = b"%b %b?%b\n" % (scope["method"].encode(), scope["raw_path"], scope["query_string"])
        return hmac.new(self._payloads, head, "sha256")

    def seal(self, caller: str, key: str) -> "Seal":
        """What seals for whoever comes with this key again."""
        return Seal(hmac.digest(self._seals, _owned(caller, key), "sha256"))


def finished(payload: "hmac.HMAC") -> UUID:
    """The hash of a whole request."""
    return _shortened(payload.digest())


class Seal:
    """AES-256-GCM under a key that is nowhere stored."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, clear: bytes, entry: UUID) -> bytes:
        """Encrypt for one entry."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, clear, entry.bytes)

    def open(self, sealed: bytes, entry: UUID) -> bytes:
        """Decrypt what was sealed for this entry."""
        return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], entry.bytes)


def _owned(caller: str, key: str) -> bytes:
    """A key with its owner, so that no two pairs are written alike."""
    return f"{len(caller)}:{caller}:{key}".encode()


def _shortened(digest: bytes) -> UUID:
    """128 bits of a digest, where nobody can look for collisions without the deployment's key."""
    return UUID(bytes=digest[:16])
