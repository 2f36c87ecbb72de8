"""The service against its own OpenAPI document: requests made of it, sound and broken, and every answer looked at."""

import tempfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from bench.contract import Explored, Target, allowed, bounded, explore, planted
from bench.contract_seed import ALLOWED, callers, sow
from tests.infrastructure.test_serve import Serving, serving
from tests.support.openapi import operations

LEAST: Final = 1000
NEVER_CARRIED_OUT: Final = {
    "POST /v1/sanctions-lists",  # no schema makes a whole list of OFAC's
    "POST /v1/customers/{customer_id}/erasure",  # retention is years
}
"""What such requests cannot bring about."""

Document = dict[str, Any]


@pytest.fixture(scope="module")
def service() -> Iterator[Serving]:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        with serving(Path(name) / "data", **ALLOWED) as service:
            yield service


@pytest.fixture(scope="module")
def document(service: Serving) -> Document:
    """The service's own, with what is in the service."""
    with callers(service.url, service.keys) as clients:
        return planted(httpx2.get(f"{service.url}/openapi.json").json(), sow(clients))


@pytest.fixture(scope="module")
def explored(service: Serving, document: Document) -> Explored:
    """Every operation, as the first role that may call it."""
    found, seen = Explored(), set[str]()
    for role, key in service.keys.items():
        own = [operation for operation in allowed(document, role) if operation not in seen]
        seen |= set(own)
        target = Target(service.url, document, key, own)
        explore(target, found, phases=["examples", "coverage"], examples=1, seed=1)
    return found


def test_no_answer_breaks_the_contract(explored: Explored) -> None:
    assert explored.words == {}
    assert explored.breaks.total() == 0


def test_no_request_makes_the_service_fail(explored: Explored) -> None:
    assert explored.cases >= LEAST
    assert explored.server_errors == 0


def test_the_requests_are_such_as_are_carried_out(explored: Explored, document: Document) -> None:
    names = bounded(document)
    everything = {
        f"{method.upper()} {path}" for method, path, one in operations(document) if one["operationId"] in names
    }

    assert sorted(everything - explored.succeeded) == sorted(NEVER_CARRIED_OUT)


def no_status(operation: Document) -> None:
    del operation["responses"]["422"]


def no_code(operation: Document) -> None:
    del operation["responses"]["422"]["content"]["application/problem+json"]["examples"]["malformed_id"]


def no_header(operation: Document) -> None:
    del operation["responses"]["200"]["headers"]["ETag"]


def no_form(operation: Document) -> None:
    operation["parameters"][1]["schema"] = {"type": "string", "enum": ["then"]}


def more_fields(operation: Document) -> None:
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    operation["responses"]["200"]["content"]["application/json"]["schema"] = {
        "allOf": [schema, {"required": ["birthday"]}]
    }


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (no_status, "status_code_conformance"),
        (no_code, "problems_are_listed"),
        (no_header, "headers_are_listed"),
        (no_form, "sound_requests_are_well_formed"),
        (more_fields, "response_schema_conformance"),
    ],
)
def test_an_answer_that_the_document_does_not_know_is_found(
    service: Serving, document: Document, change: Callable[[Document], None], check: str
) -> None:
    another, found = deepcopy(document), Explored()
    change(another["paths"]["/v1/customers/{customer_id}"]["get"])

    target = Target(service.url, another, service.keys["partner"], ["customers_show"])
    explore(target, found, phases=["coverage"], examples=1, seed=1)

    assert found.breaks[f"GET /v1/customers/{{customer_id}}: {check}"] > 0


def test_operations_whose_answers_have_no_end_are_left_out(document: Document) -> None:
    another = deepcopy(document)
    another["paths"]["/v1/customers/{customer_id}"]["get"]["responses"]["200"]["content"] = {"text/event-stream": {}}

    assert set(bounded(document)) - set(bounded(another)) == {"customers_show"}
