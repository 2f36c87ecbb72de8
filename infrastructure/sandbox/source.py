"""The sandbox's screening source: says what a rehearsal scripted, and that a wallet is clean where nothing was."""

from collections.abc import Collection
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from application.ports import Answer, Unreadable
from domain.findings import Finding, Severity, SourceReport
from infrastructure.arrays import UuidArray
from infrastructure.coalescing import Coalesced
from infrastructure.reading import Pool

Step = Literal["screening", "verification", "monitoring"]
SANDBOX: Final = "sandbox"
OUTCOMES: Final[dict[Step, frozenset[str]]] = {
    "screening": frozenset({"pass", "hit", "false_positive", "outage"}),
    "verification": frozenset({"pass", "retry", "final", "hold", "duplicate", "out_of_order"}),
    "monitoring": frozenset({"pass", "hit", "false_positive", "outage", "suspicion", "evidence"}),
}

_WRITE: Final = """
    INSERT INTO gatehouse.sandbox_scripts VALUES (%b, %b, %b)
    ON CONFLICT (customer, step) DO UPDATE SET outcome = excluded.outcome
"""
_READ: Final = "SELECT customer, step, outcome FROM gatehouse.sandbox_scripts WHERE customer = ANY(%b)"


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    wallet: str
    findings: tuple[Finding, ...]


class Scripts:
    """What each customer's rehearsal is to come to."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._written = Coalesced(self._read)

    async def write(self, customer: UUID, step: Step, outcome: str) -> None:
        """From now on, `step` of this customer comes to `outcome`."""
        async with self._pool.connection() as connection:
            await connection.execute(_WRITE, (customer, step, outcome))

    async def read(self, customer: UUID, step: Step) -> str:
        """What `step` comes to."""
        return await self._written.get((customer, step)) or "pass"

    async def _read(self, asked: Collection[tuple[UUID, Step]]) -> dict[tuple[UUID, Step], str]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_READ, (UuidArray({customer for customer, _ in asked}),), prepare=True)
            return {(customer, step): outcome for customer, step, outcome in await cursor.fetchall()}


class SandboxSource:
    """A screening source that knows the script."""

    name = SANDBOX

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def ask(self, wallet: str, *, customer: UUID, key: str) -> Answer:
        """Answer as scripted. A false positive is gone when it is asked for again."""
        outcome = await self._scripts.read(customer, "monitoring" if "/monitor/" in key else "screening")
        if outcome == "false_positive" and not key.endswith("/1"):
            outcome = "pass"
        return scripted(wallet, outcome)


def findings_in(wallet: str, payload: bytes) -> tuple[Finding, ...]:
    """What an answer of the sandbox says of a wallet. Raises `Unreadable`."""
    try:
        said = _Said.model_validate_json(payload)
    except ValidationError:
        raise Unreadable from None
    if said.wallet != wallet:
        raise Unreadable
    return said.findings


def scripted(wallet: str, outcome: str) -> Answer:
    """The answer that an outcome stands for."""
    if outcome == "outage":
        return Answer(SourceReport(source=SANDBOX, answered=False))
    findings: tuple[Finding, ...] = ()
    if outcome in {"hit", "evidence"}:
        findings = (Finding(category="sanctions", severity=Severity.SEVERE, listed=True, reference="rehearsal"),)
    elif outcome in {"false_positive", "suspicion"}:
        findings = (Finding(category="illicit_funds", severity=Severity.HIGH, reference="rehearsal"),)
    payload = _Said(wallet=wallet, findings=findings).model_dump_json().encode()
    return Answer(SourceReport(source=SANDBOX, answered=True, findings=findings), payload)
