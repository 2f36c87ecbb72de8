"""The hosted verification page: whoever has the session's link plays the person and the reviewer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from infrastructure.sandbox.provider import SESSION, SandboxProvider, somebody
from tests.support.http import (
    CANARY,
    Held,
    assert_no_canary,
    assert_problem,
    customers_at,
    detail_of,
    head_of,
    last_event,
    types_of,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio

FORM: Final = {"name": "Jo Doe", "document_number": "X1", "document_country": "UTO"}
HEADERS: Final = {
    "content-type": "text/html; charset=utf-8",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
}


@pytest.fixture(scope="module")
async def visitor() -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody with a browser, and without a key."""
    async with httpx2.AsyncClient(timeout=30) as client:
        yield client


@pytest.fixture
async def held(world: World) -> Held:
    return (await customers_at(world, "verifying"))[0]


async def session_of(world: World, held: Held) -> str:
    """The page's URL."""
    return str((await world.partner.get(f"{held.path}/verification")).json()["sessionUrl"])


def provider_of(world: World) -> SandboxProvider:
    assert world.services.sandbox is not None
    return world.services.sandbox.provider


async def submit(visitor: httpx2.AsyncClient, url: str, **fields: str) -> httpx2.Response:
    return await visitor.post(url, data=FORM | {"answer": "approved"} | fields)


class Inputs(HTMLParser):
    """The tags of a page, and what its form has been filled with."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.values: dict[str, str | None] = {}
        self.answers: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        if tag == "input":
            self.values[str(given["name"])] = given.get("value")
        if tag == "button":
            self.answers.append(given.get("value"))


async def test_the_page_shows_a_form_that_can_be_sent_as_it_is(
    world: World, held: Held, visitor: httpx2.AsyncClient
) -> None:
    url = await session_of(world, held)

    shown = await visitor.get(url)

    assert shown.status_code == 200
    assert HEADERS.items() <= dict(shown.headers).items()
    page = Inputs(shown.text)
    assert page.answers == ["approved", "retry", "rejected"]
    person = somebody(UUID(held.customer["id"]))
    assert page.values == {
        "name": person.name,
        "document_number": person.document_number,
        "document_country": person.document_country,
    }
    assert "script" not in page.tags
    sent = await visitor.post(url, data={**page.values, "answer": "approved"})
    assert sent.status_code == 200
    assert await world.status(held.customer["id"]) == "active"


OUTCOMES: Final = {
    "approved": ("active", "", "VerificationPassed"),
    "retry": ("verifying", "asked_to_retry", "VerificationRetryRequested"),
    "rejected": ("rejected", "", "VerificationFailed"),
    "on_hold": ("verifying", "on_hold", "VerificationHeld"),
}


@pytest.mark.parametrize("answer", OUTCOMES)
async def test_what_is_sent_is_recorded_before_the_page_answers(
    world: World, held: Held, visitor: httpx2.AsyncClient, answer: str
) -> None:
    fields = FORM | {"document_number": uuid4().hex, "answer": answer}

    response = await visitor.post(await session_of(world, held), data=fields)

    assert response.status_code == 200
    assert f"Sent: <strong>{answer}</strong>" in response.text
    assert HEADERS.items() <= dict(response.headers).items()
    status, detail, event = OUTCOMES[answer]
    assert await world.status(held.customer["id"]) == status
    assert await detail_of(world, held.customer) == detail
    assert (await last_event(world, held.customer))["type"] == event


async def test_a_session_may_be_used_again_until_it_is_over(
    world: World, held: Held, visitor: httpx2.AsyncClient
) -> None:
    url = await session_of(world, held)
    fields = FORM | {"document_number": uuid4().hex}

    for answer in ("retry", "approved", "rejected"):
        assert (await visitor.post(url, data=fields | {"answer": answer})).status_code == 200

    assert await world.status(held.customer["id"]) == "active"
    assert (await types_of(world, held.customer))[6:] == ["VerificationRetryRequested", "VerificationPassed"]


@pytest.mark.parametrize("moment", [SESSION + timedelta(seconds=1), timedelta(days=1)])
async def test_a_session_that_is_over_shows_nothing_and_takes_nothing(
    world: World, held: Held, visitor: httpx2.AsyncClient, moment: timedelta
) -> None:
    opened = datetime.now(UTC) - moment
    session = await provider_of(world).session(UUID(held.customer["id"]), held.customer["id"], now=opened)
    before = await head_of(world)

    for response in (await visitor.get(session.url), await submit(visitor, session.url)):
        assert response.status_code == 404
        assert "over, or never was" in response.text
        assert HEADERS.items() <= dict(response.headers).items()
        assert "form" not in Inputs(response.text).tags
    assert await head_of(world) == before


async def test_a_session_is_good_to_its_last_moment(world: World, held: Held, visitor: httpx2.AsyncClient) -> None:
    opened = datetime.now(UTC) - SESSION + timedelta(minutes=1)
    session = await provider_of(world).session(UUID(held.customer["id"]), held.customer["id"], now=opened)

    assert (await visitor.get(session.url)).status_code == 200


async def test_a_token_is_refused_whichever_bit_was_flipped(world: World, held: Held) -> None:
    provider, now = provider_of(world), datetime.now(UTC)
    session = await provider.session(UUID(held.customer["id"]), held.customer["id"], now=now)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert provider.open_session(session.token, now=now) == UUID(held.customer["id"])
    for place, character in enumerate(session.token):
        index = alphabet.index(character)
        # The last character stands for two bits; its four others say nothing.
        bits = range(6) if place < len(session.token) - 1 else range(4, 6)
        for bit in bits:
            edited = session.token[:place] + alphabet[index ^ 1 << bit] + session.token[place + 1 :]
            assert provider.open_session(edited, now=now) is None


MADE_UP: Final = {
    "words": CANARY,
    "base64": "A" * 54,
    "empty bytes": "AA",
    "invalid UTF-8": "%FF%FE",
    "a NUL": "%00",
    "another script": "%D1%8F",
    "HTML": f"%3Cscript%3E{CANARY}",
    "very long": "A" * 5000,
}


@pytest.mark.parametrize("token", MADE_UP.values(), ids=MADE_UP)
async def test_a_token_that_was_made_up_opens_nothing(world: World, visitor: httpx2.AsyncClient, token: str) -> None:
    url = f"{world.url}/sandbox/verification/{token}"

    for response in (await visitor.get(url), await submit(visitor, url)):
        assert response.status_code == 404
        assert HEADERS.items() <= dict(response.headers).items()
        assert_no_canary(response.text)


async def test_a_token_of_another_deployment_opens_nothing(world: World, held: Held) -> None:
    now = datetime.now(UTC)
    foreign = await SandboxProvider(bytes(32), "http://x", world.services.keys.fingerprint_of).session(
        UUID(held.customer["id"]), held.customer["id"], now=now
    )

    assert provider_of(world).open_session(foreign.token, now=now) is None


INCOMPLETE: Final = {
    "nothing": b"",
    "no answer": urlencode(FORM).encode(),
    "another answer": urlencode(FORM | {"answer": CANARY}).encode(),
    "HTML for an answer": urlencode(FORM | {"answer": f"<script>{CANARY}</script>"}).encode(),
    "no name": urlencode({**FORM, "name": "", "answer": "approved"}).encode(),
    "an overlong name": urlencode(FORM | {"name": CANARY * 30, "answer": "approved"}).encode(),
    "a country of two letters": urlencode(FORM | {"document_country": "AT", "answer": "approved"}).encode(),
    "a country in small letters": urlencode(FORM | {"document_country": "aut", "answer": "approved"}).encode(),
    "a country and a newline": urlencode(FORM | {"document_country": "AUT\n", "answer": "approved"}).encode(),
    "an unknown field": urlencode(FORM | {CANARY: "1", "answer": "approved"}).encode(),
    "a field that would name another customer": urlencode(
        FORM | {"applicant": str(UUID(int=1)), "answer": "approved"}
    ).encode(),
    "bytes that are no text": b"name=\xff\xfe",
    "JSON": b'{"answer": "approved"}',
}


@pytest.mark.parametrize("body", INCOMPLETE.values(), ids=INCOMPLETE)
async def test_an_incomplete_form_is_refused_and_not_repeated(
    world: World, held: Held, visitor: httpx2.AsyncClient, body: bytes
) -> None:
    url = await session_of(world, held)
    before = await head_of(world)

    response = await visitor.post(url, content=body)

    assert response.status_code == 422
    assert HEADERS.items() <= dict(response.headers).items()
    assert_no_canary(response.text)
    assert "script" not in Inputs(response.text).tags
    assert await head_of(world) == before


async def test_a_form_that_is_too_large_is_refused(world: World, held: Held, visitor: httpx2.AsyncClient) -> None:
    response = await visitor.post(await session_of(world, held), content=b"name=" + b"x" * 65_536)

    assert_problem(response, 413, "body_too_large")


async def test_what_a_visitor_writes_appears_on_no_page(world: World, held: Held, visitor: httpx2.AsyncClient) -> None:
    url = await session_of(world, held)
    name = f'"><script>alert("{CANARY}")</script>'

    sent = await visitor.post(url, data=FORM | {"name": name, "document_number": name, "answer": "retry"})
    again = await visitor.get(url)

    for response in (sent, again):
        assert response.status_code == 200
        assert "script" not in Inputs(response.text).tags
        assert_no_canary(response.text)


async def test_the_page_says_so_when_the_result_cannot_be_delivered(
    world: World, held: Held, visitor: httpx2.AsyncClient
) -> None:
    """The database does not let the callback be recorded: nothing is lost, and nothing is claimed."""
    url, fields = await session_of(world, held), FORM | {"document_number": uuid4().hex, "answer": "approved"}
    async with await psycopg.AsyncConnection.connect(world.services.conninfo, autocommit=True) as owner:
        await owner.execute("SET ROLE NONE")
        await owner.execute("REVOKE INSERT ON gatehouse.stored_events FROM gatehouse_service")
        response = await visitor.post(url, data=fields)
        await owner.execute("GRANT INSERT ON gatehouse.stored_events TO gatehouse_service")

    assert response.status_code == 503
    assert "could not be delivered" in response.text
    assert await world.status(held.customer["id"]) == "verifying"
    assert (await visitor.post(url, data=fields)).status_code == 200
    assert await world.status(held.customer["id"]) == "active"
