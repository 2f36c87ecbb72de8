"""The short way to an endpoint.

Our endpoints read, refuse and answer by themselves, so FastAPI's layers (middleware, dependency stacks, two exception
handlers) would only pass a request on, at half of its whole cost. FastAPI still knows every route, for OpenAPI and for
whatever is not found here: unknown paths and methods.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]
Shape = tuple[str | None, ...]
"""A path's segments; None for a parameter."""


class DirectApp(FastAPI):
    """FastAPI that calls the endpoints added with `add_endpoint` directly."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 -- FastAPI's own
        super().__init__(**settings)
        self._endpoints: dict[tuple[str, int], list[tuple[Shape, str, Endpoint]]] = {}

    def add_endpoint(self, method: str, path: str, endpoint: Endpoint, **described: Any) -> None:  # noqa: ANN401 -- FastAPI's own
        """Add a route; `described` is what FastAPI is told of it."""
        self.add_api_route(path, endpoint, methods=[method], **described)
        shape, parameter = _shape(path)
        self._endpoints.setdefault((method, len(shape)), []).append((shape, parameter, endpoint))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            segments = scope["path"].split("/")
            for shape, parameter, endpoint in self._endpoints.get((scope["method"], len(segments)), ()):
                if all(name is None or name == segment for name, segment in zip(shape, segments, strict=True)):
                    if parameter:
                        scope["path_params"] = {parameter: segments[shape.index(None)]}
                    response = await endpoint(Request(scope, receive, send))
                    await response(scope, receive, send)
                    return
        await super().__call__(scope, receive, send)


def _shape(path: str) -> tuple[Shape, str]:
    """A path's shape and the name of its parameter: ours have one at most."""
    segments = path.split("/")
    names = [segment[1:-1] for segment in segments if segment.startswith("{")]
    return tuple(None if segment.startswith("{") else segment for segment in segments), names[0] if names else ""
