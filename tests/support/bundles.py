"""A log of a few hundred entries with all that a verifier looks at, and bundles of it."""

import random
from pathlib import Path
from typing import Final
from uuid import UUID

from application.transparency.notes import COSIGNS, Signer
from bench.bundles import ORIGIN, OWN, EntryLog
from tests.domain.stored import FOLDER, example

FIRST: Final = Signer(ORIGIN, b"\1" * 32)
SECOND: Final = Signer(ORIGIN, b"\2" * 32)
FORGER: Final = Signer(ORIGIN, b"\3" * 32)
WITNESS: Final = Signer("witness.example", b"\4" * 32, COSIGNS)
CUSTOMERS: Final = [UUID(int=number, version=4) for number in range(1, 31)]
CUSTOMER: Final = CUSTOMERS[4]
STORED: Final = [found for path in sorted(FOLDER.glob("*.json")) if (found := example(path)).topic not in OWN]


def made_log(size: int = 600) -> EntryLog:
    """A log in which a key is announced first and another in the midst, and checkpoints are published now and then."""
    source, log = random.Random(size), EntryLog(FIRST)  # noqa: S311  # the same log in every run
    log.announce(FIRST)
    while len(log.entries) < size:
        if len(log.entries) == size // 2:
            log.announce(SECOND)
        elif len(log.entries) % 100 == 99:
            log.publish()
        else:
            told = source.choice(STORED)
            log.append(source.choice(CUSTOMERS), told.topic, told.state)
    return log


def write_customer(log: EntryLog, folder: Path, customer: UUID = CUSTOMER) -> None:
    """The bundle of one customer's events."""
    log.write(folder, chosen=lambda told: told.stream == customer, customer=str(customer))
