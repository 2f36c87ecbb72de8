"""A file, or the part of it that a request asks for (RFC 9110, 14): what a broken download goes on with.

One part at a time. A range that makes no sense, or more than one, is answered with the whole file, as the RFC allows.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from infrastructure.http.problems import Problem
from infrastructure.http.requests import header

BLOCK: Final = 1 << 18
_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))", re.ASCII)


def part_of(request: Request, path: Path, *, size: int, etag: str, media_type: str) -> Response:
    """The answer: 200, or 206 with a part. `etag` is a strong one, in its quotes."""
    headers = {"Accept-Ranges": "bytes", "ETag": etag, "Content-Disposition": f'attachment; filename="{path.name}"'}
    asked = header(request, b"range")
    condition = header(request, b"if-range")
    bounds = _bounds(asked, size) if asked and condition in {None, etag} else None
    first, end = bounds or (0, size)
    if bounds:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - first)
    status = 206 if bounds else 200
    return StreamingResponse(_blocks(path, first, end), status, headers=headers, media_type=media_type)


def _bounds(asked: str, size: int) -> tuple[int, int] | None:
    """First byte, and the one behind the last; None for what is no range. Raises `Problem` where nothing is there."""
    found = _RANGE.fullmatch(asked.strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if last and int(last) < int(first):
        return None
    begin = max(0, size - int(suffix)) if suffix else int(first)
    end = min(int(last) + 1, size) if last else size
    if begin >= size or suffix == "0":
        raise Problem("range_not_satisfiable", headers={"Content-Range": f"bytes */{size}"})
    return begin, end


async def _blocks(path: Path, first: int, end: int) -> AsyncIterator[bytes]:
    """The bytes from `first` until before `end`, read beside the event loop."""
    with path.open("rb") as file:
        file.seek(first)
        while first < end:
            block = await asyncio.to_thread(file.read, min(BLOCK, end - first))
            if not block:
                return  # it was cut off under us: the caller sees that it is shorter than was said
            first += len(block)
            yield block
