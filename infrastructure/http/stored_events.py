"""Events as they are stored, as they travel: the bytes of the log stand in the answer, written by nobody again."""

import json

from infrastructure.searching import StoredRow


def stored_event(row: StoredRow) -> bytes:
    """A `StoredEvent`, whose `event` is the stored state itself. Personal text is sealed in it, and stays so."""
    return b'{"position":%d,"stream":"%b","version":%d,"type":%b,"recordedAt":"%b","event":%b}' % (
        row.position,
        str(row.stream).encode(),
        row.version,
        json.dumps(row.type).encode(),
        row.recorded_at.isoformat().replace("+00:00", "Z").encode(),
        row.state,
    )
