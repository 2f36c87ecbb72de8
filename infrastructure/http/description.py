"""The API's description: OpenAPI, and a page that shows it."""

from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_CDN: Final = "https://cdn.jsdelivr.net"
_POLICY: Final = (
    f"default-src 'none'; script-src {_CDN} 'unsafe-inline'; style-src {_CDN} 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; frame-ancestors 'none'"
)


class Description:
    """Endpoints without a key."""

    path: Final = "/openapi.json"

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def document(self, _: Request) -> Response:
        """OpenAPI 3.1."""
        return JSONResponse(self._app.openapi())

    async def page(self, _: Request) -> Response:
        """Swagger UI, from where FastAPI takes it: the one page here that runs scripts."""
        shown = get_swagger_ui_html(openapi_url=self.path, title=self._app.title, swagger_favicon_url="data:,")
        shown.headers["Content-Security-Policy"] = _POLICY
        return shown
