"""The OFAC list as a screening source: exact matches of canonical addresses, against the list that is adopted."""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

import psycopg
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from application.mapper import read
from application.ports import Answer, Unreadable
from application.streams import sanctions_list_of
from domain.events import SanctionsListPublished
from domain.findings import Finding, Severity, SourceReport
from infrastructure.coalescing import Coalesced
from infrastructure.reading import Pool
from infrastructure.sanctions.sdn_advanced import canonical

OFAC: Final = "ofac"

_ADOPTED: Final = """
    SELECT originator_version, topic, state FROM gatehouse.stored_events
    WHERE originator_id = %b AND topic = 'SanctionsListPublished' ORDER BY originator_version DESC LIMIT 1
"""
_MATCHES: Final = """
    SELECT address, profile, currency FROM gatehouse.sanctioned_addresses
    WHERE list_hash = %b AND address = ANY(%b) ORDER BY address, profile, currency
"""

_Match = tuple[str, str]
"""Profile and currency of a listing."""
_Found = tuple[SanctionsListPublished, list[_Match]]

log = structlog.get_logger()


class _LookUp(BaseModel):
    """One wallet looked up in one list: what is kept as evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    list: str
    sha256: str
    wallet: str
    matches: tuple[_Match, ...]

    def findings(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(category="sanctions", severity=Severity.SEVERE, listed=True, reference=f"{profile}/{currency}")
            for profile, currency in self.matches
        )


def findings_in(wallet: str, payload: bytes) -> tuple[Finding, ...]:
    """What a look-up that was kept says of a wallet. Raises `Unreadable`."""
    try:
        said = _LookUp.model_validate_json(payload)
    except ValidationError:
        raise Unreadable from None
    if said.wallet != wallet:
        raise Unreadable
    return said.findings()


def list_in(payload: bytes) -> tuple[str, str]:
    """Version and SHA-256 of the list that a look-up was made in. Raises `Unreadable`."""
    try:
        said = _LookUp.model_validate_json(payload)
    except ValidationError:
        raise Unreadable from None
    return said.list, said.sha256


class OfacList:
    """Asks the adopted list. Without one it does not answer, so that nobody passes unscreened."""

    name = OFAC

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._found = Coalesced(self._look_up)

    async def ask(self, wallet: str, *, customer: UUID, key: str) -> Answer:
        """Look the wallet up."""
        try:
            found = await self._found.get(canonical(wallet.rpartition(":")[2]))
        except (psycopg.OperationalError, psycopg.InterfaceError):
            return Answer(SourceReport(source=self.name, answered=False))
        if found is None:
            log.error("no_sanctions_list", source=self.name)
            return Answer(SourceReport(source=self.name, answered=False))
        adopted, matches = found
        said = _LookUp(list=adopted.list_version, sha256=adopted.list_hash, wallet=wallet, matches=tuple(matches))
        report = SourceReport(
            source=self.name,
            answered=True,
            findings=said.findings(),
            list_version=adopted.list_version,
            list_hash=adopted.list_hash,
        )
        return Answer(report, said.model_dump_json().encode())

    async def _look_up(self, addresses: Collection[str]) -> dict[str, _Found]:
        """For each address the list in force, and where it is listed; nothing where no list is."""
        async with self._pool.connection() as connection:
            adopted = await adopted_list(connection)
            if adopted is None:
                return {}
            cursor = await connection.execute(_MATCHES, (adopted.list_hash, list(addresses)), prepare=True)
            matches: dict[str, list[_Match]] = {address: [] for address in addresses}
            for address, profile, currency in await cursor.fetchall():
                matches[address].append((profile, currency))
            return {address: (adopted, listed) for address, listed in matches.items()}


async def adopted_list(connection: psycopg.AsyncConnection[Any]) -> SanctionsListPublished | None:
    """The list that is in force, if one was adopted."""
    stream = sanctions_list_of(OFAC)
    cursor = await connection.execute(_ADOPTED, (stream,), prepare=True, binary=True)
    row = await cursor.fetchone()
    event = read(stream, *row).event if row else None
    return event if isinstance(event, SanctionsListPublished) else None
