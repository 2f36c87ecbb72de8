import asyncio

from bench.job import Job, Outcome
from bench.load import drive

REQUESTS = [f"GET /{number} HTTP/1.1\r\n\r\n" for number in range(100)]
CREATED = b"HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\nhello"
REFUSED = b"HTTP/1.1 409 Conflict\r\ncontent-length: 15\r\n\r\ncustomer_exists"


class Scripted:
    """A server that answers every request with the same pieces, each a packet of its own, and remembers who asked."""

    def __init__(self, *pieces: bytes, hang_up: bool = False) -> None:
        self.pieces = pieces
        self.hang_up = hang_up
        self.asked: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                self.asked.append(request.decode())
                for piece in self.pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if self.hang_up:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


def load(server: Scripted, *, seconds: float = 10.0) -> Outcome:
    async def run() -> Outcome:
        async with await asyncio.start_server(server.answer, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            return await drive(Job(port=port, requests=REQUESTS, expected_status=201, seconds=seconds, connections=4))

    return asyncio.run(run())


def test_every_request_is_sent_once_and_answered() -> None:
    server = Scripted(CREATED)

    outcome = load(server)

    assert sorted(server.asked) == sorted(REQUESTS)
    assert (outcome.answered, outcome.failures) == (100, 0)
    assert 0 < outcome.p50_ms <= outcome.p99_ms


def test_an_answer_may_come_in_pieces() -> None:
    outcome = load(Scripted(CREATED[:10], CREATED[10:40], CREATED[40:-2], CREATED[-2:]))

    assert (outcome.answered, outcome.failures) == (100, 0)


def test_another_status_is_a_failure_with_its_words() -> None:
    outcome = load(Scripted(REFUSED))

    assert outcome.failures == 100
    assert "409" in outcome.first_failure
    assert "customer_exists" in outcome.first_failure


def test_an_answer_without_a_length_is_a_failure() -> None:
    outcome = load(Scripted(b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n"))

    assert outcome.failures == 4
    assert "content-length" in outcome.first_failure


def test_a_connection_that_the_server_closes_is_a_failure() -> None:
    outcome = load(Scripted(CREATED, hang_up=True))

    assert outcome.failures == 4
    assert "closed the connection" in outcome.first_failure


def test_time_ends_a_run_too() -> None:
    outcome = load(Scripted(CREATED), seconds=0.0)

    assert outcome.answered == 0
