"""The OpenAPI document: it is sound by itself, and says what the service does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.routing import Route

from infrastructure.bootstrap import open_services
from infrastructure.http.app import create_app
from infrastructure.http.models import CustomerPage
from infrastructure.http.problems import PROBLEMS
from infrastructure.keys.deployment import load_keys
from infrastructure.settings import Settings
from tests.support.http import MISSING, customers_at
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


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def nodes(value: Any, path: str = "#") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- any JSON
    """Every value within a value, and where it is."""
    yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from nodes(child, f"{path}/{name}")


def resolve(document: dict[str, Any], reference: str) -> Any:  # noqa: ANN401 -- any JSON
    assert reference.startswith("#/")
    found: Any = document
    for part in reference[2:].split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


async def test_it_is_open_to_everybody_and_says_what_it_is(document: dict[str, Any]) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] == "Gatehouse"
    assert re.fullmatch(r"\d+\.\d+\.\d+", document["info"]["version"])
    assert set(document) <= {"openapi", "info", "paths", "components"}


async def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = [value["$ref"] for _, value in nodes(document) if isinstance(value, dict) and "$ref" in value]

    assert references
    for reference in references:
        assert isinstance(resolve(document, reference), dict)


async def test_every_schema_is_used(document: dict[str, Any]) -> None:
    used = {str(value["$ref"]) for _, value in nodes(document) if isinstance(value, dict) and "$ref" in value}

    assert {f"#/components/schemas/{name}" for name in document["components"]["schemas"]} <= used


async def test_every_operation_says_what_it_is_for(document: dict[str, Any]) -> None:
    found = list(operations(document))
    names = [operation["operationId"] for _, _, operation in found]

    assert len(set(names)) == len(names)
    for method, path, operation in found:
        assert method in {"get", "post", "patch", "put", "delete"}
        assert path.startswith("/v1/")
        assert re.fullmatch(r"[A-Z][^.]+", operation["summary"])
        assert operation["description"].endswith(".")
        assert re.fullmatch(r"\w+", operation["operationId"])
        assert operation["tags"]
        assert operation["security"] == [{"apiKey": []}]
    assert document["components"]["securitySchemes"] == {"apiKey": {"type": "http", "scheme": "bearer"}}


async def test_every_answer_has_a_description_and_a_sound_content(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert re.fullmatch(r"[2-5]\d\d", status)
            assert answer["description"]
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"]
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemDetails"}
            elif operation["tags"] == ["policies"] or operation["operationId"] == "audit_order":
                assert list(answer["content"]) == ["application/x-ndjson"]
            elif operation["operationId"] == "events_stream":
                assert list(answer["content"]) == ["text/event-stream"]
            elif operation["operationId"] == "exports_file":
                assert list(answer["content"]) == ["application/zip"]
            elif operation["operationId"] == "schemas_schema":
                assert list(answer["content"]) == ["application/schema+json"]
            elif operation["operationId"].endswith(("_inclusion", "_consistency")):
                assert list(answer["content"]) == ["text/plain; charset=utf-8"]
            elif status != "204":
                assert list(answer["content"]) == [
                    "application/octet-stream" if operation["operationId"].endswith("_evidence") else "application/json"
                ]
        assert sum(status.startswith("2") for status in operation["responses"]) == 1


async def test_every_problem_that_is_named_exists_with_that_status(document: dict[str, Any]) -> None:
    for _, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                codes = re.findall(r"`([a-z_]+)`: ", answer["description"])
                assert codes
                assert {PROBLEMS[code].status for code in codes} == {int(status)}


async def test_every_operation_names_the_problems_that_all_have(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        described = " ".join(answer["description"] for answer in operation["responses"].values())
        named = set(re.findall(r"`([a-z_]+)`: ", described))
        assert {"unauthenticated", "forbidden", "invalid_request", "internal_error", "unavailable"} <= named
        if "{customer_id}" in path:
            assert {"malformed_id", "customer_not_found"} <= named
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            assert {"invalid_json", "body_too_large", "unsupported_media_type"} <= named


async def test_whoever_takes_an_account_names_what_may_be_wrong_with_it(document: dict[str, Any]) -> None:
    for method, path in (
        ("post", "/v1/customers"),
        ("get", "/v1/customers"),
        ("post", "/v1/customers/{customer_id}/challenge/sign"),
    ):
        described = document["paths"][path][method]["responses"]["422"]["description"]
        assert {"malformed_account", "invalid_checksum"} <= set(re.findall(r"`([a-z_]+)`: ", described))


async def test_every_parameter_of_a_path_is_declared_and_no_other(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        parameters = operation.get("parameters", [])
        declared = [parameter["name"] for parameter in parameters if parameter["in"] == "path"]
        assert declared == re.findall(r"\{(\w+)\}", path)
        for parameter in parameters:
            assert parameter["in"] in {"path", "query", "header"}
            assert parameter["required"] is (
                parameter["in"] == "path" or parameter["name"] in {"from", "to", "position", "old"}
            )
            assert parameter["schema"]
        assert len({(parameter["in"], parameter["name"]) for parameter in parameters}) == len(parameters)


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


async def test_every_route_with_a_key_is_in_it_and_nothing_else(world: World, document: dict[str, Any]) -> None:
    routes = {
        (method.lower(), route.path)
        for route in create_app(world.services).routes
        if isinstance(route, Route) and route.path not in OPEN
        for method in route.methods or ()
    }

    assert {(method, path) for method, path, _ in operations(document)} == routes


async def test_every_body_has_an_example_and_takes_nothing_unknown(document: dict[str, Any]) -> None:
    bodies = [
        operation["requestBody"]
        for _, path, operation in operations(document)
        if "requestBody" in operation and path != "/v1/sanctions-lists"
    ]

    assert len(bodies) == 17
    assert sum(body["required"] is False for body in bodies) == len({"activate", "deactivate"})
    for body in bodies:
        assert list(body["content"]) == ["application/json"]
        schema = resolve(document, body["content"]["application/json"]["schema"]["$ref"])
        assert schema["additionalProperties"] is False
        optional = {"evidence", "formats", "recordedFrom", "recordedUntil", "customer", "partner", "types"}
        assert set(schema.get("required", ())) | optional == set(schema["properties"]) | optional


async def test_every_operation_has_an_example_of_what_it_takes_and_answers(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        assert answers, (method, path)
        for described in (*bodies, *(answer for answer in answers if answer.get("content"))):
            for content in described["content"].values():
                assert "example" in content or content["schema"].get("format") == "binary", (method, path)


async def test_an_example_is_what_its_model_takes(document: dict[str, Any]) -> None:
    example = document["paths"]["/v1/customers"]["get"]["responses"]["200"]["content"]["application/json"]["example"]

    assert CustomerPage.model_validate_json(json.dumps(example)).customers[0].status == "initiating"


async def test_the_customers_status_is_one_of_six(document: dict[str, Any]) -> None:
    statuses = ["initiating", "screening", "verifying", "active", "inactive", "rejected"]

    assert document["components"]["schemas"]["Status"]["enum"] == statuses
    [status] = [
        parameter["schema"]
        for parameter in document["paths"]["/v1/customers"]["get"]["parameters"]
        if parameter["name"] == "status"
    ]
    assert status["enum"] == statuses


async def test_a_partners_customer_is_described_as_it_travels(world: World, document: dict[str, Any]) -> None:
    held = (await customers_at(world, "initiating"))[0]
    schemas = document["components"]["schemas"]

    assert list(schemas["RegisteredCustomer"]["properties"]) == list(held.customer)
    assert set(schemas["RegisteredCustomer"]["required"]) == set(held.customer)
    del held.customer["challenge"]
    assert list(schemas["Customer"]["properties"]) == list(held.customer)
    problem = (await world.partner.get(f"/v1/customers/{MISSING}")).json()
    assert list(schemas["ProblemDetails"]["properties"]) == list(problem)


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
