"""Every operation of the OpenAPI document says all that a caller has to know, whichever route it is of."""

import re
from typing import Any, Final, get_args

import pytest

from domain.events import WebhookType
from infrastructure.api_documents import errors_page, openapi
from infrastructure.http.headers import HEADERS, OF_STATUS
from infrastructure.http.problems import PROBLEMS, TYPES
from tests.support.json_schema import objections
from tests.support.openapi import codes_of, operations, resolved

DOCUMENT: Final = openapi()
OPERATIONS: Final = {
    operation["operationId"]: (method, path, operation) for method, path, operation in operations(DOCUMENT)
}
OUTSIDE: Final = {
    "malformed_http",
    "head_too_large",
    "request_timeout",
    "not_found",
    "method_not_allowed",
    "tile_not_found",
    "callback_signature_invalid",
}
"""What is answered where there is no operation, or by a route that is no part of the API."""
each_operation: Final = pytest.mark.parametrize("name", OPERATIONS)


def test_every_operation_has_a_name_of_its_own() -> None:
    assert len(OPERATIONS) == len(list(operations(DOCUMENT)))


@each_operation
def test_an_operation_says_what_it_is_for_and_who_may_call_it(name: str) -> None:
    method, path, operation = OPERATIONS[name]

    assert method in {"get", "post", "patch", "put", "delete"}
    assert path.startswith("/v1/")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert re.fullmatch(r"[A-Z][^.]+", operation["summary"])
    assert re.search(r"\.\n\nRoles: [a-z, ]+\.$", operation["description"])
    assert len(operation["tags"]) == 1
    assert operation["security"] == ([] if name == "login_log_in" else [{"bearer": []}])


@each_operation
def test_every_parameter_is_declared_with_what_it_takes(name: str) -> None:
    _, path, operation = OPERATIONS[name]
    parameters = operation.get("parameters", [])

    assert [each["name"] for each in parameters if each["in"] == "path"] == re.findall(r"\{(\w+)\}", path)
    assert len({(each["in"], each["name"]) for each in parameters}) == len(parameters)
    for parameter in parameters:
        assert parameter["in"] in {"path", "query", "header"}
        assert parameter["required"] or parameter["in"] != "path"
        assert parameter["schema"]
        assert parameter["in"] != "header" or (parameter["description"] and parameter["example"])


@each_operation
def test_a_body_has_an_example_that_its_schema_takes_and_nothing_unknown(name: str) -> None:
    body = OPERATIONS[name][2].get("requestBody")

    for media_type, content in body["content"].items() if body else ():
        assert content["example"]
        if media_type == "application/json":
            schema = resolved(DOCUMENT, content["schema"]["$ref"])
            assert schema["additionalProperties"] is False
            conforms(content["example"], content["schema"])


@each_operation
def test_a_good_answer_has_an_example_that_its_schema_takes(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}

    assert good
    for status, answer in good.items():
        assert answer["description"]
        assert bool(answer.get("content")) is (status != "204")
        for content in answer.get("content", {}).values():
            conforms(content["example"], content["schema"])
            assert content["example"]


@each_operation
def test_every_refusal_lists_its_problems_each_with_an_example(name: str) -> None:
    _, _, operation = OPERATIONS[name]

    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            continue
        codes = codes_of(operation, status)
        assert codes
        assert answer["description"].count("\n") == len(codes) - 1
        assert list(answer["content"]) == ["application/problem+json"]
        for code in codes:
            example = resolved(DOCUMENT, answer["content"]["application/problem+json"]["examples"][code]["$ref"])
            assert f"`{code}`: {PROBLEMS[code].title}" in answer["description"]
            assert example["value"]["type"] == TYPES + code
            assert example["value"]["status"] == PROBLEMS[code].status == int(status)
            conforms(example["value"], {"$ref": "#/components/schemas/ProblemDetails"})


@each_operation
def test_an_operation_lists_the_problems_that_its_request_can_have(name: str) -> None:
    _, path, operation = OPERATIONS[name]
    named = set().union(*(codes_of(operation, status) for status in operation["responses"]))
    names = {parameter["name"] for parameter in operation.get("parameters", ())}

    assert {"unauthenticated", "forbidden", "invalid_request", "internal_error", "unavailable"} <= named
    if "{customer_id}" in path:
        assert {"malformed_id", "customer_not_found"} <= named
    if re.search(r"\{(?!customer_id)\w+_id\}", path):
        assert "malformed_id" in named
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        assert {"invalid_json", "body_too_large", "unsupported_media_type"} <= named
    assert ("asOf" in names or "from" in names) is ("as_of_in_future" in named)
    assert ("cursor" in names) is ("invalid_cursor" in named)
    assert ("If-Match" in names) is ("version_mismatch" in named)
    assert ("Range" in names) is ("range_not_satisfiable" in named) is ("206" in operation["responses"])


@each_operation
def test_the_headers_of_an_answer_are_listed(name: str) -> None:
    method, path, operation = OPERATIONS[name]
    can_be_read = any(
        other.startswith(f"{path}/{{") and "get" in methods for other, methods in DOCUMENT["paths"].items()
    )

    for status, answer in operation["responses"].items():
        listed = set(answer.get("headers", ()))
        assert listed <= set(HEADERS)
        assert set(OF_STATUS.get(int(status), ())) <= listed
        if status.startswith("2"):
            assert ("Preference-Applied" in listed) is (method == "get")
        assert status != "201" or not can_be_read or "Location" in listed


def test_what_is_sent_has_an_example_that_its_schema_takes_and_says_what_is_made_of_an_answer() -> None:
    webhooks = {name: path["post"] for name, path in DOCUMENT["webhooks"].items()}

    assert set(webhooks) == {*get_args(WebhookType), "webhook.test"}
    assert len({operation["operationId"] for operation in webhooks.values()} - set(OPERATIONS)) == len(webhooks)
    for name, operation in webhooks.items():
        content = operation["requestBody"]["content"]["application/json"]
        conforms(content["example"], content["schema"])
        assert content["example"]["webhookType"] == name
        assert set(operation["responses"]) == {"2XX", "410", "default"}
        assert all(each["description"] and each["example"] for each in operation["parameters"])


def test_whoever_takes_an_account_names_what_may_be_wrong_with_it() -> None:
    for name in ("customers_register", "customers_page", "customers_sign"):
        assert {"malformed_account", "invalid_checksum"} <= codes_of(OPERATIONS[name][2], "422")


def test_every_code_is_listed_by_an_operation_and_the_errors_page_says_by_which() -> None:
    listed = {
        code: [
            name
            for name, (_, _, operation) in OPERATIONS.items()
            if any(code in codes_of(operation, status) for status in operation["responses"])
        ]
        for code in PROBLEMS
    }
    page = errors_page(DOCUMENT)

    assert {code for code, names in listed.items() if not names} == OUTSIDE
    for code, names in listed.items():
        told = "every operation" if len(names) == len(OPERATIONS) else ", ".join(f"`{name}`" for name in names)
        assert f"| `{code}` | {PROBLEMS[code].status} | {PROBLEMS[code].title} | {told}" in page


def conforms(value: Any, schema: dict[str, Any]) -> None:  # noqa: ANN401 -- any JSON
    """Check a value against a schema of the document."""
    assert objections(schema | {"components": DOCUMENT["components"]}, value) == []
