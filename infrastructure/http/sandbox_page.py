"""The sandbox's hosted verification page, and the callback that its clicks lead to."""

from html import escape
from string import Template
from typing import Final
from urllib.parse import parse_qs
from uuid import UUID

import httpx2
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from infrastructure.http.requests import read_bytes
from infrastructure.ids import now
from infrastructure.sandbox.provider import Callback, somebody
from infrastructure.services import Sandbox

_STYLE: Final = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sandbox verification</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 30rem; margin: 3rem auto; padding: 0 1rem; color: #1c2330 }
  label { display: block; margin: .8rem 0 }
  input { width: 100%; font: inherit; padding: .4rem; box-sizing: border-box }
  button { font: inherit; padding: .6rem 1rem; margin: 1rem .5rem 0 0; border: 0; border-radius: .4rem; color: #fff }
  .approve { background: #1a7f4b } .retry { background: #9a6700 } .reject { background: #b42318 }
</style>
<h1>Sandbox verification</h1>
$content
</html>
""")
_FORM: Final = Template("""<p>You are the person, and the provider's reviewer. Nobody real is verified here.</p>
<form method="post">
<label>Name <input name="name" maxlength="200" value="$name" required></label>
<label>Document number <input name="document_number" maxlength="100" value="$number" required></label>
<label>Country, three letters <input name="document_country" pattern="[A-Z]{3}" value="$country" required></label>
<button class="approve" name="answer" value="approved">Approve</button>
<button class="retry" name="answer" value="retry">Ask to retry</button>
<button class="reject" name="answer" value="rejected">Reject</button>
</form>""")


class SandboxPage:
    """Two endpoints outside the API: they are the vendor's, not ours."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def show(self, request: Request) -> Response:
        """The form."""
        customer = self._customer(request)
        if customer is None:
            return page("<p>This session is over, or never was. Ask for a new one.</p>", 404)
        person = somebody(customer)
        return page(
            _FORM.substitute(
                name=escape(person.name),
                number=escape(person.document_number),
                country=escape(person.document_country),
            )
        )

    async def submit(self, request: Request) -> Response:
        """Send the signed callback, as a vendor does when its reviewer has decided."""
        customer = self._customer(request)
        if customer is None:
            return page("<p>This session is over, or never was. Ask for a new one.</p>", 404)
        try:
            form = {name: values[0] for name, values in parse_qs((await read_bytes(request)).decode()).items()}
            callback = Callback.model_validate(
                {"applicant": customer, "answer": form.pop("answer", None), "reported_at": now(), "person": form}
            )
        except (ValidationError, ValueError):
            return page("<p>Something in the form is missing or malformed. Go back and mend it.</p>", 422)
        try:
            await self._sandbox.deliver(callback)
        except httpx2.HTTPError:
            return page("<p>The result could not be delivered. Try again.</p>", 503)
        return page(f"<p>Sent: <strong>{escape(callback.answer)}</strong>. You may close this page.</p>")

    def _customer(self, request: Request) -> UUID | None:
        return self._sandbox.provider.open_session(request.path_params["token"], now=now())


def page(content: str, status: int = 200) -> HTMLResponse:
    """A page without scripts."""
    return HTMLResponse(_PAGE.substitute(content=content), status, {"Content-Security-Policy": _STYLE})
