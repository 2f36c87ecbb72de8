import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.envelope import Context, Envelope
from application.mapper import EnvelopeMapper, read
from domain.commands import (
    ClearAlert,
    Command,
    DeactivateCustomer,
    LiftLegalHold,
    PlaceLegalHold,
    ProposeRejection,
    ReactivateCustomer,
    RefuseRejection,
    ResolveHold,
    WithdrawRejection,
)
from domain.customer import fold
from domain.events import (
    EVENTS,
    ApiKeyRevoked,
    CustomerDeactivated,
    CustomerReactivated,
    LegalHoldPlaced,
    RejectionProposed,
)
from domain.vocabulary import Event, Ground, Sealed
from tests.application.memory_journal import LabelSealer
from tests.application.strategies import CONTEXTS, ENVELOPES, facts
from tests.domain.histories import ACTIVE
from tests.domain.samples import ALERT, ALICE, CUSTOMER, NOW
from tests.domain.stored import envelope_of

SECRET = "Her name is Alma Example, born 1990"
MAPPER = EnvelopeMapper()


def asked(*, actor: str = "officer:alice", occurred_at: datetime = NOW) -> Context:
    """Who asked, and when."""
    return Context(actor, UUID(int=1), UUID(int=2), occurred_at, UUID(int=3))


ASKED = asked()


def envelope(event: Event, context: Context = ASKED) -> Envelope:
    """The event as the seventh of a customer."""
    return Envelope(CUSTOMER, 7, UUID(int=9), context, event)


@settings(derandomize=True, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(ENVELOPES)
def test_what_was_written_is_read_whatever_it_was(written: Envelope) -> None:
    stored = MAPPER.to_stored_event(written)

    assert MAPPER.to_domain_event(stored) == written
    assert read(str(written.stream), written.version, stored.topic, stored.state) == written
    assert MAPPER.to_stored_event(MAPPER.to_domain_event(stored)) == stored


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_read_as_it_was_written(name: str) -> None:
    @settings(derandomize=True, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
    @given(facts(EVENTS[name]))
    def each(event: Event) -> None:
        assert MAPPER.to_domain_event(MAPPER.to_stored_event(envelope(event))).event == event

    each()


@settings(derandomize=True)
@given(CONTEXTS)
def test_the_state_is_one_line_of_json_with_its_keys_in_order(context: Context) -> None:
    state = MAPPER.to_stored_event(envelope(ApiKeyRevoked(), context)).state

    said: dict[str, Any] = json.loads(state)
    keys = ["eventId", "occurredAt", "actor", "correlationId", "causationId", "commandId", "data"]
    if context.causation_id is None:
        keys.remove("causationId")
    assert list(said) == keys
    assert said["actor"] == context.actor
    assert said["occurredAt"].endswith("Z")
    assert b"\n" not in state
    assert b'": ' not in state.replace(json.dumps(context.actor, ensure_ascii=False).encode(), b"")


@pytest.mark.parametrize("name", EVENTS)
def test_the_data_has_its_keys_in_the_order_of_the_fields(name: str) -> None:
    data = json.loads(MAPPER.to_stored_event(envelope_of(name)).state)["data"]

    fields = EVENTS[name].model_fields.values()
    assert list(data) == [field.serialization_alias for field in fields]


def test_the_state_is_these_bytes() -> None:
    stored = MAPPER.to_stored_event(envelope(CustomerReactivated(decided_by="officer:zoë")))

    assert stored == StoredEvent(
        originator_id=CUSTOMER,
        originator_version=7,
        topic="CustomerReactivated",
        state=b'{"eventId":"00000000-0000-0000-0000-000000000009","occurredAt":"2026-01-05T12:00:00Z",'
        b'"actor":"officer:alice","correlationId":"00000000-0000-0000-0000-000000000002",'
        b'"causationId":"00000000-0000-0000-0000-000000000003",'
        b'"commandId":"00000000-0000-0000-0000-000000000001","data":{"decidedBy":"officer:zo\xc3\xab"}}',
    )


def test_one_mapper_writes_one_command_after_another() -> None:
    other = asked(actor="officer:bob")
    written = [envelope(ApiKeyRevoked(), context) for context in (ASKED, ASKED, other, ASKED)]

    assert [MAPPER.to_domain_event(MAPPER.to_stored_event(each)) for each in written] == written


def test_times_are_written_in_utc() -> None:
    elsewhere = asked(occurred_at=NOW.astimezone(timezone(timedelta(hours=5, minutes=45))))

    assert MAPPER.to_stored_event(envelope(ApiKeyRevoked(), elsewhere)) == MAPPER.to_stored_event(
        envelope(ApiKeyRevoked())
    )


def test_a_time_without_a_zone_is_not_written() -> None:
    nowhere = asked(occurred_at=datetime.now(UTC).replace(tzinfo=None))

    with pytest.raises(TypeError, match="zone"):
        MAPPER.to_stored_event(envelope(ApiKeyRevoked(), nowhere))


def test_text_that_no_reader_could_decode_is_not_written() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        MAPPER.to_stored_event(envelope(ApiKeyRevoked(), asked(actor="partner:\ud800")))


def test_only_envelopes_are_written() -> None:
    with pytest.raises(TypeError, match="envelopes"):
        MAPPER.to_stored_event(ApiKeyRevoked())  # type: ignore[arg-type] # the point


PERSONAL = [CustomerDeactivated(ground=Ground.ISSUE, decided_by=ALICE, reason=SECRET)] + [
    kind.model_validate(
        {
            **{name: getattr(envelope_of(kind.__name__).event, name) for name in kind.model_fields},
            "reason": SECRET,
        }
    )
    for kind in EVENTS.values()
    if "reason" in kind.personal
]


@pytest.mark.parametrize("event", PERSONAL, ids=lambda event: type(event).__name__)
def test_personal_text_is_refused_where_there_is_nothing_to_seal_it_with(event: Event) -> None:
    with pytest.raises(TypeError, match="no keys"):
        EnvelopeMapper().to_stored_event(envelope(event))


@pytest.mark.parametrize("event", PERSONAL, ids=lambda event: type(event).__name__)
def test_personal_text_is_sealed_for_its_place_and_stays_sealed(event: Event) -> None:
    stored = EnvelopeMapper(LabelSealer()).to_stored_event(envelope(event))

    assert SECRET.encode() not in stored.state
    assert b"Alma" not in stored.state
    expected = Sealed(sealed=f"{len(SECRET)} letters of {CUSTOMER}/7/reason")
    loaded = EnvelopeMapper(LabelSealer()).to_domain_event(stored)
    assert loaded.event == event.model_copy(update={"reason": expected})
    assert EnvelopeMapper().to_stored_event(loaded).state == stored.state


def test_what_nobody_said_needs_no_sealing() -> None:
    event = CustomerDeactivated(ground=Ground.ISSUE, decided_by=ALICE)

    assert MAPPER.to_domain_event(MAPPER.to_stored_event(envelope(event))).event == event


@pytest.mark.parametrize("event", PERSONAL, ids=lambda event: type(event).__name__)
def test_personal_text_never_shows_when_something_is_printed(event: Event) -> None:
    sealed = event.model_copy(update={"reason": Sealed(sealed="c2VhbGVk")})
    shown = [event, envelope(event), fold((*ACTIVE, event)), sealed, [event], {"event": event}]

    for thing in shown:
        for text in (repr(thing), str(thing), f"{thing}"):
            assert "Alma" not in text
            assert "c2VhbGVk" not in text


COMMANDS: list[Command] = [
    DeactivateCustomer(Ground.ISSUE, by=ALICE, reason=SECRET),
    ReactivateCustomer(by=ALICE, officer=True, reason=SECRET),
    ClearAlert(ALERT, ALICE, SECRET),
    ResolveHold("screening", "pass", ALICE, SECRET, now=NOW),
    ProposeRejection(ALICE, SECRET, now=NOW),
    WithdrawRejection(ALICE, SECRET),
    RefuseRejection(ALICE, SECRET),
    PlaceLegalHold("Central Bank", SECRET),
    LiftLegalHold("Central Bank", SECRET),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_nor_does_it_show_in_a_command(command: Command) -> None:
    assert "Alma" not in repr(command)
    assert "reason" not in repr(command)


@settings(derandomize=True)
@given(st.text(min_size=1))
def test_an_error_does_not_repeat_what_was_wrong(text: str) -> None:
    state = MAPPER.to_stored_event(envelope(LegalHoldPlaced(authority="x", reason=Sealed(sealed="x")))).state
    broken = state.replace(b'"sealed":"x"', b'"sealed":["%b"]' % f"<{SECRET}{text}>".encode().hex().encode())

    with pytest.raises(ValueError, match="validation error") as fault:
        MAPPER.to_domain_event(StoredEvent(CUSTOMER, 7, "LegalHoldPlaced", broken))

    assert f"<{SECRET}".encode().hex() not in str(fault.value)


def test_a_proposal_in_a_customers_state_keeps_its_reason_to_itself() -> None:
    proposed = RejectionProposed(officer=ALICE, reason=SECRET, evidence=())

    assert "Alma" not in repr(fold((*ACTIVE, proposed)))
