"""Replays that auditors order: is what the service shows what its log leads to?"""

from typing import Final

from starlette.responses import Response

from infrastructure.api_keys import Role
from infrastructure.http.audit_models import Divergent, Replay, ReplayLine
from infrastructure.http.long_work import NDJSON, Lines, LongWork
from infrastructure.http.routing import Call, Route
from infrastructure.replay.processes import replay
from infrastructure.services import Services

AUDITOR: Final[frozenset[Role]] = frozenset({"auditor"})


class ReplayRoutes:
    """One replay at a time, in a process of its own beside the service, which keeps the other cores."""

    def __init__(self, services: Services) -> None:
        self._conninfo = services.conninfo
        self._replays = LongWork("replay", ReplayLine, under_way="replay_under_way")

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "POST",
                "/audit/replays",
                self.order,
                AUDITOR,
                "Compare the read models with the log",
                answer=ReplayLine,
                media_type=NDJSON,
                problems=("replay_under_way",),
                tag="audit",
            )
        ]

    async def order(self, call: Call) -> Response:
        """Folds the whole log again and changes nothing. The answer is a line of JSON at a time.

        First how many events are folded of about how many, again and again, then the `result` or the `problem`. A
        divergence names a row and its columns, never what stands in them.
        """
        return self._replays.begin(self._replayed)

    def _replayed(self, lines: Lines[ReplayLine]) -> ReplayLine:
        """The last line."""
        done = replay(self._conninfo, processes=1, begun=lines.begin, progress=lines.advance, apart=True)
        findings = done.findings
        result = Replay(
            agrees=not findings.divergent,
            positions=done.positions,
            events=findings.events,
            rows=findings.rows,
            divergent=findings.divergent,
            divergences=[Divergent.model_validate(divergence._asdict()) for divergence in findings.listed],
        )
        return ReplayLine(result=result)
