"""The short way to an endpoint.

Our endpoints read, refuse and answer by themselves, so FastAPI's layers (middleware, dependency stacks, two exception
handlers) would only pass a request on, at half of its whole cost. FastAPI still knows every route, for whatever is not
found here: other paths, and methods that a path does not have.

HEAD is GET whose answer has no body (RFC 9110, 9.3.2).
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class DirectApp(FastAPI):
    """FastAPI that calls the endpoints of `add_endpoint` directly, where a path has one plain parameter at most."""

    def __init__(self, unknown: Endpoint, **settings: Any) -> None:  # noqa: ANN401 -- FastAPI's own
        """`unknown` answers where there is no such path."""
        super().__init__(**settings)
        self._unknown = unknown
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
                await _send_head(response, scope, receive, send)
            else:
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
        return None if self.routes_at(path) else self._unknown

    def routes_at(self, path: str) -> list[Route]:
        """The routes of a path, one for each of its methods."""
        return [route for route in self.routes if isinstance(route, Route) and route.path_regex.match(path)]


class _HeadSent(Exception):
    """All that was asked for is sent."""


async def _send_head(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a response without its body. A stream may hold something until it ends: it is ended at its first piece."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            await send({"type": "http.response.body", "body": b""})
            raise _HeadSent
        await send(message)

    with suppress(_HeadSent):
        await response(scope, receive, send_head)
