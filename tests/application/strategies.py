"""Any event at all, made from the fields' types: a new event is covered on the day it is written."""

from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin
from uuid import UUID

from hypothesis import strategies as st

from application.envelope import Context, Envelope
from domain.events import EVENTS
from domain.vocabulary import Digest, Event, Fact, Moment, Sealed

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
ZONES: Final = st.sampled_from([UTC, *(timezone(timedelta(minutes=minutes)) for minutes in (-720, -210, 60, 345, 840))])
MOMENTS: Final = st.builds(
    lambda microseconds, zone: (BEGINNING + timedelta(microseconds=microseconds)).astimezone(zone),
    st.integers(0, 200 * 365 * 86_400 * 10**6),
    ZONES,
)
HOSTILE: Final = st.sampled_from(
    [
        '","actor":"system:root',
        '\\","data":{}}',
        "%s%b%d",
        "partner:\n\r\t\0\x7f",
        "officer:\u202ekcab\u2028\u2029",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "{}[]:,\\/'\"",
        "é" * 300,
        "",
    ]
)
TEXTS: Final = st.text(max_size=20) | HOSTILE
DIGESTS: Final = st.text("0123456789abcdef", min_size=64, max_size=64)
SCALARS: Final[dict[Any, st.SearchStrategy[Any]]] = {
    str: TEXTS,
    int: st.integers(0, 2**53),
    bool: st.booleans(),
    UUID: st.uuids(),
    Moment: MOMENTS,
    type(None): st.none(),
    Digest: DIGESTS,
}


def values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 -- any annotation
    """Values of an annotation; personal text as it comes out of the log, sealed."""
    if kind in SCALARS:
        return SCALARS[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return values(arguments[0])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, UnionType):
        return st.one_of(*(values(each) for each in arguments if not (each is str and Sealed in arguments)))
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    return facts(kind)


def facts(kind: type[Fact]) -> st.SearchStrategy[Any]:
    """Facts of a class, with any values that its fields take."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for name, field in kind.model_fields.items():
        digest = any(getattr(rule, "pattern", None) for rule in field.metadata)
        fields[name] = DIGESTS if digest else values(field.annotation)
    return st.fixed_dictionaries(fields).map(kind.model_validate)


CONTEXTS: Final = st.builds(
    Context,
    actor=TEXTS,
    command_id=st.uuids(),
    correlation_id=st.uuids(),
    occurred_at=MOMENTS,
    causation_id=st.none() | st.uuids(),
)
EVENTS_OF_ALL_KINDS: Final[st.SearchStrategy[Event]] = st.sampled_from(list(EVENTS.values())).flatmap(facts)
ENVELOPES: Final = st.builds(
    Envelope,
    stream=st.uuids(),
    version=st.integers(1, 2**31),
    event_id=st.uuids(),
    context=CONTEXTS,
    event=EVENTS_OF_ALL_KINDS,
)
