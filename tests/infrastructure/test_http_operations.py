"""Health, metrics, the headers of every answer, and faults on our side."""

import json
import re
from pathlib import Path
from typing import Final

import httpx2
import psycopg
import pytest

from infrastructure.http.operations import LONGEST_LAG
from tests.support.http import (
    CANARY,
    MISSING,
    SECURITY,
    assert_no_canary,
    assert_problem,
    customers_at,
    rows,
    service_log,
)
from tests.support.world import Wallet, World, running

pytestmark = pytest.mark.anyio

_NEWER: Final = """
    INSERT INTO gatehouse.migrations (number, name, sha256) SELECT max(number) + 1, 'x', '' FROM gatehouse.migrations
"""
UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


async def as_owner(world: World, *statements: str) -> None:
    """Change the schema, as whoever owns it."""
    async with await psycopg.AsyncConnection.connect(world.services.conninfo, autocommit=True) as connection:
        await connection.execute("SET ROLE NONE")
        for statement in statements:
            await connection.execute(statement.encode())


async def test_the_process_is_alive(world: World) -> None:
    response = await world.partner.get("/health/live")

    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_the_service_is_ready_and_says_how_far_it_is(world: World) -> None:
    await customers_at(world, "active")
    await world.project()

    response = await world.partner.get("/health/ready")

    state = response.json()
    assert response.status_code == 200
    assert (state["status"], state["problems"]) == ("ready", [])
    assert state["warnings"] == ["screening uses the sample of the sanctions list, not the list"]
    assert set(state["projections"]) == {"customers", "feed", "reviews", "spans", "worklist"}
    assert all(follower == {"position": state["position"], "lag": 0} for follower in state["projections"].values())


async def test_a_projection_that_lags_a_little_is_ready(world: World) -> None:
    await customers_at(world, "initiating", 2)

    state = (await world.partner.get("/health/ready")).json()

    assert state["status"] == "ready"
    assert {follower["lag"] for follower in state["projections"].values()} == {6}
    await world.project()


async def test_a_projection_that_stands_is_not_ready(world: World) -> None:
    await world.project()
    await as_owner(world, "UPDATE gatehouse.tracking SET stopped_at = 7, fault = 'Poison' WHERE projection = 'spans'")

    response = await world.partner.get("/health/ready")
    metrics = (await world.partner.get("/metrics")).text

    assert response.status_code == 503
    assert response.json()["status"] == "unready"
    assert response.json()["problems"] == ["projection spans stopped at 7: Poison"]
    assert 'gatehouse_projection_stopped{projection="spans"} 1.0' in metrics
    assert 'gatehouse_projection_stopped{projection="customers"} 0.0' in metrics
    await world.project()
    assert (await world.partner.get("/health/ready")).status_code == 200


async def test_readiness_metrics_and_the_log_name_what_a_poison_event_stopped(database: str, tmp_path: Path) -> None:
    with service_log() as log:
        async with running(database, tmp_path) as world:
            await world.register(Wallet(1))
            await world.project()
            head = (await rows(world, "SELECT max(notification_id) FROM gatehouse.stored_events"))[0][0]
            await as_owner(world, f"ALTER TABLE gatehouse.spans ADD CHECK (recorded_from <= {head})")
            await world.register(Wallet(2), external_id=CANARY)
            await world.project()

            problems = (await world.partner.get("/health/ready")).json()["problems"]
            metrics = (await world.partner.get("/metrics")).text.splitlines()

    assert problems == [f"projection spans stopped at {head + 1}: CheckViolation"]
    for name, position, stopped in (("customers", head + 3, 0), ("spans", head, 1), ("worklist", head + 3, 0)):
        assert f'gatehouse_projection_position{{projection="{name}"}} {position:.1f}' in metrics
        assert f'gatehouse_projection_stopped{{projection="{name}"}} {stopped:.1f}' in metrics
    assert f"gatehouse_log_position {head + 3:.1f}" in metrics
    [line] = [line for line in log.getvalue().splitlines() if "projection_stopped" in line]
    said = json.loads(line)
    assert (said["level"], said["projection"], said["position"], said["fault"]) == (
        ("error", "spans", head + 1, "CheckViolation")
    )
    assert_no_canary(log.getvalue())


async def test_metrics_speak_of_read_models_alone_while_one_is_rebuilt(world: World) -> None:
    await as_owner(world, "INSERT INTO gatehouse.tracking (projection, position) VALUES ('spans_next', 1)")

    metrics = (await world.partner.get("/metrics")).text

    assert "spans_next" not in metrics
    await as_owner(world, "DELETE FROM gatehouse.tracking WHERE projection = 'spans_next'")


async def test_a_projection_that_lags_far_behind_is_not_ready(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await world.project()
        head = (await rows(world, "SELECT max(notification_id) FROM gatehouse.stored_events"))[0][0]
        for behind, status in ((LONGEST_LAG, 200), (LONGEST_LAG + 1, 503)):
            await as_owner(world, f"UPDATE gatehouse.tracking SET position = {head - behind}")  # noqa: S608 -- a number
            response = await world.partner.get("/health/ready")
            assert response.status_code == status
        assert response.json()["problems"][0] == f"projection customers is {behind} events behind"


async def test_another_schema_is_not_ready(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        await as_owner(world, _NEWER)

        response = await world.partner.get("/health/ready")

        assert response.status_code == 503
        assert response.json()["problems"] == ["the database's schema is another version's"]


async def kill_connections(world: World) -> int:
    """End every connection that the service has; how many there were."""
    async with await psycopg.AsyncConnection.connect(world.services.conninfo, autocommit=True) as connection:
        await connection.execute("SET ROLE NONE")
        cursor = await connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return len(await cursor.fetchall())


async def until_ready(world: World) -> None:
    while (await world.partner.get("/health/ready")).status_code != 200:
        pass


async def test_a_database_that_goes_away_is_told_and_the_service_recovers(database: str, tmp_path: Path) -> None:
    async with running(database, tmp_path) as world:
        customer = await world.register(Wallet(1))
        path = f"/v1/customers/{customer['id']}"
        assert (await world.partner.get("/health/ready")).status_code == 200

        assert await kill_connections(world) >= 2
        ready = await world.partner.get("/health/ready")
        assert (await world.partner.get("/health/live")).status_code == 200
        await until_ready(world)
        await kill_connections(world)
        read = await world.partner.get(path)
        await until_ready(world)
        await kill_connections(world)
        metrics = await world.partner.get("/metrics")
        await until_ready(world)
        await kill_connections(world)
        written = await world.sign(customer, Wallet(1))

        assert (ready.status_code, ready.json()["problems"]) == (503, ["the database does not answer"])
        for answer in (read, metrics):
            assert_problem(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "1"
        assert written.status_code in {204, 503}
        await until_ready(world)
        again = await world.sign(customer, Wallet(1))
        assert {written.status_code, again.status_code} in ({204, 409}, {503, 204})
        assert (await world.partner.get(path)).json()["status"] == "screening"


async def test_a_fault_on_our_side_is_a_problem_without_its_words_and_a_line_in_the_log(
    database: str, tmp_path: Path
) -> None:
    with service_log() as log:
        async with running(database, tmp_path) as world:
            await as_owner(world, f"ALTER TABLE gatehouse.customers RENAME TO {CANARY}")

            response = await world.partner.get("/v1/customers", params={"externalId": CANARY})

    assert_problem(response, 500, "internal_error")
    assert "customers" not in response.text
    [line] = [line for line in log.getvalue().splitlines() if "request_failed" in line]
    said = json.loads(line)
    assert (said["route"], said["fault"], said["level"]) == ("GET /customers", "UndefinedTable", "error")
    assert re.fullmatch(r"\S+\.py:\d+( > \S+\.py:\d+)*", said["trace"])
    assert_no_canary(log.getvalue())
    assert "does not exist" not in log.getvalue()


# Metrics.


async def test_metrics_name_routes_and_codes_and_nobody(world: World) -> None:
    names: set[str] = set()
    for held in await customers_at(world, "active", 3):
        names |= {held.customer["id"], held.wallet.address.lower(), held.wallet.address}
        await world.partner.get(held.path)
        await world.other.get(held.path)
        await world.partner.get(f"/v1/customers?externalId={CANARY}&chainId={held.wallet.account}")
    await world.register(Wallet(1), external_id=CANARY)
    names |= {entry["partner"] for entry in await world.services.directory.all()} - {"-"}
    names |= {entry["keyId"] for entry in await world.services.directory.all()}
    await world.project()

    response = await world.partner.get("/metrics")

    assert response.headers["content-type"].startswith("text/plain; version=")
    assert not [name for name in names if name in response.text]
    assert not re.search(UUID, response.text)
    assert not re.search(r"0x[0-9a-fA-F]{8}", response.text)
    assert_no_canary(response.text)
    assert 'gatehouse_requests_total{route="GET /customers/{customer_id}",status="404"}' in response.text


async def test_metrics_count_what_was_answered(world: World) -> None:
    series = 'gatehouse_requests_total{route="GET /customers/{customer_id}/services",status="422"}'

    async def read() -> tuple[float, float]:
        text = (await world.partner.get("/metrics")).text
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return float(values.get(series, 0)), float(values["gatehouse_request_seconds_count"])

    await read()
    before = await read()
    for _ in range(5):
        await world.partner.get("/v1/customers/nonsense/services")
    after = await read()

    assert after[0] - before[0] == 5
    assert after[1] - before[1] == 6


async def test_metrics_tell_how_far_everything_is(world: World) -> None:
    held = (await customers_at(world, "initiating"))[0]
    await world.sign(held.customer, held.wallet)
    await world.project()
    head = (await rows(world, "SELECT max(notification_id) FROM gatehouse.stored_events"))[0][0]

    text = (await world.partner.get("/metrics")).text

    assert f"gatehouse_log_position {float(head)}" in text
    for name in ("customers", "spans", "worklist"):
        assert f'gatehouse_projection_position{{projection="{name}"}} {float(head)}' in text
    assert 'gatehouse_work_due{kind="screen"} 1.0' in text
    await world.work()
    assert "gatehouse_work_due{" not in (await world.partner.get("/metrics")).text


# Headers.


async def test_every_answer_has_the_security_headers(world: World) -> None:
    held = (await customers_at(world, "verifying"))[0]
    fresh = (await customers_at(world, "initiating"))[0]
    page = (await world.partner.get(f"{held.path}/verification")).json()["sessionUrl"]
    answers = [
        await world.partner.post("/v1/customers", json={"chainId": Wallet(2).account, "externalId": "x"}),
        await world.partner.post("/v1/customers", content=b"{"),
        await world.sign(fresh.customer, fresh.wallet),
        *[
            await world.partner.get(path)
            for path in (
                "/v1/customers",
                held.path,
                f"{held.path}/services",
                f"/v1/customers/{MISSING}",
                "/v1/customers/nonsense",
                "/v1/customers?limit=0",
                "/nowhere",
                "/health/live",
                "/health/ready",
                "/metrics",
                "/openapi.json",
            )
        ],
        await world.officer.get(f"{held.path}/timeline"),
        await world.officer.get(f"{held.path}/events"),
        await world.admin.get("/v1/customers"),
        await world.partner.delete("/v1/customers"),
        await world.partner.post("/v1/providers/sandbox/callback"),
        await world.partner.patch(f"{held.simulator}/verify"),
    ]
    assert {answer.status_code for answer in answers} == {200, 201, 202, 204, 401, 403, 404, 405, 415, 422}
    for answer in answers:
        assert SECURITY.items() <= dict(answer.headers).items()
        assert len({name for name, _ in answer.headers.raw}) == len(answer.headers.raw)
    for path in (page, "/docs", "/sandbox/verification/nonsense"):
        answer = await world.partner.get(path)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert (SECURITY.items() - {("content-security-policy", SECURITY["content-security-policy"])}) <= dict(
            answer.headers
        ).items()
        assert len({name for name, _ in answer.headers.raw}) == len(answer.headers.raw)


async def test_no_answer_says_what_serves_it(world: World) -> None:
    for path in ("/v1/customers", "/nowhere", "/docs"):
        headers = (await world.partner.get(path)).headers
        assert not {"server", "x-powered-by", "via"} & set(headers)


async def test_the_docs_page_may_load_what_it_needs_and_nothing_else(world: World) -> None:
    answer: httpx2.Response = await world.partner.get("/docs")

    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    hosts = set(re.findall(r'(?:src|href)="(https?://[^/"]+)', answer.text))
    assert hosts == {"https://cdn.jsdelivr.net"}
    for directive in ("script-src", "style-src"):
        assert hosts <= set(policy[directive].split())
    assert policy["connect-src"] == "'self'"
    assert "/openapi.json" in answer.text
