"""Ids, queries and preconditions that are refused, with nothing of them in an answer or in the log."""

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Final
from urllib.parse import quote
from uuid import UUID

import pytest

from infrastructure.http.app import V1, routes_of
from tests.support.http import (
    CANARY,
    MISSING,
    Held,
    assert_no_canary,
    assert_problem,
    customers_at,
    head_of,
    service_log,
    types_of,
)
from tests.support.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def log() -> Iterator[StringIO]:
    with service_log() as written:
        yield written


@pytest.fixture(scope="module", autouse=True)
async def held(world: World) -> Held:
    """An active customer, beside some others."""
    await customers_at(world, "initiating", 6)
    held = (await customers_at(world, "active"))[0]
    await world.project()
    return held


@pytest.fixture(autouse=True)
def _nothing_is_logged(log: StringIO) -> Iterator[None]:
    yield
    assert_no_canary(log.getvalue())


BAD_IDS: Final = {
    "words": CANARY,
    "a number": "1",
    "without dashes": MISSING.replace("-", ""),
    "in braces": "{" + MISSING + "}",
    "as a URN": f"urn:uuid:{MISSING}",
    "a digit short": MISSING[:-1],
    "a digit long": MISSING + "0",
    "a letter that is no digit": MISSING[:-1] + "g",
    "a digit of another script": MISSING[:-1] + "\u0660",
    "dashes elsewhere": "0193000-00000-7000-8000-000000000000",
    "a space before": " " + MISSING,
    "a newline after": MISSING + "\n",
    "a NUL after": MISSING + "\0",
    "invalid UTF-8": "%FF%FE",
    "SQL": f"' OR 1=1 --{CANARY}",
    "a dot": ".",
    "an asterisk": "*",
}
BODIES: Final = {
    "sign": {"chainId": "eip155:1:0x" + "a" * 40, "challenge": "", "signature": ""},
    "screening": {"outcome": "pass"},
    "verification": {"outcome": "pass"},
    "monitoring": {"outcome": "pass"},
    "rejection": {"reason": "mixes funds"},
    "refusal": {"reason": "a namesake"},
    "withdrawal": {"reason": "mistaken"},
    "hold": {"authority": "Central Bank", "reason": "case 12/26"},
    "lift": {"authority": "Central Bank", "reason": "closed"},
    "erasure": {"legalBasis": "retention_over"},
}


@pytest.mark.parametrize("bad", BAD_IDS.values(), ids=BAD_IDS)
async def test_an_id_that_is_no_uuid_is_refused_everywhere(world: World, bad: str) -> None:
    routes = [route for route in routes_of(world.services) if "{customer_id}" in route.path]
    assert len(routes) > 10
    for route in routes:
        client = world.clients[next(role for role in ("partner", "officer", "auditor", "admin") if role in route.roles)]
        escaped = bad if bad.startswith("%") else quote(bad, safe="")
        path = V1 + route.path.replace("{customer_id}", "%2E" if escaped == "." else escaped)
        body = BODIES.get(route.path.rpartition("/")[2]) if route.body else None
        assert_problem(await client.request(route.method, path, json=body), 422, "malformed_id")


async def test_an_id_in_capitals_is_the_same_id(world: World, held: Held) -> None:
    response = await world.partner.get(f"/v1/customers/{held.customer['id'].upper()}")

    assert response.json()["id"] == held.customer["id"]


@pytest.mark.parametrize("unknown", [MISSING, str(UUID(int=0)), str(UUID(int=2**128 - 1))])
async def test_an_id_of_no_customer_is_not_found(world: World, unknown: str) -> None:
    assert_problem(await world.partner.get(f"/v1/customers/{unknown}"), 404, "customer_not_found")


async def test_the_id_of_something_else_in_the_log_is_no_customers(world: World) -> None:
    keys = [entry["keyId"] for entry in await world.services.directory.all()]
    partners = [entry["partner"] for entry in await world.services.directory.all() if entry["partner"] != "-"]
    for known in keys + partners:
        for client in (world.partner, world.officer):
            assert_problem(await client.get(f"/v1/customers/{known}"), 404, "customer_not_found")
        assert_problem(await world.officer.get(f"/v1/customers/{known}/events"), 404, "customer_not_found")
        assert_problem(await world.officer.get(f"/v1/customers/{known}/timeline"), 404, "customer_not_found")
        assert_problem(await world.partner.patch(f"/v1/customers/{known}/deactivate"), 404, "customer_not_found")


BAD_QUERIES: Final = {
    "limit=0": "greater_than_equal",
    "limit=-1": "greater_than_equal",
    "limit=201": "less_than_equal",
    "limit=abc" + CANARY: "int_parsing",
    "limit=1.5": "int_parsing",
    "limit=": "int_parsing",
    "limit=" + "9" * 5000: "int_parsing_size",
    "limit=\u0661": "int_parsing",
    "status=" + CANARY: "enum",
    "status=ACTIVE": "enum",
    "status=": "enum",
    "externalId=": "string_pattern_mismatch",
    "externalId=%00" + CANARY: "string_pattern_mismatch",
    "externalId=%0A": "string_pattern_mismatch",
    "externalId=%C2%85": "string_pattern_mismatch",
    "externalId=" + "a" * 256: "string_pattern_mismatch",
    "chainId=" + "a" * 201: "string_too_long",
    "createdAfter=" + CANARY: "datetime_from_date_parsing",
    "createdAfter=2026-01-01T00:00:00": "timezone_aware",
    "createdAfter=2026-13-01T00:00:00Z": "datetime_from_date_parsing",
    "createdAfter=": "datetime_from_date_parsing",
    "asOf=" + "1" * 41: "string_too_long",
    "cursor=" + "A" * 101: "string_too_long",
}


@pytest.mark.parametrize("query", BAD_QUERIES)
async def test_a_parameter_that_makes_no_sense_is_refused_and_named(world: World, query: str) -> None:
    response = await world.partner.get(f"/v1/customers?{query}")

    errors = assert_problem(response, 422, "invalid_request")["errors"]
    assert errors == [{"pointer": "/" + query.partition("=")[0], "code": BAD_QUERIES[query]}]


@pytest.mark.parametrize("query", ["limit=1", "limit=200", "externalId=Zo%C3%AB", "createdAfter=2026-01-01T00:00:00Z"])
async def test_a_parameter_at_its_bounds_is_taken(world: World, query: str) -> None:
    assert (await world.partner.get(f"/v1/customers?{query}")).status_code == 200


@pytest.mark.parametrize(
    ("account", "code"),
    [
        (CANARY, "malformed_account"),
        ("eip155:1:0x", "malformed_account"),
        ("eip155:1:0x%00", "malformed_account"),
        ("", "malformed_account"),
        ("eip155:1:0x" + "aA" * 20, "invalid_checksum"),
    ],
)
async def test_a_list_by_a_malformed_account_is_refused(world: World, account: str, code: str) -> None:
    assert_problem(await world.partner.get(f"/v1/customers?chainId={account}"), 422, code)


READS: Final = ("", "/{id}", "/{id}/challenge", "/{id}/verification", "/{id}/services")
INSPECTIONS: Final = ("/{id}/timeline", "/{id}/events")


@pytest.mark.parametrize("query", [f"{CANARY}=1", f"x={CANARY}", "as_of=1", "ASOF=1", "=", f"%00{CANARY}"])
@pytest.mark.parametrize("path", READS + INSPECTIONS)
async def test_an_unknown_parameter_is_refused_and_not_named(world: World, held: Held, path: str, query: str) -> None:
    client = world.officer if path in INSPECTIONS else world.partner

    response = await client.get(f"/v1/customers{path.format(id=held.customer['id'])}?{query}")

    errors = assert_problem(response, 422, "invalid_request")["errors"]
    assert errors == [{"code": "unknown_field"}]


async def test_a_parameter_of_another_route_is_unknown(world: World, held: Held) -> None:
    for path, query in (("/services", "asOf=1"), ("", "limit=1"), ("/challenge", "cursor=x")):
        response = await world.partner.get(f"{held.path}{path}?{query}")
        assert assert_problem(response, 422, "invalid_request")["errors"] == [{"code": "unknown_field"}]


async def test_a_change_takes_no_parameters(world: World, held: Held) -> None:
    before = await head_of(world)
    for method, path in (
        ("POST", "/v1/customers"),
        ("PATCH", f"{held.path}/deactivate"),
        ("PATCH", f"{held.path}/activate"),
        ("PATCH", f"{held.simulator}/verify"),
    ):
        response = await world.partner.request(method, f"{path}?force={CANARY}")
        assert_problem(response, 422, "invalid_request")
    assert await head_of(world) == before


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("", "limit=1&limit=1"),
        ("", f"externalId={CANARY}&limit=1&externalId=x"),
        ("", "status=active&status=inactive"),
        ("/{id}", "asOf=1&asOf=2"),
        ("", f"{CANARY}=1&{CANARY}=2"),
    ],
)
async def test_a_repeated_parameter_is_refused(world: World, held: Held, path: str, query: str) -> None:
    response = await world.partner.get(f"/v1/customers{path.format(id=held.customer['id'])}?{query}")

    assert assert_problem(response, 422, "invalid_request")["errors"] == [{"code": "repeated_parameter"}]


NO_MOMENTS: Final = {
    CANARY: "datetime_parsing",
    "": "datetime_parsing",
    "-1": "datetime_parsing",
    "1e3": "datetime_parsing",
    "\u0661": "datetime_parsing",
    "yesterday": "datetime_parsing",
    "2026-02-30T00:00:00Z": "datetime_parsing",
    "2026-01-01T25:00:00Z": "datetime_parsing",
    "2026-01-01T00:00:00+00:00x": "datetime_parsing",
    "9" * 19: "datetime_parsing",
    "2026-01-01": "timezone_aware",
    "2026-01-01T00:00:00": "timezone_aware",
    "2026-01-01T00:00:00.000001": "timezone_aware",
}


@pytest.mark.parametrize("moment", NO_MOMENTS)
async def test_a_moment_that_is_none_is_refused(world: World, held: Held, moment: str) -> None:
    response = await world.partner.get(held.path, params={"asOf": moment})

    errors = [{"pointer": "/asOf", "code": NO_MOMENTS[moment]}]
    assert assert_problem(response, 422, "invalid_request")["errors"] == errors


@pytest.mark.parametrize("path", ["{id}", ""])
async def test_a_moment_in_the_future_is_refused(world: World, held: Held, path: str) -> None:
    for ahead in (timedelta(minutes=1), timedelta(days=400)):
        moment = (world.clock() + ahead).isoformat()
        response = await world.partner.get(
            f"/v1/customers/{path.format(id=held.customer['id'])}".rstrip("/"), params={"asOf": moment}
        )
        assert_problem(response, 422, "as_of_in_future")


async def test_a_position_that_the_log_has_not_come_to_is_refused(world: World, held: Held) -> None:
    beyond = await head_of(world) + 1
    path = held.path.removeprefix("/v1")

    for query in (
        f"{path}?asOf={beyond}",
        f"/customers?asOf={beyond}",
        f"/funnel?asOf={beyond}",
        f"/funnel?asOf={'9' * 18}",
        f"/funnel?asOf={beyond}&clock=occurred",
        f"/funnel/changes?from=1&to={beyond}",
        f"{path}/changes?from={beyond}&to=1",
    ):
        assert_problem(await world.partner.get("/v1" + query), 422, "as_of_in_future")


@pytest.mark.parametrize("path", ["{path}?asOf=1&", "/v1/customers?asOf=1&", "/v1/funnel?", "/v1/funnel/changes?"])
@pytest.mark.parametrize("clock", [CANARY, "", "Recorded", "both"])
async def test_a_clock_that_there_is_not_is_refused(world: World, held: Held, path: str, clock: str) -> None:
    query = "from=1&to=1&" if "changes" in path else ""
    response = await world.partner.get(path.format(path=held.path) + query + f"clock={clock}")

    errors = [{"pointer": "/clock", "code": "literal_error"}]
    assert assert_problem(response, 422, "invalid_request")["errors"] == errors


@pytest.mark.parametrize("path", ["/v1/funnel/changes", "{path}/changes"])
async def test_a_comparison_needs_two_moments_in_their_order(world: World, held: Held, path: str) -> None:
    path = path.format(path=held.path)

    for parameters, pointer, code in (
        ({"from": "1"}, "/to", "missing"),
        ({"to": "1"}, "/from", "missing"),
        ({"from": "2", "to": "1"}, "/to", "before_from"),
        ({"from": "1", "to": "2020-01-01T00:00:00Z"}, "/to", "before_from"),
        ({"from": CANARY, "to": "1"}, "/from", "datetime_parsing"),
        ({"from": "1", "to": "2026-01-01T00:00:00"}, "/to", "timezone_aware"),
        ({"from": "2020-01-02T00:00:00Z", "to": "2020-01-01T00:00:00Z", "clock": "occurred"}, "/to", "before_from"),
    ):
        problem = assert_problem(await world.partner.get(path, params=parameters), 422, "invalid_request")
        assert problem["errors"] == [{"pointer": pointer, "code": code}]
    future = (world.clock() + timedelta(minutes=1)).isoformat()
    assert_problem(await world.partner.get(path, params={"from": "1", "to": future}), 422, "as_of_in_future")


NO_MATCH: Final = (
    CANARY,
    "",
    "7",
    '"',
    '""',
    "'7'",
    '"7',
    '7"',
    '"07"',
    '"+7"',
    '"7.0"',
    '"7 "',
    '"\u0667"',
    'W/"7"',
    '"-7"',
    '"0"',
    '"6"',
    '"8"',
    '"9999999999999999999999"',
    f'"{CANARY}"',
    f'"{CANARY}", "8"',
    '"7" "8"',
    "*, *",
)


@pytest.mark.parametrize("condition", NO_MATCH)
@pytest.mark.parametrize("change", ["deactivate", "activate"])
async def test_a_condition_that_does_not_hold_changes_nothing(
    world: World, held: Held, change: str, condition: str
) -> None:
    before = await types_of(world, held.customer)
    assert len(before) == 7

    response = await world.partner.patch(f"{held.path}/{change}", headers={b"If-Match": condition.encode()})

    assert_problem(response, 412, "version_mismatch")
    assert await types_of(world, held.customer) == before


@pytest.mark.parametrize("seen", [True, False])
async def test_a_condition_that_holds_lets_the_change_happen(world: World, held: Held, *, seen: bool) -> None:
    tag = (await world.partner.get(held.path)).headers["etag"]

    response = await world.partner.patch(f"{held.path}/activate", headers={"If-Match": tag if seen else "*"})

    assert (response.status_code, response.headers["etag"]) == (200, tag)


@pytest.mark.parametrize("asked", ['"8", {}', '{},"8"', 'W/"8" , {} ,', '"8,", {}'])
async def test_a_condition_may_list_several_states(world: World, held: Held, asked: str) -> None:
    tag = (await world.partner.get(held.path)).headers["etag"]

    one = await world.partner.patch(f"{held.path}/activate", headers={"If-Match": asked.format(tag)})
    lines = await world.partner.patch(f"{held.path}/activate", headers=[("If-Match", '"8"'), ("If-Match", tag)])
    weak = await world.partner.patch(f"{held.path}/activate", headers={"If-Match": asked.format(f"W/{tag}")})

    assert (one.status_code, lines.status_code) == (200, 200)
    assert_problem(weak, 412, "version_mismatch")
