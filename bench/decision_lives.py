"""Customers' lives as the product itself decides them, on random answers.

Hits, false positives, outages, retries, holds, bars, duplicates, alerts, and officers in between.
"""

import random
from collections.abc import Generator, Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

import psycopg

from application.handlers import Handling, decided, register
from bench.answers import SECOND, Said, called_back, drawn, found, listed, silent
from bench.lives import SITE, id_at
from bench.made_log import CHUNK, MadeLog
from bench.traffic import SEED
from domain.challenge import issue
from domain.commands import (
    ClearAlert,
    Command,
    ConfirmRejection,
    DeactivateCustomer,
    ProposeRejection,
    ReactivateCustomer,
    RecordMonitoring,
    RecordScreening,
    RecordVerification,
    RegisterCustomer,
    ResolveHold,
    SignChallenge,
    StartVerification,
    WalletProof,
)
from domain.customer import Customer
from domain.findings import SourceReport
from domain.refusals import Refused
from domain.vocabulary import Confirmation, Ground, Status
from domain.wallet import Wallet
from infrastructure.keys.deployment import Keys
from infrastructure.sandbox.provider import SANDBOX, Answer

AT_ONCE: Final = 100
"""Customers on their way at the same time."""
ATTEMPTS: Final = 12
"""How often a life is asked the same, at most: it may end anywhere."""

_WALLETS: Final = {"clean": 76, "listed": 5, "false positive": 5, "stubborn": 3, "confirmed": 3, "suspicious": 8}
_PERSONS: Final = {"approved": 78, "retry": 8, "rejected": 6, "on_hold": 6, "tries on": 2}
_AFTERWARDS: Final = {"nothing": 70, "suspicion": 8, "evidence": 4, "confirmed": 4, "switched": 10, "screened": 4}
_SETTINGS: Final = {"never": 90, "ambiguous": 5, "always": 5}
_OFFICERS: Final = ("officer:1", "officer:2")

Steps = Generator[None]
"""A life, which pauses after each step for the others."""


def load_decided(connection: psycopg.Connection[tuple[object, ...]], keys: Keys, lives: int) -> MadeLog:
    """Fill an empty log with whole lives."""
    log, source = MadeLog(keys), random.Random(SEED)  # noqa: S311 -- the same lives in every run
    for first in range(0, lives, AT_ONCE):
        crowd = [_Life(log, source, number) for number in range(first, min(first + AT_ONCE, lives))]
        under_way: list[Steps] = [life.lived() for life in crowd]
        while under_way:
            under_way = [steps for steps in under_way if next(steps, log) is None]
        for life in crowd:
            log.end(life.id)
        if first <= lives // 2:
            log.middle = crowd[0].id
        log.load(connection, at_least=CHUNK)
    log.load(connection)
    return log


class _Life:
    """One customer. The wallet or the person may be another's, too."""

    def __init__(self, log: MadeLog, source: random.Random, number: int) -> None:
        self._log = log
        self._source = source
        self._confirmation = Confirmation(drawn(source, _SETTINGS))
        self._partner = UUID(int=1 + number % 7, version=4)
        self._wallet = _wallet(number - 1 if self._chance(8) else number)
        self._person = source.randrange(number + 1) if self._chance(5) else number
        self._number = number
        self.id = id_at(log.now, source)

    @property
    def _account(self) -> str:
        return f"eip155:1:{self._wallet.address}"

    def _is(self, status: Status) -> Customer | None:
        customer = self._log.customers.get(self.id)
        return customer if customer and customer.status is status else None

    def lived(self) -> Steps:
        """From registration to wherever it leads."""
        self._log.begin(self.id)
        self._registered()
        yield
        yield from self._screened(drawn(self._source, _WALLETS))
        yield from self._verified(drawn(self._source, _PERSONS))
        yield from self._watched(drawn(self._source, _AFTERWARDS))

    def _registered(self) -> None:
        """With a wallet that is another's, too, or if that is barred by now with one of its own."""
        for wallet in (self._wallet, _wallet(~self._number)):
            challenge = issue(SITE, wallet, customer=self.id, nonce=f"{self._number:020x}", now=self._log.now)
            account = f"eip155:1:{wallet.address}"
            registration = RegisterCustomer(self._partner, account, f"user-{self._number}", challenge)
            handling = register(self.id, registration, fingerprint=self._log.keys.fingerprint_of)
            self._run(handling, f"partner:{self._partner}")
            if self.id in self._log.customers:
                self._wallet = wallet
                proof = WalletProof(signer=wallet.address)
                signed = SignChallenge(account, challenge.message, "0x" + "5c" * 65, proof, "0" * 64, self._log.now)
                self._do(signed, f"partner:{self._partner}")
                return

    def _screened(self, wallet: str) -> Steps:
        for attempt in range(1, ATTEMPTS):
            customer = self._is(Status.SCREENING)
            if customer is None or customer.held:
                break
            command = RecordScreening(
                attempt,
                self._kept(self._asked(wallet, customer.doubts)),
                self._log.now,
                jitter=self._source.random(),
                confirmation=self._confirmation,
            )
            self._do(command, f"policy:{command.policy}")
            yield
        yield from self._resolved("screening", Status.SCREENING)

    def _asked(self, wallet: str, doubts: int) -> list[Said]:
        """What the sources say. A false positive is gone when it is asked for again."""
        graded = {
            "clean": ("nothing", "trifle"),
            "listed": ("nothing", "nothing"),
            "false positive": ("nothing" if doubts else "grave", "nothing"),
            "stubborn": ("grave", "nothing") if doubts else ("grave", "trifle"),
            "confirmed": ("grave", "grave" if doubts else "nothing"),
            "suspicious": ("suspicious", "suspicious"),
        }[wallet]
        said = [listed(self._account, match=wallet == "listed")]
        said += [found(name, self._account, what) for name, what in zip((SANDBOX, SECOND), graded, strict=True)]
        if wallet == "stubborn":
            said.pop()  # nobody is there to contradict it
        return [silent(answer[0].source) if self._chance(4) else answer for answer in said]

    def _verified(self, person: str) -> Steps:
        if self._is(Status.VERIFYING) is None:
            return
        if self._chance(95):  # a result may come before it is known that there is an applicant
            self._do(StartVerification(SANDBOX, str(self.id), "basic-kyc"), f"provider:{SANDBOX}")
            yield
        answers: dict[str, tuple[Answer, ...]] = {
            "retry": ("retry", "approved"),
            "on_hold": ("on_hold", "approved"),
            "tries on": ("retry",) * 7,
            "rejected": ("rejected", "approved"),
            "approved": ("approved", "approved"),
        }
        for answer in answers[person]:
            if self._is(Status.VERIFYING) is None:
                return
            late = timedelta(minutes=self._source.choice((0, 0, 0, 5)))
            result, body = called_back(self.id, answer, self._person, at=self._log.now - late, keys=self._log.keys)
            self._log.keep(self.id, body)
            command = RecordVerification(result, confirmation=self._confirmation)
            self._do(command, f"policy:{command.policy}")
            yield
        yield from self._resolved("verification", Status.VERIFYING)

    def _watched(self, what: str) -> Steps:
        customer = self._is(Status.ACTIVE)
        if customer is None or what == "nothing":
            return
        if what == "switched":
            self._do(DeactivateCustomer(Ground.PARTNER_REQUEST, f"partner:{self._partner}"), f"partner:{self._partner}")
            yield
            self._do(ReactivateCustomer(f"partner:{self._partner}", officer=False), f"partner:{self._partner}")
            return
        answers = {
            "screened": [found(SANDBOX, self._account, "trifle")],
            "suspicion": [found(SANDBOX, self._account, "grave")],
            "evidence": [listed(self._account, match=True)],
            "confirmed": [found(SANDBOX, self._account, "grave"), found(SECOND, self._account, "grave")],
        }
        for said in answers[what]:
            alert = id_at(self._log.now, self._source)
            command = RecordMonitoring(alert, self._kept([said]), now=self._log.now, confirmation=self._confirmation)
            self._do(command, f"policy:{command.policy}")
            yield
        customer = self._is(Status.INACTIVE)
        if customer and customer.alerts and self._chance(50):
            self._do(ClearAlert(customer.alerts[0].alert, _OFFICERS[0], "another wallet"), _OFFICERS[0])
        elif customer and customer.alerts:
            yield from self._rejected_by_two()

    def _resolved(self, step: Literal["screening", "verification"], status: Status) -> Steps:
        """Officers decide what is on hold, most of the time."""
        customer = self._is(status)
        if customer is None or not customer.held or self._chance(20):
            return
        if self._chance(60):
            outcome: Literal["pass", "fail"] = "fail" if self._chance(33) else "pass"
            resolving = ResolveHold(
                step, outcome, _OFFICERS[0], "looked into it", self._confirmation, now=self._log.now
            )
            self._do(resolving, _OFFICERS[0])
            yield
        if (customer := self._is(status)) and customer.held:
            yield from self._rejected_by_two()

    def _rejected_by_two(self) -> Steps:
        self._do(ProposeRejection(_OFFICERS[0], "mixes funds", now=self._log.now), _OFFICERS[0])
        yield
        self._do(ConfirmRejection(_OFFICERS[1], now=self._log.now), _OFFICERS[1])

    def _kept(self, said: Sequence[Said]) -> tuple[SourceReport, ...]:
        for _, payload in said:
            if payload:
                self._log.keep(self.id, payload)
        return tuple(report for report, _ in said)

    def _do(self, command: Command, actor: str) -> None:
        if customer := self._log.customers.get(self.id):
            self._run(decided(self.id, customer, command, fingerprint=self._log.keys.fingerprint_of), actor)

    def _run(self, handling: Handling, actor: str) -> None:
        """What is refused, as a barred wallet or person is, has not happened."""
        with suppress(Refused):
            self._log.run(handling, actor, id_at(self._log.now, self._source), self.id)

    def _chance(self, percent: int) -> bool:
        return self._source.randrange(100) < percent


def _wallet(number: int) -> Wallet:
    """The same number, the same wallet."""
    return Wallet("1", f"0x{sha256(b'%d' % number).hexdigest()[:40]}")
