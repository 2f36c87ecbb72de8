"""JSON Schema, as a validator of others reads it: draft 2020-12, formats included."""

from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it comes without types


def objections(schema: dict[str, Any], instance: object) -> list[str]:
    """What speaks against `instance`, each with its place; none where it is valid. The schema itself must be one."""
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(instance)]
