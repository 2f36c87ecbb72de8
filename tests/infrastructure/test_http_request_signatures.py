import json
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx2
import pytest

from infrastructure.administration import issue_key
from tests.support.http import fresh_wallet
from tests.support.signing import Signing, digest_of, new_pair, pem_of
from tests.support.world import World

pytestmark = pytest.mark.anyio

ALGORITHMS: Final = ("ecdsa-p384-sha384", "ed25519")


@dataclass
class Signer:
    """A partner's back end that signs."""

    world: World
    signing: Signing
    key: str

    async def send(  # noqa: PLR0913 -- what a request is made of
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        sent: bytes | None = None,
        digest: str | None = "",
        change: dict[str, str] | None = None,
        **signing: Any,  # noqa: ANN401 -- whatever `Signing` has
    ) -> httpx2.Response:
        """Send a signed request; `sent` goes in the place of the body that was signed, `change` over the headers."""
        headers = {"Authorization": f"Bearer {self.key}"}
        if body:
            headers["Content-Type"] = "application/json"
            if digest is not None:
                headers["Content-Digest"] = digest or digest_of(body)
        request = self.world.partner.build_request(method, path, content=body or None, headers=headers)
        headers |= replace(self.signing, **signing).headers(request)
        for name, value in (change or {}).items():
            headers[name] = value
        content = body if sent is None else sent
        return await self.world.partner.request(
            method, path, content=content or None, headers={k: v for k, v in headers.items() if v}
        )

    def registration(self) -> bytes:
        """A body that registers somebody new."""
        return json.dumps({"chainId": fresh_wallet().account, "externalId": "user-1"}).encode()


@pytest.fixture(params=ALGORITHMS)
async def signer(world: World, request: pytest.FixtureRequest) -> Signer:
    return await new_signer(world, request.param)


async def new_signer(world: World, algorithm: str) -> Signer:
    issued = await issue_key(world.services, role="partner", name=algorithm)
    pair = new_pair(algorithm)
    response = await world.admin.put(f"/v1/keys/{issued.key_id}/public-key", json={"publicKey": pem_of(pair)})
    assert response.status_code == 200, response.text
    assert response.json() == {"keyId": str(issued.key_id), "algorithm": algorithm, "publicKey": pem_of(pair)}
    return Signer(world, Signing(str(issued.key_id), pair), issued.key)


async def test_a_signed_request_is_answered(signer: Signer) -> None:
    body = signer.registration()

    assert (await signer.send("POST", "/v1/customers", body)).status_code == 201
    assert (await signer.send("GET", "/v1/customers?limit=1")).status_code == 200
