"""What every KYC provider keeps, whoever is behind it. Each has a stage, which makes its side of the story up."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import permutations
from typing import Final, Protocol
from uuid import UUID, uuid4

import pytest

from application.ports import ForgedCallback, MalformedCallback, Reported, VerificationProvider
from domain.commands import RecordVerification
from domain.customer import fold
from domain.decide import decide
from domain.events import VerificationStarted
from domain.vocabulary import Event, Status
from infrastructure.sandbox.provider import Answer
from infrastructure.verification.readers import RESULT_IN
from tests.domain.histories import SCREENED

START: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
ANSWERS: Final[tuple[Answer, ...]] = ("approved", "retry", "rejected", "on_hold")


class Stage(Protocol):
    """A provider, and what its vendor's side does."""

    provider: VerificationProvider

    def callback(
        self, customer: UUID, answer: Answer, *, at: datetime, number: str = "P1", country: str = "AUT"
    ) -> tuple[bytes, dict[str, str]]:
        """Let the vendor decide, and call back: the body and its headers."""

    def signed(self, body: bytes) -> dict[str, str]:
        """The vendor's signature for any body."""

    def fingerprint(self, text: str) -> str:
        """The deployment's."""


class VerificationContract:
    """Run over every provider that has callbacks."""

    async def test_opening_twice_is_opening_once(self, stage: Stage) -> None:
        customer = uuid4()

        first = await stage.provider.open(customer, key=f"{customer}/open_verification/1")
        assert await stage.provider.open(customer, key=f"{customer}/open_verification/1") == first
        assert (await stage.provider.open(uuid4(), key="another")).reference != first.reference
        assert first.provider == stage.provider.name

    async def test_a_session_leads_somewhere_until_it_ends(self, stage: Stage) -> None:
        customer = uuid4()
        applicant = await stage.provider.open(customer, key="k")

        session = await stage.provider.session(customer, applicant.reference, now=START)

        assert session.provider == stage.provider.name
        assert session.url.startswith(("https://", "http://"))
        assert session.token
        assert timedelta(minutes=5) <= session.expires_at - START <= timedelta(hours=1)

    @pytest.mark.parametrize("answer", ANSWERS)
    async def test_a_callback_says_who_what_and_when(self, stage: Stage, answer: Answer) -> None:
        customer, applicant = await self._opened(stage)

        reported = await self._received(stage, customer, answer, at=START)

        result = reported.result
        assert (reported.customer, result.provider, result.applicant) == (customer, stage.provider.name, applicant)
        assert (result.answer, result.reported_at, result.polled) == (answer, START, False)
        digests = [sha256(payload).hexdigest() for payload in reported.payloads]
        assert digests == [digest for digest in (result.evidence, result.identity) if digest]
        if answer in {"approved", "rejected"}:
            assert result.person == stage.fingerprint("person/AUT/P1")

    @pytest.mark.parametrize("answer", ANSWERS)
    async def test_what_was_reported_is_read_again_from_its_payloads(self, stage: Stage, answer: Answer) -> None:
        customer, _ = await self._opened(stage)

        reported = await self._received(stage, customer, answer, at=START)

        read = RESULT_IN[stage.provider.name](reported.payloads, fingerprint=stage.fingerprint)
        assert read == (reported.customer, reported.result)

    async def test_one_person_is_recognised_however_their_document_is_written(self, stage: Stage) -> None:
        persons = set()
        for number in ("P 123", "p123", "P-123"):
            customer, _ = await self._opened(stage)
            reported = await self._received(stage, customer, "approved", at=START, number=number)
            persons.add(reported.result.person)
        assert persons == {stage.fingerprint("person/AUT/P123")}

    async def test_what_is_not_signed_is_refused(self, stage: Stage) -> None:
        customer, _ = await self._opened(stage)
        body, headers = stage.callback(customer, "approved", at=START)

        for forged in (body + b" ", b"", body[:-1]):
            with pytest.raises(ForgedCallback):
                await stage.provider.receive(forged, headers)
        nothing: Mapping[str, str] = {}
        with pytest.raises(ForgedCallback):
            await stage.provider.receive(body, nothing)

    @pytest.mark.parametrize("body", [b"{", b"null", b"[]", b"{}", b"\xff"])
    async def test_what_is_signed_and_cannot_be_read_is_malformed(self, stage: Stage, body: bytes) -> None:
        with pytest.raises((MalformedCallback, ForgedCallback)):
            await stage.provider.receive(body, stage.signed(body))

    @pytest.mark.parametrize("order", [*permutations(range(3))])
    async def test_repeats_and_disorder_come_to_what_order_comes_to(self, stage: Stage, order: tuple[int, ...]) -> None:
        customer, applicant = await self._opened(stage)
        answers: tuple[Answer, ...] = ("on_hold", "retry", "approved")
        story = [
            await self._received(stage, customer, answer, at=START + timedelta(minutes=5 * number))
            for number, answer in enumerate(answers)
        ]
        started = VerificationStarted(provider=stage.provider.name, applicant=applicant, level="level")

        orderly = _becomes((*SCREENED, started), story)
        disorderly = _becomes((*SCREENED, started), [story[index] for index in (*order, *order)])

        assert orderly == disorderly == Status.ACTIVE

    @staticmethod
    async def _opened(stage: Stage) -> tuple[UUID, str]:
        customer = uuid4()
        return customer, (await stage.provider.open(customer, key="k")).reference

    @staticmethod
    async def _received(stage: Stage, customer: UUID, answer: Answer, *, at: datetime, number: str = "P1") -> Reported:
        body, headers = stage.callback(customer, answer, at=at, number=number)
        reported = await stage.provider.receive(body, headers)
        assert reported is not None
        return reported


def _becomes(history: tuple[Event, ...], story: list[Reported]) -> Status:
    """The status of a customer of whom all that is reported."""
    for reported in story:
        history = (*history, *decide(fold(history), RecordVerification(reported.result)))
    customer = fold(history)
    assert customer is not None
    return customer.status
