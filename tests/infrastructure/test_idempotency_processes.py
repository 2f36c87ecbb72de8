"""Idempotency keys with real `serve` processes: many callers, one or two processes, and a kill -9 after the commit."""

import asyncio
import json
import signal
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx2
import pytest

from tests.infrastructure.test_executor import rows
from tests.infrastructure.test_executor_lost_answers import Relay, relay
from tests.infrastructure.test_serve import Serving, run, serving
from tests.support.http import assert_problem
from tests.support.repeats import KEY, alike
from tests.support.world import Wallet

pytestmark = pytest.mark.anyio

KEYS: Final = 50
CALLERS: Final = 16
REGISTERED: Final = "SELECT count(*) FROM gatehouse.stored_events WHERE topic = 'CustomerRegistered'"
DONE: Final = "SELECT count(*) FROM gatehouse.stored_events WHERE topic LIKE 'Customer%'"
NEWEST: Final = """
    SELECT originator_id FROM gatehouse.stored_events WHERE topic = 'CustomerRegistered'
    ORDER BY notification_id DESC LIMIT 1
"""


@dataclass(frozen=True)
class Place:
    """A database, the folder that its services share, and a partner's key."""

    database: str
    folder: Path
    bearer: str

    @asynccontextmanager
    async def served(self, name: str, database: str | None = None) -> AsyncIterator[tuple[Serving, httpx2.AsyncClient]]:
        """A `serve` process, and the partner's client of it."""
        given = {"DATABASE_URL": database or self.database, "GATEHOUSE_KEYS": str(self.folder / "keys")}
        with ExitStack() as stack:
            service = await asyncio.to_thread(stack.enter_context, serving(self.folder / name, **given))
            headers = {"Authorization": f"Bearer {self.bearer}"}
            async with httpx2.AsyncClient(base_url=service.url, headers=headers, timeout=30) as client:
                yield service, client
            await asyncio.to_thread(stack.close)


@pytest.fixture
def place(database: str, tmp_path: Path) -> Place:
    given = {"DATABASE_URL": database, "GATEHOUSE_KEYS": str(tmp_path / "keys")}
    made = run(tmp_path / "made", "keys", "create", "--role", "partner", "--name", "partner", "--json", **given)
    assert made.returncode == 0, made
    return Place(database, tmp_path, json.loads(made.stdout)["key"])


def body(number: int) -> dict[str, str]:
    return {"chainId": Wallet(number).account, "externalId": f"reference-{number}"}


async def register(client: httpx2.AsyncClient, number: int) -> httpx2.Response:
    return await client.post("/v1/customers", json=body(number), headers={KEY: f'"registration {number}"'})


async def many_callers(place: Place, *clients: httpx2.AsyncClient) -> None:
    """Every key from all callers at once: each is executed once, and all are answered alike."""

    async def caller(number: int) -> list[httpx2.Response]:
        client = clients[number % len(clients)]
        return [await register(client, key) for key in range(KEYS)]

    heard = await asyncio.gather(*(caller(number) for number in range(CALLERS)))

    for answers in zip(*heard, strict=True):
        assert answers[0].status_code == 201, answers[0].text
        assert alike(answers)
    assert len({answers[0].json()["id"] for answers in zip(*heard, strict=True)}) == KEYS
    assert rows(place.database, REGISTERED) == [(KEYS,)]


async def test_each_of_many_keys_is_executed_once_by_one_process(place: Place) -> None:
    async with place.served("one") as (_, client):
        await many_callers(place, client)


async def test_each_of_many_keys_is_executed_once_by_two_processes(place: Place) -> None:
    async with place.served("one") as (_, client), place.served("two") as (_, elsewhere):
        await many_callers(place, client, elsewhere)


async def killed_in_between(service: Serving, line: Relay, marker: bytes, asked: asyncio.Task[httpx2.Response]) -> None:
    """The process is killed at the instant when its commit, which says `marker`, is done and not yet answered."""
    line.instead = lambda: service.process.send_signal(signal.SIGKILL)
    line.lose_answer_to = marker
    with pytest.raises(httpx2.HTTPError):
        await asked
    assert line.lost == 1


@pytest.mark.parametrize("what", ["registration", "refusal", "change"])
async def test_who_was_killed_after_the_commit_has_its_answer_given_by_another(place: Place, what: str) -> None:
    async with relay(place.database) as line, place.served("two") as (_, elsewhere):
        customer = (await elsewhere.post("/v1/customers", json=body(1))).json()
        number = 1 if what == "refusal" else 2
        marker = {"registration": b"reference-2", "refusal": b"customer_exists", "change": b"CustomerDeactivated"}[what]

        async def ask(client: httpx2.AsyncClient) -> httpx2.Response:
            if what == "change":
                return await client.patch(f"/v1/customers/{customer['id']}/deactivate", headers={KEY: "change"})
            return await register(client, number)

        if what == "change":
            await brought_in(elsewhere, customer)
        async with place.served("one", line.conninfo) as (service, client):
            await killed_in_between(service, line, marker, asyncio.create_task(ask(client)))
        before = rows(place.database, DONE)
        answers = [await ask(elsewhere) for _ in range(3)]
        after = rows(place.database, DONE)

    assert alike(answers)
    assert before == after
    if what == "refusal":
        assert assert_problem(answers[0], 409, "customer_exists")["id"] == customer["id"]
    elif what == "registration":
        assert (answers[0].status_code, [(UUID(answers[0].json()["id"]),)]) == (201, rows(place.database, NEWEST))
    else:
        assert (answers[0].status_code, answers[0].json()["status"]) == (200, "inactive")


async def brought_in(client: httpx2.AsyncClient, customer: dict[str, str]) -> None:
    """The customer signs, and passes screening and verification, as the work process beside the service has it."""
    signed = {
        "chainId": customer["chainId"],
        "challenge": customer["challenge"],
        "signature": Wallet(1).sign(b64decode(customer["challenge"])),
    }
    path = f"/v1/customers/{customer['id']}"
    assert (await client.post(f"{path}/challenge/sign", json=signed)).status_code == 204
    async with asyncio.timeout(30):
        while (await client.patch(f"/v1/simulator/customers/{customer['id']}/verify")).status_code != 202:  # noqa: ASYNC110 -- another process works
            await asyncio.sleep(0.05)
