from copy import deepcopy
from typing import Any, Final

import pytest

from infrastructure.api_documents import listing, openapi, wire_page

DOCUMENT: Final = openapi()


def changed(path: str, value: object) -> dict[str, Any]:
    """The document with another value at a place, or without it where that is None."""
    document = deepcopy(DOCUMENT)
    *way, last = path.split(" ")
    node: Any = document
    for name in way:
        node = node[int(name) if isinstance(node, list) else name]
    if value is None:
        del node[int(last) if isinstance(node, list) else last]
    else:
        node[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "gone"),
    [
        ("paths /v1/customers post", None, "POST /v1/customers is customers_register"),
        ("paths /v1/customers post operationId", "another", "POST /v1/customers is customers_register"),
        ("paths /v1/customers get parameters 0", None, "GET /v1/customers query status: Status"),
        ("paths /v1/customers post responses 201 headers ETag", None, "POST /v1/customers 201 header ETag"),
        (
            "paths /v1/customers post responses 409 content application/problem+json examples customer_exists",
            None,
            "POST /v1/customers 409 customer_exists",
        ),
        ("paths /v1/customers post requestBody required", False, "CustomerRegistration, required"),
        ("components schemas Customer properties externalId", None, "schema Customer.externalId: string, required"),
        ("components schemas Customer properties createdAt format", "date", "schema Customer.createdAt: date-time"),
        ("components schemas Customer required", ["id"], "schema Customer.externalId: string, required"),
        ("components schemas Status enum", ["active"], "schema Status may be initiating"),
        ("components schemas Decision properties outcome enum 1", None, "schema Decision.outcome may be fail"),
    ],
)
def test_whatever_a_partner_builds_on_is_missed_when_it_changes(path: str, value: object, gone: str) -> None:
    lost = listing(DOCUMENT) - listing(changed(path, value))

    assert any(gone in line for line in lost), lost


def test_what_nobody_builds_on_may_change() -> None:
    assert listing(changed("paths /v1/customers get summary", "List them")) == listing(DOCUMENT)
    assert listing(changed("components schemas Customer description", "Another.")) == listing(DOCUMENT)


def test_the_page_is_added_to_and_keeps_what_vanished() -> None:
    assert wire_page({"b", "c"}, before="a\nb\n") == "a\nb\nc\n"
