"""The adapter alone, against a server that speaks Sumsub's format and checks every signature itself."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from application.ports import Applicant, ForgedCallback, MalformedCallback, ProviderUnavailable, Unreadable
from infrastructure import provider_api
from infrastructure.metrics import IGNORED_RESULTS
from infrastructure.verification.sumsub import Account, Sumsub
from infrastructure.verification.sumsub_messages import result_in
from tests.support import sumsub as vendor
from tests.support.sumsub import SumsubServer, http, passport, sumsub_server

pytestmark = pytest.mark.anyio

NOW: Final = datetime(2026, 1, 5, 12, 30, 15, 250_000, tzinfo=UTC)


def fingerprint(text: str) -> str:
    return sha256(f"key {text}".encode()).hexdigest()


@pytest.fixture
async def server() -> AsyncIterator[SumsubServer]:
    async with sumsub_server() as server:
        yield server


def adapter(server: SumsubServer, client: httpx2.AsyncClient, *, sandbox: bool = True) -> Sumsub:
    account = Account(
        token=SecretStr(vendor.TOKEN),
        secret=SecretStr(vendor.SECRET),
        callback_secret=SecretStr(vendor.CALLBACK_SECRET),
        level=vendor.LEVEL,
        url=server.url,
        sandbox=sandbox,
    )
    return Sumsub(account, client=client, fingerprint=fingerprint)


@pytest.fixture
async def sumsub(server: SumsubServer) -> AsyncIterator[Sumsub]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield adapter(server, client)


@pytest.fixture
async def opened(sumsub: Sumsub) -> tuple[str, str]:
    """A customer and their applicant's id."""
    customer = uuid4()
    return str(customer), (await sumsub.open(customer, key="k")).reference


# Requests.


async def test_an_applicant_is_created_once_under_our_own_id(server: SumsubServer, sumsub: Sumsub) -> None:
    customer = uuid4()

    first = await sumsub.open(customer, key="k")
    again = await sumsub.open(customer, key="another")

    assert first == again == Applicant("sumsub", server.applicants[str(customer)]["id"], vendor.LEVEL)
    assert json.loads(server.requests[0].body) == {"externalUserId": str(customer), "type": "individual"}


async def test_a_request_that_was_carried_out_and_not_answered_is_no_second_applicant(
    server: SumsubServer, sumsub: Sumsub
) -> None:
    customer = uuid4()
    await sumsub.open(customer, key="k")
    server.troubles = [http("502 Bad Gateway")]

    assert (await sumsub.open(customer, key="k")).reference == server.applicants[str(customer)]["id"]
    assert len(server.applicants) == 1


async def test_every_try_is_signed_anew(server: SumsubServer, sumsub: Sumsub, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([1_000_000_000.9, 1_000_000_060.0, datetime.now(UTC).timestamp()])
    monkeypatch.setattr("infrastructure.verification.sumsub.time", SimpleNamespace(time=lambda: next(moments)))
    server.troubles = [http("500 Internal Server Error"), b""]

    await sumsub.open(uuid4(), key="k")

    sent = [request.headers for request in server.requests]
    assert [headers["x-app-access-ts"] for headers in sent[:2]] == ["1000000000", "1000000060"]
    assert len({headers["x-app-access-sig"] for headers in sent}) == 3


async def test_a_session_is_a_link_and_a_token_that_end_together(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str]
) -> None:
    customer, applicant = opened

    session = await sumsub.session(UUID(customer), applicant, now=NOW)

    assert session.url == f"https://in.sumsub.com/websdk/p/{customer}"
    assert (session.provider, session.token) == ("sumsub", f"_act-sbx-{customer}")
    assert session.expires_at == NOW + timedelta(minutes=30)
    for request in server.requests[-2:]:
        assert json.loads(request.body) == {"userId": customer, "levelName": vendor.LEVEL, "ttlInSecs": 1800}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"id":"../../secrets","externalUserId":"CUSTOMER"}',
        b'{"id":"","externalUserId":"CUSTOMER"}',
        b'{"id":"5cb56e8e0a975a35f333cb83","externalUserId":"0198a002-0000-7000-8000-00000000dead"}',
        b'{"id":"5cb56e8e0a975a35f333cb83"}',
    ],
)
async def test_an_answer_that_is_not_sumsubs_is_an_outage(server: SumsubServer, sumsub: Sumsub, answer: bytes) -> None:
    customer = uuid4()
    server.troubles = [http("200 OK", answer.replace(b"CUSTOMER", str(customer).encode()))]

    with pytest.raises(ProviderUnavailable):
        await sumsub.open(customer, key="k")


@pytest.mark.parametrize("link", ["javascript:alert(1)", "", "//evil.example", None, 7])
async def test_a_link_that_is_none_is_an_outage(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], link: object
) -> None:
    server.troubles = [
        http("200 OK", b'{"token":"t","userId":"u"}'),
        http("200 OK", json.dumps({"url": link}).encode()),
    ]

    with pytest.raises(ProviderUnavailable):
        await sumsub.session(UUID(opened[0]), opened[1], now=NOW)


async def test_who_asks_for_patience_gets_it(server: SumsubServer, sumsub: Sumsub) -> None:
    server.troubles = [http("429 Too Many Requests", b"", "Retry-After: 7")]

    with pytest.raises(ProviderUnavailable) as outage:
        await sumsub.open(uuid4(), key="k")

    assert outage.value.retry_after == 7
    assert len(server.requests) == 1


@pytest.mark.parametrize("trouble", [b"HTTP/1.1 banana\r\n\r\n", b"", http("503 Service Unavailable"), 0.5])
async def test_an_outage_is_an_outage_after_a_few_tries(
    server: SumsubServer, sumsub: Sumsub, monkeypatch: pytest.MonkeyPatch, trouble: bytes | float
) -> None:
    monkeypatch.setattr(provider_api, "TIMEOUT", httpx2.Timeout(0.1))
    server.troubles = [trouble] * 5

    with pytest.raises(ProviderUnavailable):
        await sumsub.open(uuid4(), key="k")

    assert len(server.requests) == provider_api.TRIES


async def test_no_secret_is_shown_or_logged(server: SumsubServer, sumsub: Sumsub) -> None:
    server.troubles = [vendor.problem(401, vendor.COMMENT)]
    with capture_logs() as said, pytest.raises(ProviderUnavailable) as outage:
        await sumsub.open(uuid4(), key="k")

    shown = f"{said} {outage.value!r} {vars(sumsub)}"
    for secret in (vendor.TOKEN, vendor.SECRET, vendor.CALLBACK_SECRET, vendor.COMMENT):
        assert secret not in shown
    assert [line["why"] for line in said] == ["refused"]


# Callbacks.


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_a_digest_of_the_raw_body_opens_the_door(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], algorithm: str
) -> None:
    body = b" \n" + server.callback(opened[0], "RETRY").replace(b'": ', b'" :\t') + b"\n"

    reported = await sumsub.receive(body, server.sign(body, algorithm))

    assert reported is not None
    assert reported.payloads[0] == body
    assert reported.result.evidence == sha256(body).hexdigest()


async def test_without_a_stated_algorithm_it_is_sha256(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str]
) -> None:
    body = server.callback(opened[0], "RETRY")
    headers = server.sign(body)
    del headers["X-Payload-Digest-Alg"]

    assert await sumsub.receive(body, headers) is not None


def forgeries(server: SumsubServer, body: bytes) -> dict[str, dict[str, str]]:
    good = server.sign(body)
    digest, algorithm = "X-Payload-Digest", "X-Payload-Digest-Alg"
    return {
        "no digest": {algorithm: good[algorithm]},
        "an empty digest": good | {digest: ""},
        "no headers": {},
        "another secret": server.sign(body, secret="another"),
        "the request secret": server.sign(body, secret=vendor.SECRET),
        "an empty secret": server.sign(body, secret=""),
        "sha1": server.sign(body, "sha1"),
        "sha1 said to be sha256": good | {digest: server.sign(body, "sha1")[digest]},
        "sha512 said to be sha256": good | {digest: server.sign(body, "sha512")[digest]},
        "an unknown algorithm": good | {algorithm: "HMAC_MD5_HEX"},
        "an empty algorithm": good | {algorithm: ""},
        "two algorithms": good | {algorithm: "HMAC_SHA256_HEX, HMAC_SHA1_HEX"},
        "no algorithm with a sha1 digest": {digest: server.sign(body, "sha1")[digest]},
        "a part": good | {digest: good[digest][:32]},
        "too long": good | {digest: good[digest] + "0"},
        "not ascii": good | {digest: "ö" * 64},
        "another body": server.sign(body + b" "),
        "one bit": good | {digest: f"{int(good[digest], 16) ^ 1:064x}"},
    }


@pytest.mark.parametrize("name", forgeries(SumsubServer(), b""))
async def test_a_forged_callback_is_refused_before_it_is_read(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], name: str
) -> None:
    asked = len(server.requests)
    for body in (server.callback(opened[0], "GREEN"), b"not json"):
        with pytest.raises(ForgedCallback):
            await sumsub.receive(body, forgeries(server, body)[name])
    assert len(server.requests) == asked


@pytest.mark.parametrize(
    ("answer", "means"), [("GREEN", "approved"), ("RETRY", "retry"), ("FINAL", "rejected"), ("onHold", "on_hold")]
)
async def test_an_answer_in_our_words(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], answer: str, means: str
) -> None:
    customer, applicant = opened
    server.review(customer, "GREEN", info={"idDocs": [passport("P 123-456")]})
    body = server.callback(customer, answer, at=NOW, labels=("FORGERY", "BAD_SELFIE", vendor.COMMENT))

    reported = await sumsub.receive(body, server.sign(body))

    assert reported is not None
    result = reported.result
    assert (str(reported.customer), result.applicant, result.answer) == (customer, applicant, means)
    assert result.reported_at == NOW
    assert result.reported_at.tzinfo is UTC
    assert result.labels == (("FORGERY", "BAD_SELFIE") if means in {"retry", "rejected"} else ())
    assert vendor.COMMENT not in repr(result)
    assert len(reported.payloads) == 2
    assert result.identity == sha256(reported.payloads[1]).hexdigest()
    assert result.person == fingerprint("person/AUT/P123456")
    assert result_in(reported.payloads, fingerprint=fingerprint) == (reported.customer, result)


@pytest.mark.parametrize(
    "kind",
    [
        *("applicantCreated", "applicantPending", "applicantAwaitingService", "applicantPersonalInfoChanged"),
        *("applicantActivated", "applicantDeactivated", "applicantDeleted", "applicantReset"),
        *("applicantActionReviewed", "applicantWorkflowCompleted", "applicantOfTheFuture"),
    ],
)
async def test_what_carries_no_result_is_taken_and_decides_nothing(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], kind: str
) -> None:
    body = server.callback(opened[0], "GREEN", type=kind)
    assert await sumsub.receive(body, server.sign(body)) is None

    bare = json.dumps({"type": kind}).encode()
    assert await sumsub.receive(bare, server.sign(bare)) is None


@pytest.mark.parametrize(
    "stranger",
    ["user-7", "", None, "0198a002000070008000000000000002", "{0198a002-0000-7000-8000-000000000002}"],
)
async def test_a_result_for_somebody_elses_applicant_decides_nothing(
    server: SumsubServer, sumsub: Sumsub, stranger: str | None
) -> None:
    body = server.callback("x", "GREEN", externalUserId=stranger)

    assert await sumsub.receive(body, server.sign(body)) is None
    assert server.requests == []


@pytest.mark.parametrize(
    "changes",
    [
        {"reviewResult": None},
        {"reviewResult": {}},
        {"reviewResult": {"reviewAnswer": "YELLOW"}},
        {"reviewResult": {"reviewAnswer": "green"}},
        {"reviewResult": {"reviewAnswer": "RED"}},
        {"reviewResult": {"reviewAnswer": "RED", "reviewRejectType": "EXTERNAL"}},
        {"reviewStatus": "pending"},
        {"applicantId": "../status"},
        {"applicantId": 7},
        {"applicantId": None},
        {"createdAtMs": None},
        {"createdAtMs": "yesterday"},
        {"createdAtMs": 1767616215250},
        {"createdAtMs": "2026-13-05 12:30:15.250"},
        {"createdAtMs": "0001-01-01 00:00:00+14:00"},
        {"createdAtMs": "\uff12026-01-05 12:30:15.250"},
        {"sandboxMode": "perhaps"},
        {"type": None},
        {"type": ["applicantReviewed"]},
    ],
    ids=str,
)
async def test_a_result_that_is_not_sumsubs_is_malformed(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], changes: dict[str, Any]
) -> None:
    body = server.callback(opened[0], "GREEN", **changes)

    with pytest.raises(MalformedCallback):
        await sumsub.receive(body, server.sign(body))


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"7", b"{", b"\xff\xfe", b'{"type":', b"[" * 5000, b"{}"])
async def test_what_is_signed_and_no_callback_is_malformed(server: SumsubServer, sumsub: Sumsub, body: bytes) -> None:
    with pytest.raises(MalformedCallback):
        await sumsub.receive(body, server.sign(body))


@pytest.mark.parametrize("said", [{"levelName": "phone-only"}, {"externalUserId": str(UUID(int=7))}])
async def test_a_result_of_another_level_or_another_customer_is_nobodys(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], said: dict[str, Any]
) -> None:
    body = server.callback(opened[0], "GREEN", **said)

    assert await sumsub.receive(body, server.sign(body)) is None


async def test_a_poll_about_another_level_or_a_deleted_applicant_has_no_result(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str]
) -> None:
    customer, applicant = opened
    server.review(customer, "GREEN", info={"idDocs": [passport("P 1")]})["review"]["levelName"] = "phone-only"
    assert await sumsub.poll(UUID(customer), applicant) is None

    del server.applicants[customer]
    for _ in range(2 * provider_api.FAILURES):
        assert await sumsub.poll(UUID(customer), applicant) is None
    assert await sumsub.open(uuid4(), key="another") is not None


@pytest.mark.parametrize("says", [True, "true", False, "false"])
@pytest.mark.parametrize("deployed", ["sandbox", "production"])
async def test_the_two_modes_never_mix(server: SumsubServer, deployed: str, says: object) -> None:
    sandboxed = str(says).lower() == "true"
    customer = str(uuid4())
    before = _ignored()
    async with httpx2.AsyncClient(trust_env=False) as client:
        one = adapter(server, client, sandbox=deployed == "sandbox")
        await one.open(UUID(customer), key="k")
        body = server.callback(customer, "RETRY", sandboxMode=says)
        reported = await one.receive(body, server.sign(body))

    mixed = sandboxed != (deployed == "sandbox")
    assert (reported is None) == mixed
    assert _ignored() == before + mixed


def _ignored() -> float:
    [metric] = IGNORED_RESULTS.collect()
    return sum(
        sample.value
        for sample in metric.samples
        if sample.labels == {"provider": "sumsub"} and sample.name.endswith("_total")
    )


async def test_who_the_person_is_is_not_guessed_while_sumsub_is_away(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str]
) -> None:
    body = server.callback(opened[0], "GREEN")
    server.troubles = [http("503 Service Unavailable", b"", "Retry-After: 9")]

    with pytest.raises(ProviderUnavailable):
        await sumsub.receive(body, server.sign(body))


@pytest.mark.parametrize(
    "applicant",
    [
        b"{}",
        b"null",
        b'{"id":"ANOTHER","externalUserId":"CUSTOMER"}',
    ],
)
async def test_an_applicant_that_is_another_one_is_an_outage(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], applicant: bytes
) -> None:
    body = server.callback(opened[0], "GREEN", applicantId="A")
    server.troubles = [http("200 OK", applicant.replace(b"CUSTOMER", opened[0].encode()))]

    with pytest.raises(ProviderUnavailable):
        await sumsub.receive(body, server.sign(body))


@pytest.mark.parametrize("applicant", [b'{"id":"A"}', b'{"id":"A","externalUserId":"u"}'])
async def test_an_applicant_that_is_no_customers_decides_nothing(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], applicant: bytes
) -> None:
    body = server.callback(opened[0], "GREEN", applicantId="A")
    server.troubles = [http("200 OK", applicant)]

    assert await sumsub.receive(body, server.sign(body)) is None


# Who the person is.


@pytest.mark.parametrize(
    ("documents", "person"),
    [
        ([], None),
        (None, None),
        ([{"idDocType": "PASSPORT"}], None),
        ([passport("")], None),
        ([passport(" - ")], None),
        ([passport("P1", country="")], None),
        ([passport("P1", country="AT")], None),
        ([passport("B1", kind="BANK_CARD"), passport("U1", kind="UTILITY_BILL")], None),
        ([passport("p 1", country="aut")], "person/AUT/P1"),
        ([passport("D1", kind="DRIVERS"), passport("I1", kind="ID_CARD"), passport("P1")], "person/AUT/P1"),
        ([passport("D1", kind="DRIVERS"), passport("I1", kind="ID_CARD")], "person/AUT/I1"),
        ([passport(""), passport("D1", kind="DRIVERS")], "person/AUT/D1"),
        ([{"country": "AUT", "number": 123}], "person/AUT/123"),
        ([passport("\uff30\uff11\uff12\uff13")], "person/AUT/P123"),
    ],
)
async def test_a_person_is_their_best_identity_document(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], documents: object, person: str | None
) -> None:
    server.review(opened[0], "GREEN", info={"idDocs": documents}, fixedInfo={"idDocs": [passport("TYPED")]})
    body = server.callback(opened[0], "GREEN")

    reported = await sumsub.receive(body, server.sign(body))

    assert reported is not None
    assert reported.result.person == (fingerprint(person) if person else None)


# Polls.


@pytest.mark.parametrize(
    ("answer", "means"), [("GREEN", "approved"), ("RETRY", "retry"), ("FINAL", "rejected"), ("onHold", "on_hold")]
)
async def test_a_poll_says_what_the_callback_would_have(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], answer: str, means: str
) -> None:
    customer, applicant = opened
    server.review(customer, answer, at=NOW, labels=("FORGERY",), info={"idDocs": [passport("P1")]})

    reported = await sumsub.poll(UUID(customer), applicant)

    assert reported is not None
    result = reported.result
    assert (str(reported.customer), result.applicant, result.answer, result.polled) == (
        customer,
        applicant,
        means,
        True,
    )
    assert result.reported_at == NOW.replace(microsecond=0)
    assert result.person == fingerprint("person/AUT/P1")
    assert [sha256(payload).hexdigest() for payload in reported.payloads] == [result.evidence]
    assert result_in(reported.payloads, fingerprint=fingerprint) == (reported.customer, result)
    assert vendor.COMMENT not in repr(result)


@pytest.mark.parametrize(
    "status", ["init", "pending", "prechecked", "queued", "awaitingUser", "awaitingService", "new"]
)
async def test_a_poll_has_nothing_to_say_before_the_review_is_over(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], status: str
) -> None:
    server.review(opened[0], "GREEN")["review"]["reviewStatus"] = status

    assert await sumsub.poll(UUID(opened[0]), opened[1]) is None


async def test_a_poll_has_nothing_to_say_without_a_review(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str]
) -> None:
    del server.applicants[opened[0]]["review"]

    assert await sumsub.poll(UUID(opened[0]), opened[1]) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"reviewResult": None},
        {"reviewResult": {"reviewAnswer": "RED"}},
        {"reviewResult": {"reviewAnswer": "YELLOW"}},
        {"reviewDate": None, "createDate": None},
        {"reviewDate": "lately"},
    ],
)
async def test_a_poll_that_cannot_be_read_is_an_outage(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str], changes: dict[str, Any]
) -> None:
    server.review(opened[0], "GREEN")["review"].update(changes)

    with pytest.raises(ProviderUnavailable):
        await sumsub.poll(UUID(opened[0]), opened[1])


async def test_a_poll_that_answers_for_somebody_else_is_an_outage(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str]
) -> None:
    server.review(opened[0], "GREEN")

    with pytest.raises(ProviderUnavailable):
        await sumsub.poll(uuid4(), opened[1])


# Evidence, read again.


async def test_evidence_that_does_not_belong_together_is_not_read(
    server: SumsubServer, sumsub: Sumsub, opened: tuple[str, str]
) -> None:
    server.review(opened[0], "GREEN")
    body = server.callback(opened[0], "GREEN")
    reported = await sumsub.receive(body, server.sign(body))
    assert reported is not None
    callback, applicant = reported.payloads
    another = applicant.replace(opened[1].encode(), b"another")

    for payloads in ((), (callback,), (callback, another), (callback, b"{}"), (b"{}",), (b"x", applicant)):
        with pytest.raises(Unreadable):
            result_in(payloads, fingerprint=fingerprint)
