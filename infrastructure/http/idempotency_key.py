"""The `Idempotency-Key` of a request (draft-ietf-httpapi-idempotency-key-header-07), and what is kept in its stead.

A key is whatever its caller chose, a name perhaps: only keyed hashes of it are ever stored, and it is never logged.
What is sealed with it opens for nobody who has not both the key itself and the deployment's.
"""

import os
import re
from hashlib import blake2b
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request

from infrastructure.http.problems import Problem
from infrastructure.keys.deployment import Keys
from infrastructure.keys.sealing import NONCE

LONGEST: Final = 255
"""Characters of a key, without quotes."""

SIZE: Final = 16
"""Bytes of a hash: nobody without the deployment's key can look for two that are alike."""
SEALING: Final = 32
"""Bytes of a key of AES-256."""
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]++|\\["\\])*)"', re.ASCII)
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
        text = given[0].decode()
    except UnicodeDecodeError:
        text = given[0].decode("latin-1")
    key = _unquoted(text) if text.startswith('"') else text
    if not 0 < len(key) <= LONGEST or _CONTROL.search(key):
        raise _malformed("malformed_header")
    return key


def _unquoted(text: str) -> str:
    """The string of a structured field."""
    quoted = _QUOTED.fullmatch(text)
    if quoted is None:
        raise _malformed("malformed_header")
    key = quoted.group(1)
    return _ESCAPED.sub(r"\1", key) if "\\" in key else key


def _malformed(code: str) -> Problem:
    return Problem("invalid_request", errors=[{"pointer": "/Idempotency-Key", "code": code}])


class KeyHashes:
    """Keyed hashes of keys and payloads (RFC 7693, 2.9), 128 bits each. Another deployment's are others."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys.derived("idempotency key")
        self._payloads = keys.derived("idempotency payload")
        self._seals = keys.derived("idempotency seal")

    def key_of(self, caller: str, key: str) -> bytes:
        """The hash of a caller's key: two callers' keys have nothing to do with each other."""
        return blake2b(_owned(caller, key), digest_size=SIZE, key=self._keys).digest()

    def payload_of(self, request: Request, body: bytes) -> bytes:
        """The hash of a whole request."""
        return blake2b(_head(request) + body, digest_size=SIZE, key=self._payloads).digest()

    def payload(self, request: Request) -> blake2b:
        """The same hash, to be continued with the body as it comes."""
        return blake2b(_head(request), digest_size=SIZE, key=self._payloads)

    def seal(self, caller: str, key: str) -> "Seal":
        """What seals for whoever comes with this key again."""
        return Seal(blake2b(_owned(caller, key), digest_size=SEALING, key=self._seals).digest())


class Seal:
    """AES-256-GCM under a key that is nowhere stored."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, clear: bytes, entry: bytes) -> bytes:
        """Encrypt for one entry."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, clear, entry)

    def open(self, sealed: bytes, entry: bytes) -> bytes:
        """Decrypt what was sealed for this entry."""
        return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], entry)


def _owned(caller: str, key: str) -> bytes:
    """A key with its owner, so that no two pairs are written alike."""
    return f"{len(caller)}:{caller}:{key}".encode()


def _head(request: Request) -> bytes:
    """What a request asks for, but for its body."""
    scope = request.scope
    return b"%b %b?%b\n" % (scope["method"].encode(), scope["raw_path"], scope["query_string"])
