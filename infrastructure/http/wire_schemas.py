"""JSON Schemas of what travels. An answer leaves out what it does not have, instead of saying null."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

REF = "#/components/schemas/{model}"


class TravellingSchema(GenerateJsonSchema):
    """Pydantic's schemas as the routes read and write, without titles that are made of names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 -- Pydantic's own
        """A field's name is its title."""
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """An answer has no defaults: it says what is, and leaves out what would be None by default."""
        if self.mode != "serialization":
            return super().default_schema(schema)
        inner = schema["schema"]
        if inner["type"] == "nullable" and schema.get("default", ...) is None:
            return self.generate_inner(inner["schema"])
        return self.generate_inner(inner)

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ANN401, FBT001 -- Pydantic's own
        """In an answer, all is there that is not None by default."""
        if self.mode == "serialization" and field["schema"]["type"] == "default":
            return field["schema"].get("default", ...) is not None
        return super().field_is_required(field, total)


def schemas_of(
    *, read: Iterable[type[BaseModel]], written: Iterable[type[BaseModel]], inlined: Iterable[type[BaseModel]]
) -> dict[str, Any]:
    """By name, the schemas of what is `read` and `written`; of those `inlined` elsewhere, what they refer to."""
    asked = [(model, "validation") for model in _sorted(read)]
    _, document = models_json_schema(
        [*asked, *((model, "serialization") for model in _sorted(written))],  # type: ignore[list-item] # a literal
        ref_template=REF,
        schema_generator=TravellingSchema,
    )
    schemas: dict[str, Any] = document["$defs"]
    for model in inlined:
        schemas.pop(model.__name__, None)
    return schemas


def properties_of(model: type[BaseModel]) -> tuple[dict[str, Any], list[str]]:
    """A query's parameters, each with its schema, and which must be there. An absent one is no null."""
    schema = model.model_json_schema(ref_template=REF, schema_generator=TravellingSchema)
    return {name: _present(each) for name, each in schema["properties"].items()}, schema.get("required", [])


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    return choices[0] | rest if len(choices) == 1 else schema


def _sorted(models: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(set(models), key=lambda model: model.__name__)
