"""The peers do what they are measured for."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import psycopg
import pytest

from bench import sides
from bench.data import customer_ids, load_peer_customers
from bench.peer_check import OTHER_DRIVER
from bench.postgres import Database, Postgres, postgres
from bench.server import Server, serving, serving_all
from bench.traffic import registrations

REGISTRATION = next(registrations("gh_key")).partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


def ask(server: Server, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def register(server: Server) -> dict[str, Any]:
    status, customer = ask(server, "POST", "/v1/customers", REGISTRATION)
    assert status == 201
    assert {key: customer[key] for key in ("chainId", "externalId")} == json.loads(REGISTRATION)
    assert customer["status"] == "initiating"
    assert len(customer["challenge"]) > 300
    return customer


def again(server: Server) -> int:
    """Return the status of a second registration; the body is plain text."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("POST", "/v1/customers", REGISTRATION, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def rows(database: Database, query: str) -> list[Any]:
    with psycopg.connect(database.conninfo) as connection:
        return connection.execute(query.encode()).fetchall()


def test_the_empty_route_answers_what_ours_would(server: Postgres) -> None:
    with serving("empty_route", sides.empty_route(), folder=server.folder) as running:
        customer = register(running)
        assert ask(running, "GET", f"/v1/customers/{customer['id']}")[1]["id"] == customer["id"]


def test_the_stock_library_stores_three_events_and_one_customer_a_wallet(server: Postgres) -> None:
    database = server.create_database("stock_library")
    with serving("stock_library", sides.stock_library(database), folder=server.folder) as running:
        customer = register(running)
        del customer["challenge"]
        assert ask(running, "GET", f"/v1/customers/{customer['id']}") == (200, customer)
        assert again(running) == 500  # IntegrityError, which nobody maps here
    assert rows(database, "SELECT count(*) FROM onboarding_events") == [(3,)]


@pytest.mark.parametrize("driver", [sides.DRIVER, OTHER_DRIVER])
def test_sqlalchemy_stores_a_status_row_and_an_audit_row(server: Postgres, driver: str) -> None:
    database = server.create_database(driver.rpartition("+")[2])
    with serving_all({"sqlalchemy": sides.sqlalchemy(database, driver)}, folder=server.folder) as running:
        customer = register(running["sqlalchemy"])
        del customer["challenge"]
        assert ask(running["sqlalchemy"], "GET", f"/v1/customers/{customer['id']}") == (200, customer)
        load_peer_customers(database.conninfo, 10)
        assert ask(running["sqlalchemy"], "GET", f"/v1/customers/{customer_ids(10)[-1]}")[0] == 200
    assert rows(database, "SELECT action FROM audit_entries") == [("registered",)]


def test_all_sides_wait_for_the_disk(server: Postgres) -> None:
    assert int(server.version().split(".")[0]) >= 15
