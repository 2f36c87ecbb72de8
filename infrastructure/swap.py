"""The other table of a projection: made beside the one in force, and put in its place in one transaction.

What depends on the table by name (statements that are prepared, too) finds the new one; index names end as they were.
"""

from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier, Literal

_EXISTS: Final = """
    SELECT obj_description(to_regclass(%b), 'pg_class'), (SELECT position FROM gatehouse.tracking WHERE projection = %b)
"""
_GRANTS: Final = """
    SELECT rolname, privilege_type FROM pg_class, aclexplode(relacl) JOIN pg_roles r ON r.oid = grantee
    WHERE pg_class.oid = %b::regclass AND grantee <> relowner
"""
_SAME_INDEXES: Final = """
    WITH indexes AS (
        SELECT indrelid, relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM ' USING .*') AS definition
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid IN (%b::regclass, %b::regclass)
    )
    SELECT made.relname, known.relname FROM indexes made JOIN indexes known USING (indisunique, definition)
    WHERE made.indrelid = %b::regclass AND known.indrelid = %b::regclass
"""
# One that never ran is tracked from now on, too: its row is what the swap holds.
_TRACK: Final = "INSERT INTO gatehouse.tracking (projection, position) VALUES (%b, 0), (%b, 0) ON CONFLICT DO NOTHING"
_FORGET: Final = "DELETE FROM gatehouse.tracking WHERE projection = %b"
_FREE: Final = "UPDATE gatehouse.tracking SET stopped_at = NULL, fault = NULL WHERE projection = %b"

# What is in the worklist and not derived: who is at work on a step. A lease that has run out is as good as none.
_LEASES: Final = """
    UPDATE gatehouse.worklist_next made SET leased_until = known.leased_until, leased_step = known.leased_step
    FROM gatehouse.worklist known WHERE known.customer = made.customer AND known.leased_until > now()
"""


def successor_of(name: str) -> str:
    """The name of the table that is to take the place of another, and of what tracks it."""
    return f"{name}_next"


class Successor:
    """The table that will take the place of the projection `name`'s."""

    def __init__(self, connection: AsyncConnection[Any], name: str) -> None:
        self._connection = connection
        self._known = name
        self.name = successor_of(name)

    async def position(self, made_by: str) -> int | None:
        """How far it is, where it was begun by `made_by`."""
        cursor = await self._connection.execute(_EXISTS, (f"gatehouse.{self.name}", self.name))
        row = await cursor.fetchone()
        return row[1] if row and row[0] == made_by else None

    async def begin(self, made_by: str) -> None:
        """Make it anew, empty, with the shape, the indexes and the grants of the one in force."""
        run = self._connection.execute
        names = {"made": Identifier(self.name), "known": Identifier(self._known)}
        async with self._connection.transaction():
            await run(SQL("DROP TABLE IF EXISTS gatehouse.{made}").format(**names))
            await run(SQL("CREATE TABLE gatehouse.{made} (LIKE gatehouse.{known} INCLUDING ALL)").format(**names))
            await run(SQL("COMMENT ON TABLE gatehouse.{made} IS {by}").format(**names, by=Literal(made_by)))
            for role, privilege in await (await run(_GRANTS, (f"gatehouse.{self._known}",))).fetchall():
                grant = SQL("GRANT {privilege} ON gatehouse.{made} TO {role}")
                await run(grant.format(**names, privilege=SQL(privilege), role=Identifier(role)))
            await run(_FORGET, (self.name,))
            await run(_TRACK, (self.name, self._known))

    async def take_over(self) -> None:
        """Put it in force, in the transaction of whoever holds the projection. Readers wait while this runs."""
        run = self._connection.execute
        made, known = f"gatehouse.{self.name}", f"gatehouse.{self._known}"
        names = {"made": Identifier(self.name), "known": Identifier(self._known)}
        await run(SQL("LOCK TABLE gatehouse.{known} IN ACCESS EXCLUSIVE MODE").format(**names))
        if self._known == "worklist":
            await run(_LEASES)
        indexes = await (await run(_SAME_INDEXES, (made, known, made, known))).fetchall()
        await run(SQL("DROP TABLE gatehouse.{known}").format(**names))
        await run(SQL("ALTER TABLE gatehouse.{made} RENAME TO {known}").format(**names))
        await run(SQL("COMMENT ON TABLE gatehouse.{known} IS NULL").format(**names))
        for index, name in indexes:
            rename = SQL("ALTER INDEX gatehouse.{index} RENAME TO {name}")
            await run(rename.format(index=Identifier(index), name=Identifier(name)))
        await run(_FREE, (self._known,))
        await run(_FORGET, (self.name,))
