"""The API's documents: what is served as `/openapi.json`, every error and who answers it, and the golden listing.

`docs/wire.txt` has a line for each fact that a partner may build on. `./run docs` adds lines and takes none away:
whoever changes or removes what travels does that by hand, in the file, where it is seen.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from infrastructure.bootstrap import open_services
from infrastructure.http.app import create_app
from infrastructure.http.problems import PROBLEMS, TYPES
from infrastructure.keys.deployment import load_keys
from infrastructure.settings import Settings

NO_DATABASE: Final = "host=/nonexistent user=nobody dbname=nothing"
"""Routes say what they are without one."""


def openapi() -> dict[str, Any]:
    """The OpenAPI document of sandbox mode, which has every route."""

    async def described() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(data=Path(folder), mode="sandbox")
            keys = load_keys(settings.keys_folder, generate=True)
            async with open_services(settings, NO_DATABASE, keys) as services:
                return create_app(services).openapi()

    return asyncio.run(described())


def openapi_page(document: dict[str, Any]) -> str:
    """`docs/openapi.json`."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def errors_page(document: dict[str, Any]) -> str:
    """`docs/errors.md`."""
    rows = [
        f"| `{code}` | {kind.status} | {kind.title} | {_answered_by(document, code)} |"
        for code, kind in PROBLEMS.items()
    ]
    return "\n".join(
        [
            "# Errors",
            "",
            "Every error is `application/problem+json` (RFC 9457) with `type`, `title`, `status` and `code`.",
            f"`type` is `{TYPES}` and the code. None repeats what was sent.",
            "",
            "| code | status | meaning | answered by |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def wire_page(lines: set[str], *, before: str) -> str:
    """`docs/wire.txt`: what travels, and what was listed before."""
    return "\n".join(sorted(lines | set(before.splitlines()))) + "\n"


def listing(document: dict[str, Any]) -> set[str]:
    """A line for each path, parameter, header, status, code, field and value of the document."""
    lines = {f"code {code}: {kind.status}" for code, kind in PROBLEMS.items()}
    for name, schema in document["components"]["schemas"].items():
        lines |= set(_of_schema(name, schema))
    sent = ((f"webhook {name}", each["post"]) for name, each in document["webhooks"].items())
    for call, operation in (*_operations(document), *sent):
        lines |= {f"{call} {line}" for line in _of_operation(operation)}
    return lines


def _of_schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield from (f"schema {name} may be {value}" for value in _values(schema))
    for field, of in schema.get("properties", {}).items():
        needed = ", required" if field in schema.get("required", ()) else ""
        yield f"schema {name}.{field}: {_form(of)}{needed}"
        yield from (f"schema {name}.{field} may be {value}" for value in _values(of))


def _of_operation(operation: dict[str, Any]) -> Iterator[str]:
    yield f"is {operation['operationId']}"
    for parameter in operation.get("parameters", ()):
        needed = ", required" if parameter["required"] else ""
        yield f"{parameter['in']} {parameter['name']}: {_form(parameter['schema'])}{needed}"
        yield from (f"{parameter['in']} {parameter['name']} may be {value}" for value in _values(parameter["schema"]))
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        needed = ", required" if operation["requestBody"]["required"] else ""
        yield f"body {media_type}: {_form(content.get('schema', {}))}{needed}"
    for status, answer in operation["responses"].items():
        yield from (f"{status} header {name}" for name in answer.get("headers", ()))
        for media_type, content in answer.get("content", {}).items():
            codes = content.get("examples", {})
            yield from (f"{status} {code}" for code in codes)
            if not codes:
                yield f"{status} {media_type}: {_form(content['schema'])}"


def _form(schema: dict[str, Any]) -> str:
    """What a value is, on one line."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_form(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_form(schema['items'])}"
    return str(schema.get("format", schema.get("type", "anything")))


def _values(schema: dict[str, Any]) -> Iterator[str]:
    """What a value may be, where that is a matter of names."""
    yield from map(str, schema.get("enum", [schema["const"]] if "const" in schema else []))
    for inner in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        yield from _values(inner)


def _answered_by(document: dict[str, Any], code: str) -> str:
    """The operations that answer with a code."""
    everywhere = list(_operations(document))
    named = [
        operation["operationId"]
        for _, operation in everywhere
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        if code in content.get("examples", ())
    ]
    if len(named) == len(everywhere):
        return "every operation"
    return ", ".join(f"`{name}`" for name in named) or "what is no operation of the API"


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation, after its method and path."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation
