"""Nothing that callers send is told on: not in logs, metrics, errors, headers or addresses, whatever it was sent as.

A real service, at the lowest of its log levels, with its work process. What customers are is theirs alone to be shown.
"""

import json
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from bench.contract_seed import ALLOWED, NOBODY
from tests.infrastructure.test_serve import Serving, eventually, serving
from tests.support.canaries import Canaries, Planted, planted
from tests.support.http import CANARY, MISSING
from tests.support.openapi import nodes, operations
from tests.support.world import Wallet

IN_EACH: Final = 25
"""Places that any request has: its path, its query, its headers, and what may come for a body."""
OPEN: Final = ("/docs", "/health/ready", "/metrics", "/tlog/tile/0/{}", "/tlog/{}", "/sandbox/verification/{}", "/{}")


@dataclass
class Flown:
    """What a service was sent, and all that it said."""

    service: Serving
    canaries: Canaries = field(default_factory=Canaries)
    operations: list[str] = field(default_factory=list)
    refusals: list[httpx2.Response] = field(default_factory=list)
    answers: list[httpx2.Response] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    """What the service gave out, to be known to nobody else."""
    wallet: Wallet = field(default_factory=lambda: Wallet(7_340_033))

    def send(self, client: httpx2.Client, request: Planted) -> httpx2.Response:
        """Send a request, as JSON unless it says otherwise."""
        key = {"Authorization": f"Bearer {self.service.keys[request.by]}"} if request.by else {}
        with client.stream(
            request.method,
            request.path,
            params=request.query or None,
            headers={"Content-Type": "application/json"} | key | request.headers,
            content=request.body,
        ) as response:
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                return response  # it has no end
            response.read()
        (self.answers if response.is_success else self.refusals).append(response)
        return response

    def call(
        self, client: httpx2.Client, by: str, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Send a request that succeeds, and answer what it was answered."""
        response = self.send(client, Planted(by, method, path, body=json.dumps(body).encode() if body else None))
        assert response.is_success, response.text
        return dict(response.json()) if response.content else {}

    def output(self) -> str:
        """All that the service and its work process have written."""
        return self.service.data.with_suffix(".out").read_text() + self.service.errors.read_text()


@pytest.fixture(scope="module")
def flown() -> Iterator[Flown]:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        with serving(Path(name) / "data", GATEHOUSE_LOG_LEVEL="info", **ALLOWED) as service:
            flown = Flown(service)
            with httpx2.Client(base_url=service.url, timeout=30) as client:
                document = client.get("/openapi.json").json()
                flown.operations = [f"{method} {path}" for method, path, _ in operations(document)]
                for request in planted(document, flown.canaries, _onboard(flown, client)):
                    flown.send(client, request)
                _send_outside(flown, client)
            yield flown


def _send_outside(flown: Flown, client: httpx2.Client) -> None:
    """Whatever is no operation of the API."""
    for path in OPEN:
        for method in ("GET", "POST", "PATCH"):
            word = flown.canaries.at
            within = path.format(word(f"{method} {path}"))
            body = f"name={word('a name')}&document_number={word('a number')}&answer={word('an answer')}".encode()
            headers = {"User-Agent": word("User-Agent"), "X-Payload-Digest": word("a signature")}
            flown.send(client, Planted(None, method, within, {"q": word("q")}, headers, body))
    callback = "/v1/providers/sandbox/callback"
    flown.send(
        client, Planted(None, "POST", callback, body=f'{{"applicant":"{flown.canaries.at("a callback")}"'.encode())
    )


def _log_in_and_hook(flown: Flown, client: httpx2.Client) -> str:
    """A token, and a webhook whose address is all canaries, and takes nothing. Answers where its deliveries are."""
    call, word = partial(flown.call, client), flown.canaries.at
    url = f"{NOBODY}/{word('a path of a webhook')}?key={word('a query of a webhook')}"
    webhook = call("partner", "PUT", "/v1/webhooks", {"callbackUrl": url, "types": ["customer.updated"]})
    flown.secrets.append(webhook["secret"])
    assert call("partner", "POST", f"/v1/webhooks/{webhook['id']}/test")["outcome"] == "unreachable"
    elsewhere = {"callbackUrl": f"https://{word('a host')}.invalid/", "types": ["customer.updated"]}
    flown.send(client, Planted("partner", "PUT", "/v1/webhooks", body=json.dumps(elsewhere).encode()))
    credentials = {"apiKey": flown.service.key_ids["partner"], "apiSecret": flown.service.keys["partner"]}
    flown.secrets.append(call("partner", "POST", "/v1/auth/token", credentials)["token"])
    return f"/v1/webhooks/{webhook['id']}/deliveries"


def _onboard(flown: Flown, client: httpx2.Client) -> str:
    """A customer whose every word is a canary, all the way in and out: past vendors and officers. Answers its id."""
    call = partial(flown.call, client)
    word, wallet = flown.canaries.at, flown.wallet
    deliveries = _log_in_and_hook(flown, client)
    made = call("partner", "POST", "/v1/customers", {"chainId": wallet.account, "externalId": word("a reference")})
    path, signature = f"/v1/customers/{made['id']}", wallet.sign(b64decode(made["challenge"]))
    wrong = {"chainId": wallet.account, "challenge": made["challenge"], "signature": "0x" + CANARY.encode().hex() * 8}
    flown.send(client, Planted("partner", "POST", f"{path}/challenge/sign", body=str(wrong).encode()))
    answer = {"chainId": wallet.account, "challenge": made["challenge"], "signature": signature}
    call("partner", "POST", f"{path}/challenge/sign", answer)
    eventually(lambda: call("partner", "GET", path)["status"] == "verifying")
    session = call("partner", "GET", f"{path}/verification")
    person = {"name": word("a person's name"), "document_number": word("a passport"), "document_country": "UTO"}
    approved = client.post(session["sessionUrl"], data=person | {"answer": "approved"})
    assert approved.is_success
    eventually(lambda: call("partner", "GET", path)["status"] == "active")
    eventually(lambda: any("lastOutcome" in each for each in call("partner", "GET", deliveries)["deliveries"]))
    call("officer", "PATCH", f"{path}/deactivate", {"reason": word("an officer's reason")})
    call("officer", "POST", f"{path}/hold", {"authority": word("an authority"), "reason": word("a hold's reason")})
    call("officer", "POST", f"{path}/rejection", {"reason": word("a proposal's reason")})
    call("partner", "GET", f"/v1/customers?externalId={word('a reference that is looked for')}")
    call("partner", "GET", f"/v1/customers?chainId={wallet.account}&limit=1")
    return str(made["id"])


def telling(flown: Flown, text: str) -> list[str]:
    """What of all that was sent a text tells."""
    mine = flown.wallet.address.lower()[2:]
    return flown.canaries.found_in(text) + [word for word in (mine, CANARY.encode().hex()) if word in text.lower()]


def test_a_canary_was_put_in_every_place_of_every_operation(flown: Flown) -> None:
    for operation in flown.operations:
        assert sum(place.startswith(f"{operation} ") for place in flown.canaries.places) > IN_EACH
    assert telling(flown, f"before {flown.canaries.at('here')} after") == ["here"]
    assert telling(flown, flown.wallet.account) != []


def test_the_requests_meet_what_they_are_for(flown: Flown) -> None:
    statuses = {response.status_code for response in (*flown.refusals, *flown.answers)}

    assert statuses >= {200, 201, 202, 204, 400, 401, 404, 405, 415, 422}
    assert max(statuses) < 500
    assert any(telling(flown, response.text) for response in flown.answers)


def test_no_error_repeats_what_was_sent(flown: Flown) -> None:
    assert [told for response in flown.refusals for told in telling(flown, response.text)] == []


def test_no_header_of_an_answer_repeats_what_was_sent(flown: Flown) -> None:
    answers = (*flown.refusals, *flown.answers)

    assert [told for response in answers for told in telling(flown, str(response.headers.raw))] == []


def test_no_address_that_is_handed_out_holds_what_was_sent(flown: Flown) -> None:
    for response in flown.answers:
        if response.headers.get("content-type") == "application/json":
            told = response.json()
            texts = [
                text for place, text in nodes(told) if isinstance(text, str) and not place.endswith("/callbackUrl")
            ]
            handed_out = [text for text in texts if text.startswith(("http", "/"))]
            handed_out += [str(told.get(name)) for name in ("nextCursor", "sessionToken")]
            assert [found for text in handed_out for found in telling(flown, text)] == []


def test_the_log_is_silent_about_what_was_sent(flown: Flown) -> None:
    output = flown.output()

    assert "Gatehouse (sandbox mode)" in output
    assert telling(flown, output) == []
    assert MISSING not in output
    assert [secret for secret in flown.secrets if secret in output] == []


def test_metrics_count_and_tell_nothing(flown: Flown) -> None:
    metrics = httpx2.get(f"{flown.service.url}/metrics").text

    assert "gatehouse_" in metrics
    assert telling(flown, metrics) == []
