"""Walking an OpenAPI document."""

from collections.abc import Iterator
from typing import Any


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation, after its method and path."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def nodes(value: Any, path: str = "#") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 -- any JSON
    """Every value within a value, and where it is."""
    yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from nodes(child, f"{path}/{name}")


def resolved(document: dict[str, Any], reference: str) -> Any:  # noqa: ANN401 -- any JSON
    """What a reference within a document leads to."""
    assert reference.startswith("#/")
    found: Any = document
    for part in reference[2:].split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def codes_of(operation: dict[str, Any], status: str) -> set[str]:
    """The problem codes that an operation lists under a status."""
    content = operation["responses"].get(status, {}).get("content", {})
    return set(content.get("application/problem+json", {}).get("examples", ()))
