"""A command that is executed with a secret: a repeat is told the same one, and nobody else is."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from application.executor import Outcome
from application.handlers import append
from domain.vocabulary import Event
from infrastructure.api_keys import Caller, issue, new_key
from infrastructure.http.idempotency import Repeats, keep, kept
from infrastructure.http.resources import answer
from infrastructure.http.routing import Call, Route
from infrastructure.services import Services
from tests.infrastructure.test_executor import rows
from tests.infrastructure.test_sealing import contents, dump, found
from tests.support.world import running

pytestmark = pytest.mark.anyio

ADMIN: Final = Caller(UUID(int=1), "admin", None, "admin", "admin:1")


class Shown(BaseModel):
    """A key with its secret, shown this once."""

    id: UUID
    secret: str


async def shown(call: Call, outcome: Outcome, secret: str = "") -> Response:
    return answer(Shown(id=outcome.stream, secret=kept(call, outcome, secret)), 201)


async def issued(services: Services, call: Call) -> Response:
    """Issue a key, as a route would that does so."""
    secret, key_hash = new_key("auditor")
    keep(call, secret)
    stream = services.new_id()

    def decide(history: Sequence[Event]) -> Sequence[Event]:
        return issue(key_hash=key_hash, role="auditor", name="audit", partner=None, history=history)

    outcome = await services.execute_once(lambda: append(stream, decide), actor=call.caller.actor, once=call.once)
    return await shown(call, outcome, secret)


def call_of(*keys: bytes) -> Call:
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/v1/secrets",
        "query_string": b"",
        "headers": [(b"idempotency-key", key) for key in keys],
    }
    return Call(Request(scope), ADMIN, admitted)


async def admitted() -> bool:
    return True


async def test_a_repeat_is_told_the_secret_that_was_issued_and_the_database_does_not_know_it(
    database: str, tmp_path: Path
) -> None:
    async with running(database, tmp_path) as world:
        services = world.services
        route = Route("POST", "/secrets", partial(issued, services), frozenset({"admin"}), "Issue", render=shown)
        first, other_process = Repeats(services), Repeats(services)

        told = [bytes((await each.answer(route, call_of(b"a key"))).body) for each in (first, first, other_process)]
        unkeyed = [(await first.answer(route, call_of())).body for _ in range(2)]
        another = (await first.answer(route, call_of(b"another"))).body
        secret = Shown.model_validate_json(told[0]).secret
        caller = await services.directory.find(secret)

    assert caller is not None
    assert (caller.role, caller.name) == ("auditor", "audit")
    assert len({*told}) == 1
    assert len({*told, *unkeyed, another}) == 4
    assert found("audit", b"".join(contents(database)) + dump(database)), "the search itself finds nothing"
    assert not found(secret, b"".join(contents(database)) + dump(database))
    assert rows(database, "SELECT count(*) FROM gatehouse.idempotency WHERE sealed IS NOT NULL") == [(2,)]
