"""The OpenAPI document is sound by itself, and is the document of the routes that there are."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from starlette.routing import Route

from infrastructure.bootstrap import open_services
from infrastructure.documents import ROOT
from infrastructure.http.app import create_app
from infrastructure.http.openapi import TAGS
from infrastructure.keys.deployment import load_keys
from infrastructure.settings import Settings
from tests.support.http import MISSING, customers_at
from tests.support.openapi import nodes, operations, resolved
from tests.support.world import World

pytestmark = pytest.mark.anyio

OPEN: Final = {
    "/openapi.json",
    "/docs",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/tlog/checkpoint",
    "/tlog/keys",
    "/tlog/tile/{path:path}",
    "/v1/providers/sandbox/callback",
    "/sandbox/verification/{token}",
}
"""What needs no key is no part of the API."""
TYPES: Final = {"string", "integer", "number", "boolean", "object", "array", "null"}


@pytest.fixture(scope="module")
async def document(world: World) -> dict[str, Any]:
    answer: dict[str, Any] = (await world.partner.get("/openapi.json")).json()
    return answer


def references(document: dict[str, Any]) -> Iterator[str]:
    return (str(value["$ref"]) for _, value in nodes(document) if isinstance(value, dict) and "$ref" in value)


async def test_it_is_open_to_everybody_and_says_what_it_is(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] == "Gatehouse"
    assert re.fullmatch(r"\d+\.\d+\.\d+", document["info"]["version"])
    assert document["info"]["description"]
    assert document["info"]["license"]["identifier"] == "Apache-2.0"


async def test_it_is_what_the_specification_calls_a_document(document: dict[str, Any]) -> None:
    assert schemathesis.openapi.from_dict(document).validate() is None
    with pytest.raises(Exception, match="is a required property"):
        schemathesis.openapi.from_dict(document | {"info": {"title": 1}}).validate()


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))

    assert found
    for reference in found:
        assert isinstance(resolved(document, reference), dict)


async def test_every_component_is_used(document: dict[str, Any]) -> None:
    used = set(references(document))

    for kind in ("schemas", "headers", "examples"):
        assert {f"#/components/{kind}/{name}" for name in document["components"][kind]} <= used


async def test_every_group_of_operations_is_described_and_no_other(document: dict[str, Any]) -> None:
    used = {tag for _, _, operation in operations(document) for tag in operation["tags"]}

    assert {tag["name"] for tag in document["tags"]} == used == set(TAGS)
    assert all(tag["description"].endswith(".") for tag in document["tags"])


async def test_every_schema_is_sound(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert re.fullmatch(r"\w+", name)
        assert schema["type"] in {"object", "string"}
        for place, node in nodes(schema):
            if not isinstance(node, dict) or place.rpartition("/")[2] in {"properties", "$defs"}:
                continue
            assert node.get("type") is None or node["type"] in TYPES
            if node.get("type") == "array":
                assert node["items"]
            if "required" in node:
                assert set(node["required"]) <= set(node["properties"])
            if "pattern" in node:
                re.compile(node["pattern"])
            if "enum" in node:
                assert len(set(node["enum"])) == len(node["enum"])


async def test_an_answer_leaves_out_what_it_does_not_have(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    written = {
        reference.rpartition("/")[2]
        for _, _, operation in operations(document)
        for answer in operation["responses"].values()
        for reference in references(answer.get("content", {}))
        if "/schemas/" in reference
    }
    reached = written | {reference.rpartition("/")[2] for name in written for reference in references(schemas[name])}

    assert "ReviewPage" in reached
    for schema in (schemas[name] for name in reached):
        optional = set(schema.get("properties", ())) - set(schema.get("required", ()))
        assert "null" not in str([schema["properties"][name] for name in optional])


async def test_every_route_with_a_key_is_in_it_and_nothing_else(world: World, document: dict[str, Any]) -> None:
    routes = {
        (method.lower(), route.path)
        for route in create_app(world.services).routes
        if isinstance(route, Route) and route.path not in OPEN
        for method in route.methods or ()
        if method != "HEAD"
    }

    assert {(method, path) for method, path, _ in operations(document)} == routes


async def test_what_is_served_is_what_is_checked_in(world: World) -> None:
    served = (await world.partner.get("/openapi.json")).json()

    assert schemathesis.openapi.from_path(ROOT / "docs" / "openapi.json").raw_schema == served


async def test_a_partners_customer_is_described_as_it_travels(world: World, document: dict[str, Any]) -> None:
    held = (await customers_at(world, "initiating"))[0]
    schemas = document["components"]["schemas"]

    assert list(schemas["RegisteredCustomer"]["properties"]) == list(held.customer)
    assert set(schemas["RegisteredCustomer"]["required"]) == set(held.customer)
    del held.customer["challenge"]
    assert list(schemas["Customer"]["properties"]) == list(held.customer)
    problem = (await world.partner.get(f"/v1/customers/{MISSING}")).json()
    assert schemas["ProblemDetails"]["required"] == list(problem)


async def test_the_customers_status_is_one_of_six(document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["Status"]["enum"] == [
        "initiating",
        "screening",
        "verifying",
        "active",
        "inactive",
        "rejected",
    ]


async def test_in_production_there_is_no_simulator_and_no_sandbox(database: str, tmp_path: Path) -> None:
    keys = load_keys(tmp_path, generate=True)
    settings = Settings(mode="production", public_url="https://gatehouse.example", data=tmp_path)

    async with open_services(settings, database, keys) as services:
        app = create_app(services)
        paths = {route.path for route in app.routes if isinstance(route, Route)}
        document = app.openapi()

    assert services.sandbox is None
    assert [path for path in paths if "simulator" in path or "sandbox" in path] == []
    assert "/v1/customers" in paths
    assert "simulator" not in str(document).lower()
    assert "sandbox" not in str(document).lower()
    assert {path for _, path, _ in operations(document)} == {path for path in paths if path not in OPEN}
