"""The short way to an endpoint.

Our endpoints read, refuse and answer by themselves, so FastAPI's layers (middleware, dependency stacks, two exception
handlers) would only pass a request on, at half of its whole cost. FastAPI still knows every route, for whatever is not
found here: unknown paths and methods.

HEAD is GET whose answer has no body (RFC 9110, 9.3.2): the endpoint runs, and what it would send is not read.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class DirectApp(FastAPI):
    """FastAPI that calls the endpoints of `add_endpoint` directly, where a path has one plain parameter at most."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 -- FastAPI's own
        super().__init__(**settings)
        self._fixed: dict[tuple[str, str], Endpoint] = {}
        self._open: dict[str, list[tuple[str, str, str, Endpoint]]] = {}

    def add_endpoint(self, method: str, path: str, endpoint: Endpoint) -> None:
        """Add a route, and HEAD wherever there is GET."""
        self.add_api_route(path, endpoint, methods=["GET", "HEAD"] if method == "GET" else [method])
        before, _, rest = path.partition("{")
        if rest:
            parameter, _, after = rest.partition("}")
            if "{" in after or ":" in parameter:
                return  # found by FastAPI, which is slower and as right
            self._open.setdefault(method, []).append((before, parameter, after, endpoint))
        else:
            self._fixed[method, path] = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        endpoint = self._find(scope) if scope["type"] == "http" else None
        if endpoint is None:
            await super().__call__(scope, receive, send)
        else:
            response = await endpoint(Request(scope, receive, send))
            if scope["method"] == "HEAD":
                response = _head_of(response)
            await response(scope, receive, send)

    def _find(self, scope: Scope) -> Endpoint | None:
        """The endpoint for a request, whose parameter is put where Starlette looks for it."""
        method, path = "GET" if scope["method"] == "HEAD" else scope["method"], scope["path"]
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            return fixed
        for before, parameter, after, endpoint in self._open.get(method, ()):
            end = len(path) - len(after)
            if path.startswith(before) and path.endswith(after) and len(before) <= end:
                value = path[len(before) : end]
                if "/" not in value:
                    scope["path_params"] = {parameter: value}
                    return endpoint
        return None


def _head_of(response: Response) -> Response:
    """The same without a body, be it a stream that would not end."""
    head = Response(status_code=response.status_code)
    head.raw_headers = response.raw_headers
    return head
