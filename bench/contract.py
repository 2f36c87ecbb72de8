"""Schemathesis over a running service: every check it has and ours, for each role, from one seed.

The document is the service's own, with what there is to be found written into it, so that requests find it.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from bench.contract_checks import register
from bench.contract_seed import NOBODY, Seed
from infrastructure.sandbox.source import OUTCOMES

REFUSED: Final = ["401", "403", "404", "409", "410", "412", "416", "422"]
"""What a sound request may be answered, too. The service looks further than a schema can: at checksums, signatures,
clocks and versions. That none of it is for the request's form is a check of ours."""
THROTTLED: Final = {"include-operation-id": "login_log_in"}
"""Where 429 is promised: budgets are never used up here, but whoever shows wrong secrets in masses is told to wait."""
MALFORMED: Final = ["400", "405", "413", "415"]
"""What a wrong request may be answered besides: too large comes before wrong."""
STREAM: Final = "text/event-stream"
AT: Final = {
    "sign": "signing",
    "verification": "verifying",
    "verify": "to verify",
    "reject": "to reject",
    "monitoring": "active",
    "rejection": "to accuse",
    "deactivate": "to suspend",
    "activate": "inactive",
}
"""By the end of its path, where a customer should be for an operation to be carried out."""
NAMES: Final = {
    "/v1/policies/{name}/trial name": ["screening-1", "screening-2"],
    "/v1/schemas/{name} name": ["CustomerRegistered.v1", "entry.v1"],
    "If-Match": ["*"],
}
"""By a parameter's name, or its path and name."""
FIELDS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("CustomerRegistration", "chainId"): {"type": "string", "pattern": "^eip155:1:0x[0-9a-f]{40}$"},
    ("SimulatedOutcome", "outcome"): {"enum": sorted(set().union(*OUTCOMES.values()))},
    ("WebhookRegistration", "callbackUrl"): {"enum": [NOBODY]},
}
"""By model and field, what is right more often than what its schema alone would make."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to call, as whom, and what for."""

    url: str
    document: dict[str, Any]
    key: str
    operations: list[str]


@dataclass(slots=True)
class Explored:
    """What came of it."""

    cases: int = 0
    server_errors: int = 0
    succeeded: set[str] = field(default_factory=set)
    """Operations of which at least one request was carried out."""
    breaks: Counter[str] = field(default_factory=Counter)
    """By operation and check."""
    words: dict[str, str] = field(default_factory=dict)
    """What the first of each was about."""


def explore(target: Target, explored: Explored, *, phases: Collection[str], examples: int, seed: int) -> None:
    """Send what Schemathesis makes of the document; `examples` for each operation where it makes them up."""
    register()
    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "continue-on-failure": True,
            "base-url": target.url,
            "headers": {"Authorization": f"Bearer {target.key}"},
            "generation": {"max-examples": examples, "database": "none", "no-shrink": True},
            "phases": {name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing", "stateful")},
            "checks": _checks(),
            "operations": [
                THROTTLED | {"checks": _checks("429")},
                {"exclude-operation-id": target.operations, "enabled": False},
            ],
        }
    )
    schema = schemathesis.openapi.from_dict(target.document, config=config)
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                _count(event, explored)
            case events.NonFatalError():
                _broken(explored, event.label, "error", str(event.value))
            case events.FatalError():
                raise event.exception


def _checks(*more: str) -> dict[str, Any]:
    """What may be answered to what is sound, and to what is not."""
    return {
        "positive_data_acceptance": {"expected-statuses": [*REFUSED, *more, "2xx", "503"]},
        "negative_data_rejection": {"expected-statuses": [*REFUSED, *more, *MALFORMED]},
    }


def planted(document: dict[str, Any], seed: Seed) -> dict[str, Any]:
    """The document, whose parameters and fields may also be what was seeded, or what is known to mean something."""
    document = deepcopy(document)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if known := _known(seed, path, parameter["name"]):
                    parameter["schema"] = _planted(parameter, known)
                    parameter.pop("example", None)
    for path, body in seed.bodies.items():
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        content["schema"] = _or({"enum": [body]}, content["schema"])
    for (model, name), usual in FIELDS.items():
        fields = document["components"]["schemas"][model]["properties"]
        fields[name] = _or(usual, fields[name])
    return document


def _planted(parameter: Mapping[str, Any], known: list[str]) -> dict[str, Any]:
    """In a path, what is known and what is not there: of any other schema, next to nothing would be found."""
    if parameter["in"] == "path":
        return {"enum": [*dict.fromkeys((*known, parameter["example"]))]}
    return _or({"enum": known}, parameter["schema"])


def _known(seed: Seed, path: str, name: str) -> list[str]:
    """What a parameter may be that means something."""
    if name == "customer_id":
        return seed.at[AT.get(path.rpartition("/")[2], "anywhere")]
    return seed.ids.get(f"{path} {name}") or seed.ids.get(name) or NAMES.get(name) or NAMES.get(f"{path} {name}", [])


def _or(known: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [known, schema]}


def bounded(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The operations by name, without those whose answers have no end."""
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    return {
        operation["operationId"]: operation
        for operation in operations
        if not any(STREAM in answer.get("content", ()) for answer in operation["responses"].values())
    }


def allowed(document: dict[str, Any], role: str) -> list[str]:
    """The operations that a role may call."""
    return [name for name, operation in bounded(document).items() if role in roles_of(operation)]


def roles_of(operation: Mapping[str, Any]) -> set[str]:
    """Who may call an operation, as its description says."""
    return set(re.findall(r"\w+", operation["description"].rpartition("Roles: ")[2]))


def _count(event: events.ScenarioFinished, explored: Explored) -> None:
    recorder = event.recorder
    for interaction in recorder.interactions.values():
        explored.cases += 1
        status = interaction.response.status_code if interaction.response else None
        if status is None or status == 500:  # noqa: PLR2004 -- 503 is a promise to be there again
            explored.server_errors += 1
        elif status < 300:  # noqa: PLR2004 -- carried out
            explored.succeeded.add(recorder.label)
    for nodes in recorder.checks.values():
        for node in nodes:
            if node.failure_info is not None:
                failure = node.failure_info.failure
                said = f"{failure.title}: {failure.message}\n{node.failure_info.code_sample}"
                _broken(explored, recorder.label, node.name, said)


def _broken(explored: Explored, label: str, check: str, said: str) -> None:
    name = f"{label}: {check}"
    explored.breaks[name] += 1
    explored.words.setdefault(name, said)
