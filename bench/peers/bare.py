"""A server that only answers: no HTTP library, no parsing. The ceiling of the load generator.

`python -m bench.peers.bare PORT`
"""

import asyncio
import sys
from typing import Final, cast

import uvloop

BODY: Final = b"x" * 700  # about a registration's answer
ANSWER: Final = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


class Answering(asyncio.Protocol):
    """Answers whatever comes: the load generator sends a request in one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:  # the protocol's signature
        """Answer, unread."""
        self.transport.write(ANSWER)


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
