"""Reading requests strictly: bodies, ids, queries and preconditions, each with a clear error."""

import json
import re
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from infrastructure.http.problems import Problem

LARGEST_BODY: Final = 64 * 1024
M = TypeVar("M", bound=BaseModel)
_BODY: Final = "gatehouse.body"
"""Where a body stands that was read already."""
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_TAG: Final = r'(W/)?"([!#-~\x80-\xff]*+)"'
_TAGS: Final = re.compile(rf"{_TAG}(?:[ \t]*+,[ \t]*+(?:{_TAG})?+)*+")
"""Entity tags with commas between them (RFC 9110, 8.8.3 and 5.6.1)."""


def header(request: Request, name: bytes) -> str | None:
    """A header's first value, without what a mapping of headers would do for all the others."""
    for given, value in request.scope["headers"]:
        if given == name:
            return str(value, "latin-1")
    return None


def has_body(request: Request) -> bool:
    """Whether the request brings anything (RFC 9112, 6)."""
    return header(request, b"content-length") not in {None, "0"} or header(request, b"transfer-encoding") is not None


async def read_bytes(request: Request) -> bytes:
    """The raw body, up to `LARGEST_BODY`; a second time without reading it again, if it was kept."""
    kept = kept_bytes(request)
    if kept is not None:
        return kept
    length = header(request, b"content-length") or "0"
    if not length.isdigit() or int(length) > LARGEST_BODY:
        raise Problem("body_too_large")
    body, more = bytearray(), True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Problem("invalid_request")  # nobody hears it, but it is no fault of ours
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise Problem("body_too_large")
    return bytes(body)


def kept_bytes(request: Request) -> bytes | None:
    """The raw body, where it was read already and kept."""
    kept: bytes | None = request.scope.get(_BODY)
    return kept


async def keep_bytes(request: Request) -> bytes:
    """The raw body, which whoever comes later reads as well."""
    body: bytes = await read_bytes(request)
    request.scope[_BODY] = body
    return body


async def read_body(request: Request, model: type[M]) -> M:
    """The JSON body as `model`."""
    media_type = (header(request, b"content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Problem("unsupported_media_type")
    raw = await read_bytes(request)
    try:
        body = model.model_validate_json(raw)
    except ValidationError as fault:
        raise _invalid(fault) from None
    _MEMBERS.decode(raw.decode())
    return body


def read_query(request: Request, model: type[M]) -> M:
    """The query parameters as `model`; unknown and repeated ones are refused."""
    given = request.query_params.multi_items()
    if len(given) != len({name for name, _ in given}):
        raise Problem("invalid_request", errors=[{"code": "repeated_parameter"}])
    try:
        return model.model_validate(dict(given), strict=False)
    except ValidationError as fault:
        raise _invalid(fault) from None


def read_id(request: Request, name: str = "customer_id") -> UUID:
    """An id in the path."""
    text = request.path_params[name]
    if not _UUID.fullmatch(text):
        raise Problem("malformed_id")
    return UUID(text)


def read_if_match(request: Request) -> frozenset[str] | None:
    """The entity tags of which `If-Match` asks for one (RFC 9110, 13.1.1), without weak ones; None: any will do."""
    given: list[bytes] = [value for name, value in request.scope["headers"] if name == b"if-match"]
    asked = str(b",".join(given), "latin-1").strip()
    if not given or asked == "*":
        return None
    if not _TAGS.fullmatch(asked):
        raise Problem("version_mismatch")
    return frozenset(tag for weak, tag in re.findall(_TAG, asked) if not weak)


def read_moment(text: str, *, now: datetime, name: str = "asOf") -> datetime | int:
    """The parameter `name`: a position, or a time with a zone that has passed."""
    if re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Problem("invalid_request", errors=[{"pointer": f"/{name}", "code": "datetime_parsing"}]) from None
    if moment.tzinfo is None:
        raise Problem("invalid_request", errors=[{"pointer": f"/{name}", "code": "timezone_aware"}])
    if moment > now:
        raise Problem("as_of_in_future")
    return moment


def _refuse_repeated(members: list[tuple[str, Any]]) -> None:
    """Refuse an object that says a thing twice: readers disagree on which one counts (RFC 8259, 4)."""
    if len(members) != len(dict(members)):
        raise Problem("invalid_request", errors=[{"code": "repeated_field"}])


_MEMBERS: Final = json.JSONDecoder(object_pairs_hook=_refuse_repeated)


def _invalid(fault: ValidationError) -> Problem:
    """What is wrong and where, without what was sent: an unknown field's name is the sender's, too."""
    errors: list[dict[str, Any]] = []
    for error in fault.errors(include_url=False, include_context=False, include_input=False):
        if error["type"] == "json_invalid":
            return Problem("invalid_json")
        if error["type"] == "extra_forbidden":
            errors.append({"code": "unknown_field"})
        else:
            errors.append({"pointer": "".join(f"/{part}" for part in error["loc"]), "code": error["type"]})
    return Problem("invalid_request", errors=errors)
