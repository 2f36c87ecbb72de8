"""The headers that mean something to a caller, described once: which requests may bring, and which answers have."""

from typing import Any, Final

from infrastructure.http.idempotency_key import LONGEST as LONGEST_KEY
from infrastructure.http.waiting import LONGEST

_TEXT: Final = {"type": "string"}


def _answered(description: str, example: str, **schema: object) -> dict[str, Any]:
    return {"description": description, "required": True, "schema": _TEXT | schema, "example": example}


HEADERS: Final[dict[str, dict[str, Any]]] = {
    "ETag": _answered("The version of what is shown, for `If-Match` or `If-Range`.", '"6342f9d7b0c40"'),
    "Location": _answered("Where it is.", "/v1/customers/019f3c1e-7a40-7c11-9a55-3d0d5a8b2c10", format="uri-reference"),
    "Preference-Applied": _answered("`wait=N`, where the request prefers it.", "wait=1") | {"required": False},
    "Retry-After": _answered("Seconds after which to ask again.", "1", pattern="^[0-9]+$"),
    "WWW-Authenticate": _answered("How to show who calls (RFC 9110).", "Bearer"),
    "Accept-Ranges": _answered("Parts can be asked for.", "bytes"),
    "Content-Disposition": _answered("A file to keep, under this name.", 'attachment; filename="evidence"'),
    "Content-Range": _answered("Which part this is, and of how much.", "bytes 0-1023/91422807"),
}
"""Of answers. One that is required is never missing where it is listed."""

OF_STATUS: Final = {
    206: ("Content-Range",),
    401: ("WWW-Authenticate",),
    416: ("Content-Range",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
"""Which of them a status always brings."""
OF_CODE: Final = {"in_progress": ("Retry-After",), "not_in_a_checkpoint_yet": ("Retry-After",)}
"""Which of them a problem brings, though others of its status may not."""


def _asked(name: str, description: str, example: str, **schema: object) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": _TEXT | schema,
        "example": example,
    }


PREFER: Final = _asked(
    "Prefer",
    f"`wait=N` (RFC 7240): see what was written before, waiting N seconds for it, {LONGEST} at most. "
    "What is not understood is ignored.",
    "wait=1",
)
WAIT: Final[dict[str, Any]] = {
    "name": "wait",
    "in": "query",
    "required": False,
    "description": "The same as `Prefer: wait=N`; 0 asks for nothing.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "example": 1,
}
"""No header, but it stands for one."""
KEY: Final = _asked(
    "Idempotency-Key",
    "Makes a repeat safe: the same key and request get the first one's answer, for 24 hours. "
    "A structured-field string, in quotes, or the same string without them.",
    "order-7f3a9c",
    minLength=1,
    maxLength=LONGEST_KEY,
)
LAST_EVENT: Final = _asked(
    "Last-Event-ID",
    "The `sequence` of the last event that was seen; it counts more than `after`.",
    "42",
    pattern="^[0-9]{1,18}$",
)
SIGNED: Final = [
    header | {"required": True}
    for header in (
        _asked("webhook-id", "Names the delivery: the same at every attempt.", "019f3c1e-7a40-7c11-9a55-3d0d5a8b2c10"),
        _asked("webhook-timestamp", "When this attempt was made, in seconds since 1970.", "1777636800"),
        _asked(
            "webhook-signature",
            "Of id, timestamp and raw body, as Standard Webhooks has it; one for each secret that is good now.",
            "v1,K/hA9jkEpIGkFTX5mLVTwm7CLpHLX2vwoSTjOJuLgBk=",
        ),
    )
]
"""What webhooks bring."""
IMPLIED: Final = {
    "version_mismatch": [
        _asked(
            "If-Match", "Only if the customer is still as one of these `ETag`s says; `*` is any.", '"6342f9d7b0c40"'
        ),
    ],
    "range_not_satisfiable": [
        _asked("Range", "The part to answer with. What is not understood is ignored.", "bytes=1024-"),
        _asked(
            "If-Range", "Only if the file is still the one of this `ETag`; else it is sent whole.", '"2c26b46b68ff"'
        ),
    ],
}
"""Of requests: who can be answered with the problem may bring the headers."""
