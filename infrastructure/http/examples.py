"""Examples of bodies and answers, for OpenAPI: made of what a field's name and type say, and valid by its model."""

import json
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

_AT: Final = "2026-05-01T12:00:00Z"
_ID: Final = "019f3c1e-7a40-7c11-9a55-3d0d5a8b2c10"
_DIGEST: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_OFFICER: Final = f"officer:{_ID}"

SAMPLES: Final[dict[str, Any]] = {
    "added": ["0x1da5821544e25c636c1417ba96ade4cf6d2f9b5a"],
    "challenge": "Z2F0ZWhvdXNlLmV4YW1wbGUgd2FudHMgeW91IHRvIHNpZ24gaW4gd2l0aCB5b3VyIEV0aGVyZXVtIGFjY291bnQ6",
    "chain_id": "eip155:1:0x52908400098527886E0F7030069857D2E4169EE7",
    "closed_by": "VerificationPassed",
    "code": "wrong_status",
    "detail": "in_session",
    "event": {"eventId": _ID, "occurredAt": _AT, "actor": "policy:screening-1", "data": {"attempt": 1}},
    "evidence": [_DIGEST],
    "external_id": "user-4711",
    "kind": "verification_hold",
    "list_hash": _DIGEST,
    "list_version": "2026-05-01",
    "next_cursor": "AAAAAAAAAGTx3mGJb1c0s2k5",
    "officer": _OFFICER,
    "previous_hash": _DIGEST,
    "provider": "sumsub",
    "reasons": ["duplicate_person"],
    "removed": [],
    "session_token": "AZ88HnpAfBGaVT0NWossEA",
    "session_url": "https://in.sumsub.com/websdk/p/AZ88HnpAfBGaVT0NWossEA",
    "signature": "0x" + "5c" * 64 + "1b",
    "title": "The customer's status does not allow it.",
    "type": "ScreeningPassed",
    "what": "Passed screening",
    "who": "policy:screening-1",
    "why": "Nothing stands against the wallet, says policy:screening-1",
}
"""By field; a field that has examples of its own is shown with the first of them."""
_BY_TYPE: Final = {"UUID": _ID, "datetime": _AT, "str": "text", "bool": True, "int": 1, "float": 1.0, "dict": {}}


def example_of(model: type[BaseModel]) -> dict[str, Any]:
    """An example of a model as it travels."""
    told: Any = model.model_config.get("json_schema_extra") or {}
    if examples := told.get("examples"):
        return dict(examples[-1])
    example = {field.alias or name: _value(name, field) for name, field in model.model_fields.items()}
    model.model_validate_json(json.dumps(example))
    return example


def _value(name: str, field: FieldInfo) -> Any:  # noqa: ANN401 -- whatever JSON has
    if field.examples:
        return field.examples[0]
    return _typed(name, field.annotation)


def _typed(name: str, annotation: Any) -> Any:  # noqa: ANN401 -- the same, and a type
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        return _typed(name, next(each for each in arguments if each is not NoneType))
    if origin is list and isinstance(arguments[0], type) and issubclass(arguments[0], BaseModel):
        return [example_of(arguments[0])]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return example_of(annotation)
    if origin is Literal:
        return arguments[0]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return next(iter(annotation)).value
    if name in SAMPLES:
        return SAMPLES[name]
    if origin is list:
        return [_typed(name, arguments[0])]
    return _BY_TYPE.get(getattr(origin or annotation, "__name__", ""), {})
