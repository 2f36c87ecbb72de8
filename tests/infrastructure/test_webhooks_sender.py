import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infrastructure.webhooks import public_addresses, sender
from infrastructure.webhooks.callback_url import CallbackUrl
from infrastructure.webhooks.public_addresses import Guard
from infrastructure.webhooks.sender import Outcome, Sender
from tests.support.raw_server import RawServer, Reply, raw_server

pytestmark = pytest.mark.anyio


class Names:
    """A resolver in the test's hand. It says what it is told to say, and who asked."""

    def __init__(self, *answer: str) -> None:
        self.answer = list(answer)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        return self.answer


@asynccontextmanager
async def sending(names: Names, tls: ssl.SSLContext | None = None) -> AsyncIterator[Sender]:
    sender = Sender(Guard(names, allow_loopback=True), tls)
    try:
        yield sender
    finally:
        await sender.aclose()


def to(server: RawServer, scheme: str = "http") -> CallbackUrl:
    return CallbackUrl(scheme, "partner.example", int(server.url.rpartition(":")[2]), "/hook?t=1")


async def test_it_connects_to_the_address_that_was_checked_and_names_the_host() -> None:
    async with raw_server(lambda _: Reply(200)) as server, sending(Names("127.0.0.1")) as sender:
        outcome = await sender.send(to(server), {"webhook-id": "1"}, b"{}")

    (request,) = server.requests
    assert outcome == Outcome("delivered", 200)
    assert request.headers["host"] == to(server).authority
    assert request.target == "/hook?t=1"


@asynccontextmanager
async def keeping() -> AsyncIterator[tuple[CallbackUrl, list[Any]]]:
    """A server that keeps connections, and for each request whom it came from."""
    requests: list[Any] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"{}"):
                requests.append(writer.get_extra_info("peername"))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield CallbackUrl("http", "partner.example", server.sockets[0].getsockname()[1], "/"), requests


async def test_a_name_that_leads_elsewhere_meanwhile_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_addresses, "FRESH", 0.0)
    names = Names("127.0.0.1")
    async with keeping() as (url, requests), sending(names) as sender:
        first = await sender.send(url, {}, b"{}")
        for rebound in ("10.0.0.1", "169.254.169.254", "fd00:ec2::254", "::ffff:127.0.0.1"):
            names.answer = [rebound]
            assert await sender.send(url, {}, b"{}") == Outcome("address_refused")
        names.answer = ["127.0.0.1", "10.0.0.1"]
        assert await sender.send(url, {}, b"{}") == Outcome("address_refused")

    assert first.delivered
    assert len(requests) == 1


async def test_a_name_that_changes_between_the_check_and_the_connection_gains_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(public_addresses, "FRESH", 0.0)
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def resolve(_host: str) -> list[str]:
        return answers.pop(0)

    async with raw_server(lambda _: Reply(200)) as server:
        sender = Sender(Guard(resolve, allow_loopback=True))
        outcome = await sender.send(to(server), {}, b"{}")
        await sender.aclose()

    assert outcome == Outcome("address_refused")
    assert server.requests == []


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    async with raw_server(lambda _: Reply(200)) as server, sending(Names("127.9.9.9", "127.0.0.1")) as sender:
        assert (await sender.send(to(server), {}, b"{}")).delivered


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    async with raw_server(lambda _: Reply(200)) as server, raw_server(lambda _: Reply(502)) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        async with sending(Names("127.0.0.1")) as sender:
            assert (await sender.send(to(server), {}, b"{}")).delivered
        assert proxy.requests == []


async def test_a_redirect_is_not_followed() -> None:
    async with raw_server(lambda _: Reply(200)) as inside:
        moved = Reply(307, headers={"location": inside.url})
        async with raw_server(lambda _: moved) as server, sending(Names("127.0.0.1")) as sender:
            assert await sender.send(to(server), {}, b"{}") == Outcome("refused", 307)
        assert inside.requests == []


@pytest.mark.parametrize("reply", [Reply(silent=True), Reply(raw=b"HTTP/1.1 200 OK\r\nx: ", drip=True)])
async def test_whoever_does_not_answer_in_time_is_left(monkeypatch: pytest.MonkeyPatch, reply: Reply) -> None:
    monkeypatch.setattr(sender, "DEADLINE", 0.3)
    async with raw_server(lambda _: reply) as server, sending(Names("127.0.0.1")) as sending_to:
        assert await sending_to.send(to(server), {}, b"{}") == Outcome("timed_out")


async def test_a_name_that_is_not_resolved_in_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_addresses, "PATIENCE", 0.1)

    async def resolve(_host: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    sender = Sender(Guard(resolve))
    assert await sender.send(CallbackUrl("https", "partner.example", 443, "/"), {}, b"{}") == Outcome("address_refused")
    await sender.aclose()


async def test_connections_are_kept() -> None:
    async with keeping() as (url, requests), sending(Names("127.0.0.1")) as sender:
        for _ in range(3):
            assert (await sender.send(url, {}, b"{}")).delivered

    assert (len(requests), len(set(requests))) == (3, 1)


@pytest.mark.parametrize(("name", "outcome"), [("partner.example", "delivered"), ("other.example", "unreachable")])
async def test_the_certificate_must_be_the_names(tmp_path: Path, name: str, outcome: str) -> None:
    server_side, ours = certified(tmp_path, name)
    asked: list[str] = []
    server_side.sni_callback = lambda _, given, __: asked.append(given)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_side)
    port = server.sockets[0].getsockname()[1]
    async with server, sending(Names("127.0.0.1"), ours) as sender:
        came_to = await sender.send(CallbackUrl("https", "partner.example", port, "/"), {}, b"{}")

    assert came_to.name == outcome
    assert asked == ["partner.example"]


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS for a name, and that of a caller who trusts its certificate."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.pem").write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "tls.pem")
    return server, ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())
