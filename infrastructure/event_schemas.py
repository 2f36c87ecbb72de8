"""JSON Schema (2020-12) of stored events, made from their models: the `event` member of an entry, as it stands there.

What the log writes differs from what a model takes: a field without a value is absent, never null, and a personal one
is sealed, never clear. Formats are patterns too, since most validators take a format for a mere remark.
"""

import ast
import json
from collections.abc import Iterator
from inspect import getsource
from itertools import pairwise
from textwrap import dedent
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from application.mapper import State
from domain.events import EVENTS
from domain.vocabulary import Event, Sealed

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ID: Final = "urn:gatehouse:event"

_ORDER: Final = (
    "$schema",
    "$id",
    "title",
    "description",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "$defs",
)
_UUID: Final = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_MOMENT: Final = "^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
_BASE64: Final = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_SHORTEST: Final = 40
"""A nonce and a tag of 28 bytes, in base64: no sealed text is shorter."""


def event_schemas() -> dict[str, str]:
    """The schema of each event's current version, by file name. Those of versions before are kept as they were."""
    return {f"{name}.v{event.schema_version}.json": _text(_schema(event)) for name, event in EVENTS.items()}


def _schema(event: type[Event]) -> JsonSchemaValue:
    """The schema of an event, its envelope around it."""
    name, version = event.__name__, event.schema_version
    made = State[event].model_json_schema(schema_generator=_AsStored)  # type: ignore[valid-type] # one each
    definitions = made.pop("$defs")
    data = definitions.pop(name)
    description = data.pop("description")
    del data["title"]
    made["properties"]["data"] = data
    made |= {"$schema": DIALECT, "$id": f"{ID}:{name}:v{version}", "title": name, "description": description}
    if definitions:
        made["$defs"] = definitions
    return {key: made[key] for key in _ORDER if key in made}


def _text(schema: JsonSchemaValue) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _AsStored(GenerateJsonSchema):
    """pydantic's generator, for what the log holds."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 -- pydantic's
        """A field's name is its title."""
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Null is never stored."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """What an absent field stands for, where that is anything."""
        return (
            self.generate_inner(schema["schema"]) if schema.get("default") is None else super().default_schema(schema)
        )

    def uuid_schema(self, schema: core_schema.UuidSchema) -> JsonSchemaValue:
        """Lower-case, with hyphens."""
        return super().uuid_schema(schema) | {"pattern": _UUID}

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        """RFC 3339, with a zone."""
        return super().datetime_schema(schema) | {"pattern": _MOMENT}

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Personal fields sealed, and every field with what its class says of it."""
        model = schema["cls"]
        made = super().model_schema(schema)
        fields = made["properties"]
        for field in model.personal if issubclass(model, Event) else ():
            fields[field] = next(choice for choice in fields[field]["anyOf"] if "$ref" in choice)
        if model is Sealed:
            fields["sealed"] |= {"contentEncoding": "base64", "pattern": _BASE64, "minLength": _SHORTEST}
        for field, description in _said(model):
            fields[model.model_fields[field].alias or field]["description"] = description
        return made


def _said(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The fields of a class that have a docstring beneath them, and what it says."""
    written = model.__pydantic_generic_metadata__["origin"] or model
    [definition] = ast.parse(dedent(getsource(written))).body
    for field, below in pairwise(getattr(definition, "body", ())):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, text
