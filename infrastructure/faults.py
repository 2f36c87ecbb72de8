"""Why a command does not start, each in one line for whoever typed it."""


class CannotStart(Exception):
    """Something that whoever starts the service must mend first."""


class BadSettings(CannotStart):
    """A setting that makes no sense; its value is not repeated."""


class KeyProblem(CannotStart):
    """A key file is missing, unreadable or not this log's; never the key."""


class SchemaProblem(CannotStart):
    """The database's schema is not this version's."""


class SchemaMissing(SchemaProblem):
    """Nothing was migrated yet, or not all of it."""
