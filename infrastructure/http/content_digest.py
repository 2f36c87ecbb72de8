"""`Content-Digest` (RFC 9530), checked while the body passes, however long it is."""

from collections.abc import Callable
from hashlib import sha256, sha512
from hmac import compare_digest
from typing import Final, cast

import http_sf
from starlette.types import Message, Receive

ALGORITHMS: Final = {"sha-256": sha256, "sha-512": sha512}


class WrongDigest(Exception):
    """No digest, or none that we know."""


def expected_digests(field: str) -> dict[str, bytes]:
    """The digests in the field by algorithm. One that we do not know is left out, as long as it is not alone."""
    try:
        parsed = http_sf.parse(field.encode(), tltype="dictionary", on_duplicate_key=_refuse)
    except ValueError:
        raise WrongDigest from None
    known: dict[str, bytes] = {}
    for name, member in cast("http_sf.DictionaryType", parsed).items():
        if name in ALGORITHMS and isinstance(member, tuple) and isinstance(member[0], bytes):
            known[name] = member[0]
    if not known:
        raise WrongDigest
    return known


def digests_hold(body: bytes, digests: dict[str, bytes]) -> bool:
    """Whether each of them is the body's."""
    return all(compare_digest(ALGORITHMS[name](body).digest(), digest) for name, digest in digests.items())


def hashing(receive: Receive, digests: dict[str, bytes], *, wrong: Callable[[], Exception]) -> Receive:
    """`receive`, which raises `wrong` in place of a body's last part where any of its digests is another."""
    hashes = {name: ALGORITHMS[name]() for name in digests}

    async def receiving() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            for running in hashes.values():
                running.update(message.get("body", b""))
            if not message.get("more_body", False) and not all(
                compare_digest(running.digest(), digests[name]) for name, running in hashes.items()
            ):
                raise wrong()
        return message

    return receiving


def _refuse(*_: object) -> None:
    """A digest given twice is none: the readers of a dictionary disagree on which one counts."""
    raise WrongDigest
