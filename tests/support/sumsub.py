"""A stand-in for Sumsub on a real socket: its wire format from its public documents, its signatures computed anew.

It shares no code with the adapter. What a test puts into `troubles` happens to the next requests instead of an answer.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import new
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN: Final = "sbx:a-token"
SECRET: Final = "the token's secret"
CALLBACK_SECRET: Final = "the callbacks' secret"
LEVEL: Final = "basic level/1"
COMMENT: Final = "Canary7f: known fraudster, shares a flat with Jane Doe"

Trouble = bytes | float
"""Raw bytes to answer with, or seconds to say nothing for."""


def hmac_hex(secret: str, message: bytes, algorithm: str = "sha256") -> str:
    """RFC 2104, written out."""
    block = new(algorithm).block_size
    key = secret.encode()
    key = (new(algorithm, key).digest() if len(key) > block else key).ljust(block, b"\0")
    inner = new(algorithm, bytes(byte ^ 0x36 for byte in key) + message).digest()
    return new(algorithm, bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def passport(number: str, country: str = "AUT", kind: str = "PASSPORT") -> dict[str, Any]:
    """A document as it was recognised."""
    return {
        "idDocType": kind,
        "country": country,
        "number": number,
        "firstName": "CANARY7F",
        "validUntil": "2031-01-01",
    }


@dataclass(frozen=True)
class Request:
    """What the adapter sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class SumsubServer:
    """Applicants by the id that their customer has with us."""

    url: str = ""
    applicants: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: "set[asyncio.Task[Any]]" = field(default_factory=set)
    ids: "count[int]" = field(default_factory=lambda: count(0x5CB56E8E0A975A35))

    def sign(self, body: bytes, algorithm: str = "sha256", secret: str = CALLBACK_SECRET) -> dict[str, str]:
        """The headers of a callback."""
        return {
            "content-type": "application/json",
            "X-Payload-Digest": hmac_hex(secret, body, algorithm),
            "X-Payload-Digest-Alg": f"HMAC_{algorithm.upper()}_HEX",
        }

    def review(
        self, customer: str, answer: str, *, at: datetime | None = None, labels: tuple[str, ...] = (), **changes: object
    ) -> dict[str, Any]:
        """Let a review come to `GREEN`, `RETRY`, `FINAL`, `onHold` or `pending`; answers the applicant."""
        applicant = self.applicants[customer]
        moment = at or datetime.now(UTC)
        review: dict[str, Any] = {"reviewId": "rev", "attemptCnt": 0, "createDate": f"{moment:%Y-%m-%d %H:%M:%S}+0000"}
        if answer in {"onHold", "pending"}:
            review["reviewStatus"] = answer
        else:
            review |= {
                "reviewStatus": "completed",
                "reviewDate": review["createDate"],
                "reviewResult": result(answer, labels),
            }
        applicant["review"] = review
        applicant.update(changes)
        return applicant

    def callback(
        self,
        customer: str,
        answer: str,
        *,
        at: datetime | None = None,
        labels: tuple[str, ...] = (),
        **changes: object,
    ) -> bytes:
        """The body that tells of a review's `GREEN`, `RETRY`, `FINAL` or `onHold`."""
        moment = at or datetime.now(UTC)
        body: dict[str, Any] = {
            "applicantId": self.applicants.get(customer, {}).get("id", "5cb56e8e0a975a35f333cb83"),
            "inspectionId": "5cb56e8e0a975a35f333cb84",
            "correlationId": "req-a260b669-4f14-4bb5-a4c5-ac0218acb9a4",
            "externalUserId": customer,
            "levelName": LEVEL,
            "type": "applicantOnHold" if answer == "onHold" else "applicantReviewed",
            "reviewStatus": "onHold" if answer == "onHold" else "completed",
            "createdAt": f"{moment:%Y-%m-%d %H:%M:%S}+0000",
            "createdAtMs": f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}",
            "sandboxMode": True,
            "clientId": "coolClientId",
            "memberOfTomorrow": {"unknown": ["members"]},
        }
        body["reviewResult"] = result("RETRY" if answer == "onHold" else answer, labels)
        return json.dumps(body | changes).encode()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one connection."""
        if task := asyncio.current_task():
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _read(reader)
            self.requests.append(request)
            trouble = self.troubles.pop(0) if self.troubles else None
            if isinstance(trouble, float):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.closing.wait(), trouble)
            writer.write(trouble if isinstance(trouble, bytes) else self._answer(request))
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def _answer(self, request: Request) -> bytes:
        sent_at = request.headers.get("x-app-access-ts", "0")
        signed = hmac_hex(SECRET, f"{sent_at}{request.method}{request.path}".encode() + request.body)
        if (
            request.headers.get("x-app-token") != TOKEN
            or request.headers.get("x-app-access-sig") != signed
            or abs(time.time() - int(sent_at)) > 60
        ):
            return problem(401, "Unauthorized")
        split = urlsplit(request.path)
        match request.method, unquote(split.path).strip("/").split("/"):
            case "POST", ["resources", "applicants"] if parse_qs(split.query).get("levelName") == [LEVEL]:
                return self._create(json.loads(request.body))
            case "GET", ["resources", "applicants", wanted, "one"]:
                return self._one(wanted)
            case "POST", ["resources", "accessTokens", "sdk"]:
                asked = json.loads(request.body)
                return ok({"token": f"_act-sbx-{asked['userId']}", "userId": asked["userId"]})
            case "POST", ["resources", "sdkIntegrations", "levels", "-", "websdkLink"]:
                asked = json.loads(request.body)
                return ok({"url": f"https://in.sumsub.com/websdk/p/{asked['userId']}"})
        return problem(404, "Not Found")

    def _create(self, asked: dict[str, Any]) -> bytes:
        customer = asked["externalUserId"]
        if customer in self.applicants:
            return problem(409, f"Applicant with external user id '{customer}' already exists")
        self.applicants[customer] = {
            "id": f"{next(self.ids):024x}",
            "createdAt": "2026-01-05 12:00:00",
            "externalUserId": customer,
            "type": asked["type"],
            "info": {},
            "review": {"reviewStatus": "init", "createDate": "2026-01-05 12:00:00+0000"},
        }
        return ok(self.applicants[customer], "201 Created")

    def _one(self, wanted: str) -> bytes:
        prefix, _, customer = wanted.partition("=")
        for applicant in self.applicants.values():
            if wanted == applicant["id"] or (prefix == "-;externalUserId" and customer == applicant["externalUserId"]):
                return ok(applicant)
        return problem(404, "Not Found")


def result(answer: str, labels: tuple[str, ...] = ()) -> dict[str, Any]:
    """`reviewResult`: with comments that nobody but the client's officers may read."""
    if answer == "GREEN":
        return {"reviewAnswer": "GREEN"}
    return {
        "moderationComment": COMMENT,
        "clientComment": COMMENT,
        "reviewAnswer": "RED",
        "rejectLabels": list(labels),
        "reviewRejectType": answer,
        "buttonIds": [],
    }


def ok(body: dict[str, Any], status: str = "200 OK") -> bytes:
    """What Sumsub was asked for."""
    return http(status, json.dumps(body).encode(), "Content-Type: application/json")


def problem(status: int, description: str) -> bytes:
    """What Sumsub has against a request."""
    body = {"description": description, "code": status, "correlationId": "req-1"}
    return http(f"{status} Error", json.dumps(body).encode(), "Content-Type: application/json")


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    pairs = (line.partition(": ") for line in head[1:] if line)
    headers = {name.lower(): value for name, _, value in pairs}
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@asynccontextmanager
async def sumsub_server() -> AsyncIterator[SumsubServer]:
    """Sumsub, listening on a free port."""
    sumsub = SumsubServer()
    server = await asyncio.start_server(sumsub.answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    sumsub.url = f"http://{host}:{port}"
    try:
        yield sumsub
    finally:
        server.close()
        sumsub.closing.set()
        await asyncio.gather(*sumsub.under_way)
        await server.wait_closed()
