"""Streams of a `serve` that is killed: whoever comes back goes on where it was, and nothing acknowledged is missing."""

import json
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

from tests.infrastructure.test_serve import Serving, run, serving
from tests.support.world import Wallet

CUSTOMERS = 10
"""Registered before each kill, and after the last."""


class Reader(threading.Thread):
    """Reads a stream from where another ended, until it breaks off or has seen so many events."""

    def __init__(self, service: Serving, key: str, seen: list[dict[str, Any]], *, enough: int) -> None:
        super().__init__()
        self._url, self._key = service.url + "/v1/events/stream", key
        self._seen, self._enough = seen, enough

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}", "Last-Event-ID": str(len(self._seen))}
        with (
            suppress(httpx2.TransportError),
            httpx2.stream("GET", self._url, headers=headers, timeout=30) as response,
        ):
            for line in response.iter_lines():
                if line.startswith("data: "):
                    self._seen.append(json.loads(line.removeprefix("data: ")))
                if len(self._seen) >= self._enough:
                    return


def register(service: Serving, key: str, numbers: range) -> list[str]:
    """The customers that were acknowledged."""
    with httpx2.Client(base_url=service.url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        answers = [
            client.post("/v1/customers", json={"chainId": Wallet(number).account, "externalId": "user"})
            for number in numbers
        ]
    assert {answer.status_code for answer in answers} == {201}
    return [answer.json()["id"] for answer in answers]


def test_a_reader_of_a_killed_service_misses_nothing_and_hears_nothing_twice(database: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = run(data, "keys", "create", "--role", "partner", "--name", "p", "--json", DATABASE_URL=database)
    key = json.loads(made.stdout)["key"]
    seen: list[dict[str, Any]] = []
    customers: list[str] = []
    for kill in (True, True, False):
        with serving(data, DATABASE_URL=database) as service:
            reader = Reader(service, key, seen, enough=3 * CUSTOMERS)
            reader.start()
            customers += register(service, key, range(len(customers), len(customers) + CUSTOMERS))
            if kill:
                service.end(signal.SIGKILL)  # somewhere in the midst of what it had to send
            reader.join(30)
            assert not reader.is_alive()

    assert [event["sequence"] for event in seen] == list(range(1, 3 * CUSTOMERS + 1))
    assert [event["id"] for event in seen] == customers
