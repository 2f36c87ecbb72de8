"""JSON-RPC 2.0 over HTTP, as a caller that trusts no answer.

An answer is a result, or an error of the method asked for (`RpcError`); what is neither is an outage.
https://www.jsonrpc.org/specification
"""

import json
from itertools import count
from typing import Any, Final

from infrastructure.provider_api import ProviderApi

LONGEST_MESSAGE: Final = 200
"""Characters that are read of an error's message."""


class RpcError(Exception):
    """The server ran into an error with what was asked. What it said is data to judge, and is never shown."""

    def __init__(self, code: int, message: str, data: object) -> None:
        super().__init__("the JSON-RPC server answered with an error")
        self.code = code
        self.message = message
        self.data = data


class JsonRpc:
    """One server. Its `api` knows where it is."""

    def __init__(self, api: ProviderApi) -> None:
        self.api = api
        self._ids = count(1)

    async def ask(self, method: str, *params: object) -> object:
        """The result. Raises `RpcError`, and `ProviderUnavailable` where no answer came or none that can be read."""
        call_id = next(self._ids)
        request = {"jsonrpc": "2.0", "id": call_id, "method": method, "params": params}
        answered = await self.api.call("POST", "", content=json.dumps(request).encode())
        try:
            return _result(answered.body, call_id)
        except (ValueError, RecursionError):
            raise self.api.unavailable("malformed") from None


def content_type(_method: str, _path: str, _content: bytes) -> dict[str, str]:
    """The headers of a call; a server's address is all that authorises it."""
    return {"content-type": "application/json"}


def _result(body: bytes, call_id: int) -> object:
    """The result in an answer. Raises `RpcError`, and `ValueError` for what is no answer to this call."""
    answer = json.loads(body, object_pairs_hook=_members, parse_constant=_refuse)
    if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
        raise ValueError("not a JSON-RPC 2.0 answer")
    if type(answer.get("id")) is not int or answer["id"] != call_id:
        raise ValueError("an answer to another call")
    if ("result" in answer) == ("error" in answer):
        raise ValueError("neither a result nor an error, or both")
    if "error" in answer:
        raise _error(answer["error"])
    return answer["result"]


def _error(error: object) -> RpcError:
    if not isinstance(error, dict):
        raise ValueError("not an error object")  # noqa: TRY004 -- of the same kind as the others
    code, message = error.get("code"), error.get("message")
    if type(code) is not int or not isinstance(message, str):
        raise ValueError("an error without its code or message")
    return RpcError(code, message[:LONGEST_MESSAGE], error.get("data"))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object that says each thing once: readers disagree on which one counts (RFC 8259, 4)."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a repeated member")
    return members


def _refuse(_constant: str) -> None:
    raise ValueError("no JSON number")
