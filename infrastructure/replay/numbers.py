"""Whether the feed's numbers are what the log leads to: no range of streams says so alone, for each partner counts."""

from collections.abc import Iterator
from typing import Any, Final

from psycopg import Connection

from infrastructure.replay.comparison import Divergence

# The rows are compared by themselves; given those, a number is the row's place among its partner's.
_MISNUMBERED: Final = """
    SELECT customer_id, position, sequence <> place, previous_sequence IS DISTINCT FROM before FROM (
        SELECT customer_id, position, sequence, previous_sequence,
            row_number() OVER (PARTITION BY partner ORDER BY position) AS place,
            lag(sequence) OVER (PARTITION BY customer_id ORDER BY position) AS before
        FROM gatehouse.feed
    ) numbered
    WHERE sequence <> place OR previous_sequence IS DISTINCT FROM before ORDER BY customer_id, position
"""


def misnumbered(connection: Connection[Any]) -> Iterator[Divergence]:
    """The public events whose number, or whose customer's number before, is not what it should be."""
    for customer, position, number, before in connection.execute(_MISNUMBERED):
        columns = [name for name, wrong in (("sequence", number), ("previous_sequence", before)) if wrong]
        yield Divergence("feed", (str(customer), str(position)), "different", tuple(columns))
