"""A partner's side of signed requests: with the library that partners would use, and by hand."""

import json
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256, sha512
from typing import Any, Final

import httpx2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP384R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infrastructure.key_changes import issue_key
from tests.support.http import assert_problem, fresh_wallet
from tests.support.world import World

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey
COVERED: Final = ("@method", "@target-uri", "authorization")
DIGESTS: Final = {"sha-256": sha256, "sha-512": sha512}


def new_pair(algorithm: str) -> PrivateKey:
    """A fresh pair for one of the two algorithms."""
    return Ed25519PrivateKey.generate() if algorithm == "ed25519" else generate_private_key(SECP384R1())


def pem_of(pair: PrivateKey) -> str:
    """What is registered of a pair."""
    return pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def raw_signature(pair: PrivateKey, base: bytes) -> bytes:
    """A signature as RFC 9421, 3.3.5 and 3.3.6, has it: for ECDSA both numbers one after the other."""
    if isinstance(pair, Ed25519PrivateKey):
        return pair.sign(base)
    r, s = decode_dss_signature(pair.sign(base, ECDSA(SHA384())))
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


def digest_of(body: bytes, algorithm: str = "sha-256") -> str:
    """A body's `Content-Digest`."""
    return f"{algorithm}=:{b64encode(DIGESTS[algorithm](body).digest()).decode()}:"


@dataclass
class Signing:
    """How requests are signed, by hand after the letter of RFC 9421, 2.5; what tests get wrong, they set."""

    key_id: str
    pair: PrivateKey
    covered: Sequence[str] = COVERED
    parameters: Mapping[str, Any] = field(default_factory=dict)
    label: str = "sig"
    public_url: str | None = None

    def headers(self, request: httpx2.Request) -> dict[str, str]:
        """`Signature-Input` and `Signature`."""
        values = self.values(request)
        names = [*self.covered]
        if request.content and "content-digest" not in names and "content-digest" in request.headers:
            names.append("content-digest")
        given = {"created": int(time.time()), "keyid": self.key_id, **self.parameters}
        said = ";".join(
            f"{name}={value}" if isinstance(value, int) else f'{name}="{value}"'
            for name, value in given.items()
            if value is not None
        )
        inner = "(" + " ".join(f'"{name}"' for name in names) + f");{said}"
        lines = [f'"{name}": {values[name]}' for name in names] + [f'"@signature-params": {inner}']
        signature = b64encode(raw_signature(self.pair, "\n".join(lines).encode())).decode()
        return {"Signature-Input": f"{self.label}={inner}", "Signature": f"{self.label}=:{signature}:"}

    def values(self, request: httpx2.Request) -> dict[str, str]:
        """Each component's value."""
        url = request.url
        path, _, query = url.raw_path.decode().partition("?")
        origin = self.public_url or f"{url.scheme}://{url.netloc.decode()}"
        return {
            "@method": request.method,
            "@target-uri": origin + url.raw_path.decode(),
            "@authority": origin.partition("://")[2],
            "@path": path,
            "@query": "?" + query,
            **{name.lower(): value for name, value in request.headers.items()},
        }


def moment(age: float) -> int:
    """A time that was `age` seconds ago."""
    return int(datetime.now(UTC).timestamp() - age)


@dataclass
class Signer:
    """A partner's back end that signs."""

    world: World
    signing: Signing
    key: str

    async def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        sent: bytes | None = None,
        change: dict[str, str] | None = None,
        **signing: Any,  # noqa: ANN401 -- whatever `Signing` has
    ) -> httpx2.Response:
        """Send a signed request; `sent` goes in the place of the body that was signed, `change` over the headers.

        A change to nothing takes the header away.
        """
        request = self.request(method, path, body)
        headers = dict(request.headers) | replace(self.signing, **signing).headers(request) | (change or {})
        headers.pop("content-length", None)
        given = {name: value for name, value in headers.items() if value}
        return await self.world.partner.request(
            method, path, content=(body if sent is None else sent) or None, headers=given
        )

    def request(self, method: str, path: str, body: bytes) -> httpx2.Request:
        """A request that is not signed yet."""
        headers = {"authorization": f"Bearer {self.key}"}
        if body:
            headers |= {"content-type": "application/json", "content-digest": digest_of(body)}
        return self.world.partner.build_request(method, path, content=body or None, headers=headers)


def registration() -> bytes:
    """A body that registers somebody new."""
    return json.dumps({"chainId": fresh_wallet().account, "externalId": "user-1"}).encode()


async def new_signer(world: World, algorithm: str = "ed25519") -> Signer:
    """A partner whose key has a public key."""
    issued = await issue_key(world.services, role="partner", name=algorithm)
    pair = new_pair(algorithm)
    response = await world.admin.put(f"/v1/keys/{issued.key_id}/public-key", json={"publicKey": pem_of(pair)})
    assert response.status_code == 200, response.text
    assert response.json() == {"keyId": str(issued.key_id), "algorithm": algorithm, "publicKey": pem_of(pair)}
    return Signer(world, Signing(str(issued.key_id), pair), issued.key)


def assert_refused(response: httpx2.Response, why: str) -> None:
    """The signature does not hold, in this way."""
    assert_problem(response, 401, "request_signature_invalid")
    assert response.json()["errors"] == [{"code": why}]
