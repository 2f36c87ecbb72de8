"""What auditors ask of the transparency log: checkpoints, keys, and proofs that others' tools can check."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from uuid import UUID

from psycopg import AsyncConnection
from starlette.responses import Response

from domain.refusals import UnknownCustomer
from infrastructure.api_keys import Role
from infrastructure.http import audit_models as models
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_id, read_query
from infrastructure.http.resources import answer
from infrastructure.http.routing import Call, Route
from infrastructure.services import Services
from infrastructure.transparency.announced_keys import announced_keys
from infrastructure.transparency.checkpoints import newest_checkpoint
from infrastructure.transparency.proving import (
    LogDoesNotMatch,
    NoSuchCheckpoint,
    NoSuchEntry,
    NotInACheckpointYet,
    prove_consistency,
    prove_inclusion,
    prove_stream,
)

AUDITOR: Final[frozenset[Role]] = frozenset({"auditor"})
TAG: Final = "transparency log"
NOTE: Final = "text/plain; charset=utf-8"
RETRY: Final = {"Retry-After": "10"}
P = TypeVar("P")


class AuditRoutes:
    """Proofs name no customer, but for that of a customer, which shows its events: a look like any other."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "GET",
                "/audit/checkpoint",
                self.checkpoint,
                AUDITOR,
                "Read the newest checkpoint",
                answer=models.Checkpoint,
                problems=("checkpoint_not_found",),
                tag=TAG,
            ),
            Route(
                "GET",
                "/audit/keys",
                self.keys,
                AUDITOR,
                "List the keys that the log was and is signed with",
                answer=models.SigningKeys,
                tag=TAG,
            ),
            Route(
                "GET",
                "/audit/proofs/inclusion",
                self.inclusion,
                AUDITOR,
                "Prove that an event is in the log",
                query=models.InclusionQuery,
                problems=("entry_not_found", "not_in_a_checkpoint_yet", "log_does_not_match"),
                media_type=NOTE,
                example=f"c2sp.org/tlog-proof@v1\nindex 6\n{models.SIBLING}\n\n{models.NOTE}",
                tag=TAG,
            ),
            Route(
                "GET",
                "/audit/proofs/consistency",
                self.consistency,
                AUDITOR,
                "Prove that the log only grew",
                query=models.ConsistencyQuery,
                problems=("checkpoint_not_found", "log_does_not_match"),
                media_type=NOTE,
                example=f"old 4096\n{models.SIBLING}\n\n{models.NOTE}",
                tag=TAG,
            ),
            Route(
                "GET",
                "/customers/{customer_id}/proof",
                self.customer,
                AUDITOR,
                "Prove all events of a customer",
                answer=models.CustomerProof,
                problems=("malformed_id", "customer_not_found", "not_in_a_checkpoint_yet", "log_does_not_match"),
                tag=TAG,
            ),
        ]

    async def checkpoint(self, call: Call) -> Response:
        """How large the log was and what its root was, signed. Keep it: later it tells whether history was changed."""
        async with self._services.pool.connection() as connection:
            published = await newest_checkpoint(connection)
        if published is None:
            raise Problem("checkpoint_not_found")
        event = published.event
        return answer(
            models.Checkpoint(
                origin=event.note.partition("\n")[0],
                size=event.size,
                root=event.root,
                note=event.note,
                published_at=published.envelope.recorded_at,
            )
        )

    async def keys(self, call: Call) -> Response:
        """In order; the last one is in force. Each but the first was named by the one before, unless that was lost."""
        async with self._services.pool.connection() as connection:
            found = await announced_keys(connection)
        return answer(models.SigningKeys(keys=[models.SigningKey(**key._asdict()) for key in found]))

    async def inclusion(self, call: Call) -> Response:
        """A C2SP tlog-proof: the leaf's index, its path to the root, and the newest checkpoint."""
        position = read_query(call.request, models.InclusionQuery).position
        proof = await self._proven(lambda connection: prove_inclusion(connection, position))
        return Response(proof.text, media_type=NOTE)

    async def consistency(self, call: Call) -> Response:
        """The body of C2SP tlog-witness's `add-checkpoint`: the path that leads from `old` to a checkpoint."""
        query = read_query(call.request, models.ConsistencyQuery)
        if query.new is not None and query.old > query.new:
            raise Problem("invalid_request", errors=[{"pointer": "/old", "code": "beyond_new"}])
        proof = await self._proven(lambda connection: prove_consistency(connection, query.old, query.new))
        return Response(proof.text, media_type=NOTE)

    async def customer(self, call: Call) -> Response:
        """Every event as the line that was hashed, chained by `previous`, with its path to the newest checkpoint."""
        customer_id: UUID = read_id(call.request)
        if await self._services.reader.customer(customer_id) is None:
            raise UnknownCustomer
        proof = await self._proven(lambda connection: prove_stream(connection, customer_id))
        return Response(proof.text, media_type="application/json")

    async def _proven(self, prove: Callable[[AsyncConnection[Any]], Awaitable[P]]) -> P:
        """The proof, or the problem with it."""
        try:
            async with self._services.pool.connection() as connection:
                return await prove(connection)
        except NoSuchEntry:
            raise Problem("entry_not_found") from None
        except NoSuchCheckpoint:
            raise Problem("checkpoint_not_found") from None
        except NotInACheckpointYet:
            raise Problem("not_in_a_checkpoint_yet", headers=RETRY) from None
        except LogDoesNotMatch:
            raise Problem("log_does_not_match") from None
