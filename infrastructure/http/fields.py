"""Fields that more than one request has, with what the document says of them beyond what the model checks."""

import re
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

Account = Annotated[
    str,
    Field(
        max_length=200,
        description="A CAIP-10 account of an EVM chain; mixed case carries the EIP-55 checksum.",
        examples=["eip155:1:0x52908400098527886E0F7030069857D2E4169EE7"],
        json_schema_extra={"pattern": "^eip155:[1-9][0-9]{0,31}:0x[0-9a-fA-F]{40}$"},  # refused by a code of its own
    ),
]
AsOf = Annotated[
    str,
    Field(max_length=40),
    WithJsonSchema(
        {
            "description": "A position of the log, or an RFC 3339 time.",
            "anyOf": [{"type": "string", "pattern": "^[0-9]{1,18}$"}, {"type": "string", "format": "date-time"}],
        }
    ),
]


def _no_number(text: object) -> object:
    """A time is written out: Pydantic would take seconds since 1970, too."""
    if not re.match(r"[0-9]{4}-", str(text), re.ASCII):
        raise PydanticCustomError("datetime_from_date_parsing", "not an RFC 3339 time")
    return text


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number)]
