"""A JSON-RPC server on a real socket that answers as the test says, hostile answers included."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from infrastructure.provider_api import ProviderApi
from infrastructure.wallets.json_rpc import JsonRpc, content_type


@dataclass(frozen=True)
class Reply:
    """Bytes to answer with, whatever was asked; None keeps the caller waiting."""

    body: bytes | None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Fault(Exception):
    """An error object to answer with."""

    def __init__(self, code: object, message: object, data: object = None) -> None:
        super().__init__(code, message, data)
        members = {"code": code, "message": message, "data": data}
        self.error = {name: value for name, value in members.items() if value is not None}


SILENCE: Final = Reply(None)

Answer = Callable[[str, list[Any]], object]
"""The result of a method and its parameters; a `Reply` is sent as it is, and a `Fault` is raised."""


@dataclass
class RpcServer:
    """The server. `answer` may be replaced at any time; `asked` is everything that came."""

    answer: Answer
    url: str = ""
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)

    @property
    def methods(self) -> list[str]:
        """What was asked for, in order."""
        return [method for method, _ in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer what comes over one connection."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length:"))
                request = json.loads(await reader.readexactly(int(length.partition(":")[2])))
                self.asked.append((request["method"], request["params"]))
                reply = self._reply(request)
                if reply.body is None:
                    await reader.read()
                    break
                fields = {"content-length": str(len(reply.body)), **reply.headers}
                lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
                writer.write(f"HTTP/1.1 {reply.status} X\r\n{lines}\r\n".encode() + reply.body)
                await writer.drain()
        writer.close()

    def _reply(self, request: dict[str, Any]) -> Reply:
        envelope = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            result = self.answer(request["method"], request["params"])
        except Fault as fault:
            return Reply(json.dumps(envelope | {"error": fault.error}).encode())
        return result if isinstance(result, Reply) else Reply(json.dumps(envelope | {"result": result}).encode())


@asynccontextmanager
async def rpc_server(answer: Answer) -> AsyncIterator[RpcServer]:
    """A server that listens until the context is left."""
    server = RpcServer(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()


@asynccontextmanager
async def calling(url: str, name: str = "eip155:1") -> AsyncIterator[JsonRpc]:
    """A client of a server."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        yield JsonRpc(ProviderApi(name, url, client=client, sign=content_type, rate="1000/second"))
