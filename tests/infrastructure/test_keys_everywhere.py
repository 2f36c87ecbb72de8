"""Two processes of one service: what ends in one has ended in the other when whoever ended it hears so."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
import psycopg
import pytest

from tests.infrastructure.test_serve import Serving, run, serving

UNHEARD: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND query = 'LISTEN gatehouse_keys'
"""


@dataclass
class Two:
    """Two processes on one database, and an administrator's key."""

    first: Serving
    second: Serving
    database: str
    admin: dict[str, str]

    def issue(self) -> dict[str, Any]:
        """A key that the first process issues and both know."""
        order = {"role": "auditor", "name": "a reader"}
        key: dict[str, Any] = self.asked(self.first, "POST", "/v1/keys", self.admin["key"], json=order).json()
        for process in (self.first, self.second):
            assert process.status("/v1/audit/keys", key["apiSecret"]) == 200
        return key

    def token(self, key: dict[str, Any]) -> str:
        """A token that the first process issues and both let in."""
        body = {"apiKey": key["apiKey"], "apiSecret": key["apiSecret"]}
        token = httpx2.post(f"{self.first.url}/v1/auth/token", json=body, timeout=30).json()["token"]
        for process in (self.first, self.second):
            assert process.status("/v1/audit/keys", token) == 200
        return str(token)

    def asked(self, process: Serving, method: str, path: str, bearer: str, **more: Any) -> httpx2.Response:  # noqa: ANN401 -- httpx2's own
        headers = {"Authorization": f"Bearer {bearer}"}
        answer = httpx2.request(method, process.url + path, headers=headers, timeout=30, **more)
        assert answer.is_success, answer.text
        return answer


@pytest.fixture
def two(database: str, tmp_path: Path) -> Iterator[Two]:
    given = {"DATABASE_URL": database, "GATEHOUSE_KEYS": str(tmp_path / "keys")}
    created = run(tmp_path / "first", "keys", "create", "--role", "admin", "--name", "admin", "--json", **given)
    with serving(tmp_path / "first", **given) as first, serving(tmp_path / "second", **given) as second:
        yield Two(first, second, database, json.loads(created.stdout))


def test_what_ends_in_one_process_has_ended_in_the_other(two: Two) -> None:
    key = two.issue()
    token = two.token(key)

    rotated = two.asked(two.first, "POST", f"/v1/keys/{key['apiKey']}/rotation", two.admin["key"]).json()

    for bearer in (token, key["apiSecret"]):
        assert two.second.status("/v1/audit/keys", bearer) == 401
    token = two.token(rotated)

    two.asked(two.second, "DELETE", f"/v1/keys/{key['apiKey']}", two.admin["key"])

    for process in (two.first, two.second):
        for bearer in (token, rotated["apiSecret"]):
            assert process.status("/v1/audit/keys", bearer) == 401


def test_it_has_ended_where_nobody_was_told(two: Two) -> None:
    key = two.issue()
    token = two.token(key)
    with psycopg.connect(two.database, autocommit=True) as connection:
        assert len(connection.execute(UNHEARD).fetchall()) == 2

        two.asked(two.first, "DELETE", f"/v1/keys/{key['apiKey']}", two.admin["key"])

    for process in (two.first, two.second):
        assert process.status("/v1/audit/keys", token) == 401


def test_the_command_line_gives_a_key_another_secret(two: Two, tmp_path: Path) -> None:
    key = two.issue()
    token = two.token(key)
    given = {"DATABASE_URL": two.database, "GATEHOUSE_KEYS": str(tmp_path / "keys")}

    done = run(tmp_path / "first", "keys", "new-secret", key["apiKey"], "--json", **given)

    secret = json.loads(done.stdout)["key"]
    for process in (two.first, two.second):
        statuses = [process.status("/v1/audit/keys", bearer) for bearer in (secret, key["apiSecret"], token)]
        assert statuses == [200, 401, 401]
