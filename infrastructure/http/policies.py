"""Policies on trial, for admins: counts alone, no customer. The list is whose who may see customers: `./run trial`."""

from functools import partial
from typing import Final

from starlette.responses import Response

from domain.policies.registry import STEPS
from infrastructure.api_keys import Role
from infrastructure.http import admin_models
from infrastructure.http.long_work import NDJSON, Lines, LongWork
from infrastructure.http.problems import Problem
from infrastructure.http.routing import Call, Route
from infrastructure.replay.lives import Access
from infrastructure.replay.trial import summary, tried_policy
from infrastructure.services import Services

ADMIN: Final[frozenset[Role]] = frozenset({"admin"})


class PolicyRoutes:
    """One trial at a time, in a process of its own beside the service, which keeps the other cores."""

    def __init__(self, services: Services) -> None:
        self._access = Access(services.conninfo, services.keys, source=services.key_source)
        self._trials = LongWork("trial", admin_models.TrialLine, under_way="trial_under_way")

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "POST",
                "/policies/{name}/trial",
                self.trial,
                ADMIN,
                "Try a policy version on every recorded decision",
                answer=admin_models.TrialLine,
                media_type=NDJSON,
                problems=("policy_not_found", "trial_under_way"),
                tag="policies",
            )
        ]

    async def trial(self, call: Call) -> Response:
        """Whom would it have treated otherwise, by reason? Changes nothing. The answer is a line of JSON at a time.

        First how many events are read of about how many, again and again, then the `result` or the `problem`. Each
        decision is judged on its recorded evidence, in the state that was recorded up to it.
        """
        policy = call.request.path_params["name"]
        if policy not in STEPS:
            raise Problem("policy_not_found")
        return self._trials.begin(partial(self._tried, policy))

    def _tried(self, policy: str, lines: Lines[admin_models.TrialLine]) -> admin_models.TrialLine:
        """The last line."""
        with tried_policy(self._access, policy, processes=1, begun=lines.begin, progress=lines.advance) as run:
            return admin_models.TrialLine(result=admin_models.PolicyTrial.model_validate(summary(run, policy)))
