"""Requests made of an OpenAPI document, each with a canary in one of its places: paths, queries, headers and bodies.

A canary is a word that is found nowhere else, and says where it was put.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.support.http import CANARY, MISSING
from tests.support.openapi import nodes, operations

HEADERS: Final = (
    "Accept",
    "Accept-Language",
    "Content-Digest",
    "Content-Type",
    "Cookie",
    "Forwarded",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "Origin",
    "Prefer",
    "Range",
    "Referer",
    "Signature",
    "Signature-Input",
    "User-Agent",
    "X-Forwarded-For",
    "X-Request-Id",
    "traceparent",
)
"""Whatever callers, their libraries and the proxies between may send, beside what the document names."""


@dataclass(frozen=True)
class Planted:
    """A request with canaries in it. `by` is the role that it is sent as; None is nobody."""

    by: str | None
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Canaries:
    """Words that were put somewhere, and where."""

    def __init__(self) -> None:
        self._places: list[str] = []

    def at(self, place: str) -> str:
        """A new one for a place."""
        self._places.append(place)
        return f"{CANARY}x{len(self._places) - 1}x"

    def found_in(self, text: str) -> list[str]:
        """The places of all canaries in a text."""
        return [self._places[int(number)] for number in re.findall(f"(?i){CANARY}x([0-9]+)x", text)]

    @property
    def places(self) -> list[str]:
        """Where there are any."""
        return self._places


@dataclass(frozen=True)
class Begun:
    """A request of an operation that is sound, and where the canaries for others like it come from."""

    by: str
    method: str
    path: str
    within: str
    body: bytes | None
    canaries: Canaries

    @property
    def sound(self) -> Planted:
        """The request without a canary."""
        return Planted(self.by, self.method, self.within, body=self.body)

    def word(self, place: str) -> str:
        """A canary for a place in it."""
        return self.canaries.at(f"{self.method} {self.path} {place}")


def planted(document: dict[str, Any], canaries: Canaries, customer: str) -> Iterator[Planted]:
    """For each operation, requests about a customer with a canary in each place in turn."""
    for method, path, operation in operations(document):
        role = re.findall(r"\w+", operation["description"].rpartition("Roles: ")[2])[0]
        begun = Begun(role, method, path, re.sub(r"\{\w+\}", customer, path), _example(operation), canaries)
        yield from _of_parameters(begun, operation)
        yield from _of_bodies(begun)


def _of_parameters(begun: Begun, operation: dict[str, Any]) -> Iterator[Planted]:
    word, parameters = begun.word, operation.get("parameters", [])
    for name in re.findall(r"\{(\w+)\}", begun.path):
        within = re.sub(r"\{\w+\}", MISSING, begun.path.replace(f"{{{name}}}", word(f"path {name}")))
        yield replace(begun.sound, path=within)
    named = [each["name"] for each in parameters if each["in"] == "query"]
    for name in (*named, word("the name of a parameter")):
        yield replace(begun.sound, query={name: word(f"query {name}")})
    yield replace(begun.sound, path=begun.sound.path + word("an unknown path"))
    yield replace(begun.sound, method="TRACE", query={"q": word("query with another method")}, body=None)
    for name in dict.fromkeys((*HEADERS, *(each["name"] for each in parameters if each["in"] == "header"))):
        yield replace(begun.sound, headers={name: word(f"header {name}")})
    yield replace(begun.sound, headers={word("the name of a header"): "1"})
    for scheme in ("Bearer", "Basic", "DPoP"):
        yield replace(begun.sound, by=None, headers={"Authorization": f"{scheme} {word(scheme)}"})


def _of_bodies(begun: Begun) -> Iterator[Planted]:
    word = begun.word
    bodies = [
        json.dumps(word("a text for a body")).encode(),
        json.dumps([word("a list for a body")]).encode(),
        b"{" + word("no JSON").encode(),
        b"\xff\xfe" + word("no UTF-8").encode(),
        word("a form").encode() + b"=" + word("a field of a form").encode(),
        f"<Sanctions xmlns='{word('a namespace')}'><a b='{word('an attribute')}'>{word('XML')}</a>".encode(),
    ]
    example = begun.sound.body
    if example is not None and example.startswith(b"{"):
        told = json.loads(example)
        bodies += [json.dumps(told | {word("an unknown field"): 1}).encode()]
        bodies += [json.dumps(told | {"more": word("the value of an unknown field")}).encode()]
        for place, _ in nodes(told):
            names = place.split("/")[1:]
            for value in (word(f"body {place}"), [word(f"a list at {place}")], {word(f"a name at {place}"): 1}):
                bodies += [json.dumps(_with(told, names, value)).encode()] if names else []
    for body in bodies:
        for media_type in ("application/json", "application/xml", "text/plain"):
            yield replace(begun.sound, headers={"Content-Type": media_type}, body=body)


def _example(operation: dict[str, Any]) -> bytes | None:
    """A body that the operation takes."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        example = content["example"]
        return example.encode() if isinstance(example, str) else json.dumps(example).encode()
    return None


def _with(value: Any, names: list[str], at: object) -> Any:  # noqa: ANN401 -- any JSON
    """The value with another one at a place within it."""
    changed = deepcopy(value)
    inside = changed
    for name in names[:-1]:
        inside = inside[int(name) if isinstance(inside, list) else name]
    inside[int(names[-1]) if isinstance(inside, list) else names[-1]] = at
    return changed
