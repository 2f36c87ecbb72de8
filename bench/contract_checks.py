"""What Schemathesis does not check by itself: that a problem is one that the operation lists, and is the caller's due.

Each check raises `AssertionError` where the contract is broken.
"""

from typing import Any, Final
from uuid import uuid4

import schemathesis
from requests import PreparedRequest
from schemathesis import Case, CheckContext, HookContext, Response

from infrastructure.http.headers import KEY

SHAPE: Final = {"invalid_request", "invalid_json", "malformed_id", "unsupported_media_type"}
"""What a request is answered that is not of the form that the document describes."""
BETWEEN_PARAMETERS: Final = {"beyond_new", "before_from"}
"""Faults of two parameters together, which no schema of a parameter can tell."""
LISTED: Final = {"etag": "ETag", "location": "Location", "retry-after": "Retry-After", "content-range": "Content-Range"}


def problems_are_listed(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """A problem's code is one that the operation lists under its status, and `type` and `status` agree with it."""
    answer = _answer(response, case)
    if answer is None or not _is_problem(response):
        return
    problem = response.json()
    code = problem["code"]
    if code not in answer["content"]["application/problem+json"]["examples"]:
        raise AssertionError(f"{code} is not listed under {response.status_code}")
    if not problem["type"].endswith(f":{code}") or problem["status"] != response.status_code:
        raise AssertionError(f"type and status are not those of {code}")


def headers_are_listed(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """A header that means something is in the document."""
    answer = _answer(response, case)
    for name, shown in LISTED.items():
        if answer is not None and name in response.headers and shown not in answer.get("headers", {}):
            raise AssertionError(f"{shown} is not listed")


def sound_requests_are_well_formed(_: CheckContext, response: Response, case: Case[Any]) -> None:
    """What the document allows is refused for what it says, if at all; never for its form."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not _is_problem(response):
        return
    problem = response.json()
    faults = {fault["code"] for fault in problem.get("errors", ())}
    if problem["code"] in SHAPE and not (faults and faults <= BETWEEN_PARAMETERS):
        raise AssertionError(f"{problem['code']} {sorted(faults)}, although it is as the document says")


def before_call(_: HookContext, __: Case[Any], kwargs: dict[str, Any]) -> None:
    """Have each request renamed on its way: a case that is changed itself is taken for another kind of case."""
    kwargs["auth"] = _renamed


def register() -> None:
    """Have them run with all others."""
    schemathesis.hook(before_call)
    for check in (problems_are_listed, headers_are_listed, sound_requests_are_well_formed):
        schemathesis.check(check)


def _renamed(request: PreparedRequest) -> PreparedRequest:
    """The request under an idempotency key of its own. All but the first would reuse the document's example."""
    if request.headers.get(KEY["name"]) == KEY["example"]:
        request.headers[KEY["name"]] = str(uuid4())
    return request


def _answer(response: Response, case: Case[Any]) -> dict[str, Any] | None:
    """What the document says of the answer; None for methods and statuses that are not in it: others look at those."""
    if case.method.lower() != case.operation.method.lower():
        return None
    found: dict[str, Any] | None = case.operation.definition.raw["responses"].get(str(response.status_code))
    return found


def _is_problem(response: Response) -> bool:
    return response.headers.get("content-type", [""])[0] == "application/problem+json"
