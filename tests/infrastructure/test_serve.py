"""`serve` as whoever installs it meets it: a process with its own data folder, started, stopped and killed."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
import pytest

from infrastructure.embedded_postgres.locks import server_is_gone
from infrastructure.keys.deployment import NAMES
from projections import PROJECTIONS
from tests.support.world import Wallet

ROOT: Final = Path(__file__).parents[2]
SOON: Final = 30
"""Seconds that are as good as never."""
ROLES: Final = ["partner", "officer", "auditor", "admin"]
KEY: Final = re.compile(r"^  (\w+) +([0-9a-f-]{36})  (gh_\w+_[\w-]{43})$", re.MULTILINE)


def environment(data: Path, **more: str) -> dict[str, str]:
    """Ours, without what would change how the service behaves."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("GATEHOUSE_", "POSTGRES_"))}
    ours.pop("DATABASE_URL", None)
    return ours | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "GATEHOUSE_DATA": str(data)} | more


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "infrastructure", *arguments]


def run(data: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, which comes soon."""
    return subprocess.run(  # noqa: S603 -- our own command line
        command(*arguments),
        env=environment(data, **more),
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=SOON,
    )


def refusal(data: Path, *arguments: str, **more: str) -> str:
    """The one line with which a command does not start."""
    done = run(data, *arguments, **more)
    assert done.returncode == 1, done
    assert done.stdout == "", done
    first, *others = done.stderr.splitlines()
    assert others == [], done.stderr
    assert first.startswith("gatehouse: ")
    return first


def eventually(condition: Callable[[], object], otherwise: Callable[[], object] = lambda: "not in time") -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.01)


def left(data: Path) -> list[int]:
    """The processes that were started for `data`, PostgreSQL's apart: those have no environment of ours."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            given = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"GATEHOUSE_DATA={data}".encode() in given:
            found.append(int(process.name))
    return found


def nothing_is_left(data: Path) -> bool:
    """Whether service, work process and PostgreSQL are all gone."""
    return not left(data) and server_is_gone(data / "postgres", within=0)


def what_is_left(data: Path) -> list[str]:
    """What a failure says of it: our processes by their command lines, and PostgreSQL's last words."""
    ours = [Path(f"/proc/{process}/cmdline").read_text().replace("\0", " ") for process in left(data)]
    return [*ours, *(data / "postgres" / "postgres.log").read_text().splitlines()[-3:]]


@dataclass
class Serving:
    """A running `serve`."""

    process: "subprocess.Popen[str]"
    data: Path
    announced: str
    errors: Path

    @property
    def url(self) -> str:
        found = re.search(r"on (http://\S+), docs at (\S+)$", self.announced, re.MULTILINE)
        assert found
        assert found[2] == found[1] + "/docs"
        return found[1]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def keys(self) -> dict[str, str]:
        return {role: secret for role, _, secret in KEY.findall(self.announced)}

    @property
    def key_ids(self) -> dict[str, str]:
        return {role: key_id for role, key_id, _ in KEY.findall(self.announced)}

    @property
    def worker(self) -> int | None:
        """The work process, once it is there."""
        return next((pid for pid in left(self.data) if pid != self.process.pid), None)

    def end(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(SOON)

    def status(self, path: str, key: str) -> int:
        return httpx2.get(self.url + path, headers={"Authorization": f"Bearer {key}"}, timeout=10).status_code


@contextmanager
def serving(data: Path, **more: str) -> Iterator[Serving]:
    """Run `serve` on any free port, from its announcement on."""
    announcement, errors = data.with_suffix(".out"), data.with_suffix(".err")
    with announcement.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen(  # noqa: S603 -- our own command line
            command("serve", "--port", "0"),
            env=environment(data, **more),
            cwd=data.parent,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
        )
    try:
        eventually(lambda: answers(announcement) or process.poll() is not None)
        assert process.poll() is None, errors.read_text()
        yield Serving(process, data, announcement.read_text(), errors)
    finally:
        process.kill()
        process.wait()
        eventually(lambda: nothing_is_left(data))


@contextmanager
def starting(data: Path, port: int = 0) -> "Iterator[subprocess.Popen[str]]":
    """Run `serve` from its first moment on, as from a terminal: a shell's background would have it ignore SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(  # noqa: S603 -- our own command line
        command("serve", "--port", str(port)),
        env=environment(data),
        cwd=data.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
    eventually(lambda: nothing_is_left(data), otherwise=lambda: what_is_left(data))


def answers(announcement: Path) -> bool:
    """Whether what is announced is there: the keys, if any, come between the announcement and the first answer."""
    found = re.search(r"on (http://\S+), docs", announcement.read_text())
    if not found:
        return False
    try:
        return httpx2.get(found[1] + "/health/live", timeout=10).status_code == 200
    except httpx2.ConnectError:
        return False


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter, and that takes with it what a kill -9 leaves."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@dataclass
class Begun:
    """A service that was started once, and ended in good order."""

    data: Path
    as_it_was_left: Path
    """A copy of the data, for tests that go their own way from here."""
    announced: str
    keys: dict[str, str]
    statuses: dict[str, int]
    docs: int
    code: int
    errors: str


@pytest.fixture(scope="module")
def begun(place: Path) -> Begun:
    """The first start, in the midst of which every key was tried."""
    data = place / "first"
    with serving(data) as service:
        statuses = {role: service.status("/v1/customers", key) for role, key in service.keys.items()}
        docs = httpx2.get(service.url + "/docs", timeout=10).status_code
        code = service.end()
        copy = copied(data, place / "as-it-was-left")
        return Begun(data, copy, service.announced, service.keys, statuses, docs, code, service.errors.read_text())


@pytest.fixture(scope="module")
def service(begun: Begun) -> Iterator[Serving]:
    """The second start of the same, for tests that do not end it."""
    with serving(begun.data) as running:
        yield running


def test_the_first_start_announces_its_address_and_a_key_for_each_role(begun: Begun) -> None:
    lines = begun.announced.splitlines()
    assert re.fullmatch(r"Gatehouse \(sandbox mode\) on (http://127\.0\.0\.1:\d+), docs at \1/docs", lines[0])
    assert list(begun.keys) == ROLES
    assert len(lines) == 2 + len(ROLES)
    assert begun.docs == 200


def test_each_announced_key_works_in_its_role(begun: Begun) -> None:
    assert begun.statuses == {"partner": 200, "officer": 200, "auditor": 200, "admin": 403}


def test_a_service_that_is_told_to_end_has_nothing_to_complain_about(begun: Begun) -> None:
    assert begun.code == 0
    assert all('"event": "sanctions_list"' in line for line in begun.errors.splitlines()), begun.errors


def test_a_service_that_screens_with_the_sample_says_so_once_when_it_begins(begun: Begun) -> None:
    said = [json.loads(line)["warning"] for line in begun.errors.splitlines()]
    assert said == ["screening uses the sample of the sanctions list, not the list"]


def test_the_second_start_shows_no_key_and_takes_those_that_were_shown(begun: Begun, service: Serving) -> None:
    assert service.announced.splitlines() == [f"Gatehouse (sandbox mode) on {service.url}, docs at {service.url}/docs"]
    assert service.status("/v1/customers", begun.keys["partner"]) == 200


def test_the_key_files_and_the_note_of_the_connection_are_for_their_owner_alone(service: Serving) -> None:
    files = [service.data / "connection", *(service.data / "keys").iterdir()]
    assert len(files) == 1 + len(NAMES)
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_second_service_on_the_same_data_says_who_holds_it(service: Serving) -> None:
    line = refusal(service.data, "serve", "--port", "0")
    assert line == f"gatehouse: {service.data}/postgres is in use by process {service.process.pid}"


def test_a_port_in_use_is_one_clear_line(service: Serving, place: Path) -> None:
    line = refusal(place / "other", "serve", "--port", str(service.port))
    assert line == f"gatehouse: cannot listen on 127.0.0.1:{service.port}: Address already in use"
    assert not (place / "other").exists()


def test_a_read_model_is_rebuilt_beside_a_running_service(service: Serving) -> None:
    done = run(service.data, "rebuild", "customers")
    after = run(service.data, "projections", "--json")

    assert (done.returncode, done.stderr) == (0, "")
    assert [found["state"] for found in json.loads(after.stdout)] == ["following"] * len(PROJECTIONS)


def test_a_key_that_is_created_beside_a_running_service_works_at_once_and_until_it_is_revoked(service: Serving) -> None:
    created = run(service.data, "keys", "create", "--role", "auditor", "--name", "another")
    found = re.fullmatch(r"key (\S+), shown this once:\n(gh_auditor_\S+)\n", created.stdout)
    assert found, created
    key_id, key = found.groups()

    assert service.status("/v1/customers", key) == 200
    assert key_id in run(service.data, "keys", "list").stdout
    assert run(service.data, "keys", "revoke", key_id).stdout == "revoked\n"
    eventually(lambda: service.status("/v1/customers", key) == 401)
    assert key_id not in run(service.data, "keys", "list").stdout


def test_a_work_process_that_dies_is_replaced(service: Serving) -> None:
    eventually(lambda: service.worker)
    first = service.worker
    assert first
    os.kill(first, signal.SIGKILL)
    eventually(lambda: service.worker not in (None, first))


def test_work_goes_on_after_the_database_was_killed(begun: Begun, service: Serving) -> None:
    """What the supervisor starts again, projector and workers find again."""
    first = int((service.data / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(first, signal.SIGKILL)

    def screened() -> bool:
        try:
            return onboarded(service, begun.keys["partner"], Wallet(2)) == "verifying"
        except httpx2.HTTPError:
            return False

    eventually(screened)


def test_a_database_that_does_not_start_is_tried_until_it_does(begun: Begun, service: Serving) -> None:
    """As on a full disk. The service itself stays, and says that it is unavailable."""
    cluster = service.data / "postgres" / "cluster"
    (cluster / "global").rename(cluster / "elsewhere")
    os.kill(int((cluster / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
    eventually(lambda: "database_does_not_start" in service.errors.read_text())
    assert service.status("/v1/customers", begun.keys["partner"]) == 503

    (cluster / "elsewhere").rename(cluster / "global")
    eventually(lambda: service.status("/v1/customers", begun.keys["partner"]) == 200)


def onboarded(service: Serving, key: str, wallet: Wallet) -> str:
    """Register the wallet and sign its challenge, as far as that was not done before; how far the customer is."""
    with httpx2.Client(base_url=service.url, headers={"Authorization": f"Bearer {key}"}, timeout=10) as client:
        registered = client.post("/v1/customers", json={"chainId": wallet.account, "externalId": "u"})
        if registered.status_code != 409:
            registered.raise_for_status()
        customer = f"/v1/customers/{registered.json()['id']}"
        if client.get(customer).raise_for_status().json()["status"] == "initiating":
            challenge = client.get(f"{customer}/challenge").raise_for_status().json()["challenge"]
            signature = wallet.sign(b64decode(challenge))
            answer = {"chainId": wallet.account, "challenge": challenge, "signature": signature}
            client.post(f"{customer}/challenge/sign", json=answer).raise_for_status()
        return str(client.get(customer).raise_for_status().json()["status"])


@pytest.mark.parametrize(
    ("signum", "send"),
    [(signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill)],
    ids=["Ctrl-C, which all in the terminal get", "SIGTERM"],
)
def test_a_signal_ends_it_with_nothing_left_running(
    begun: Begun, place: Path, signum: int, send: Callable[[int, int], None]
) -> None:
    data = copied(begun.as_it_was_left, place / f"told-{signum}")
    with serving(data) as service:
        eventually(lambda: service.worker)
        send(service.process.pid, signum)
        assert service.process.wait(SOON) == 0
        assert nothing_is_left(data)
        assert all('"event": "sanctions_list"' in line for line in service.errors.read_text().splitlines())


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_in_the_midst_of_the_first_start_leaves_nothing_running(place: Path, signum: int) -> None:
    data = place / f"early-{signum}"
    data.mkdir(mode=0o711)
    with starting(data) as process:
        eventually((data / "postgres" / "lock").exists)
        process.send_signal(signum)
        _, errors = process.communicate(timeout=SOON)

    assert "Traceback" not in errors


def test_a_first_start_that_was_killed_is_begun_anew(place: Path) -> None:
    data = place / "anew"
    with starting(data) as process:
        eventually((data / "postgres" / "cluster").exists)
        process.kill()
    with serving(data) as service:
        assert list(service.keys) == ROLES


def test_a_killed_service_leaves_no_process_and_loses_no_customer(begun: Begun, place: Path) -> None:
    data = copied(begun.as_it_was_left, place / "killed")
    with serving(data) as service:
        eventually(lambda: service.worker)
        onboarded(service, begun.keys["partner"], Wallet(1))
        service.process.kill()
        service.process.wait()
        eventually(lambda: nothing_is_left(data))
    with serving(data) as service:
        assert service.keys == {}
        assert onboarded(service, begun.keys["partner"], Wallet(1)) in {"screening", "verifying"}


def copied(data: Path, target: Path) -> Path:
    subprocess.run(["cp", "-a", data, target], check=True)  # noqa: S603, S607 -- keeps the owners
    return target
