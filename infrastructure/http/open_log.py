"""The log's open side, for witnesses: checkpoints, tiles and keys, as C2SP tlog-tiles lays them out below `/tlog`.

All of it is hashes and signatures. Entries are not served, though the layout has a place for them: they show customers.
"""

from typing import Final

import structlog
from starlette.requests import Request

from application.transparency.tiles import BYTES, place_of, width_at
from infrastructure.http import audit_models as models
from infrastructure.http.audit import NOTE
from infrastructure.http.problems import Problem
from infrastructure.http.routing import JSON, PublicResponse
from infrastructure.reading import Pool
from infrastructure.transparency.announced_keys import announced_keys
from infrastructure.transparency.checkpoints import newest_checkpoint
from infrastructure.transparency.tile_store import TilesMissing, read_tiles

PREFIX: Final = "/tlog"
TILE: Final = "application/octet-stream"
SHORT: Final = {"Cache-Control": "public, max-age=5"}
FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
"""A tile of a width never changes."""

log = structlog.get_logger()


class OpenLog:
    """Endpoints without a key."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._published = 0
        """The size of the largest checkpoint that was seen: what lies within it needs no second look."""

    async def checkpoint(self, _: Request) -> PublicResponse:
        """The newest checkpoint that was published."""
        async with self._pool.connection() as connection:
            published = await newest_checkpoint(connection)
        if published is None:
            raise Problem("checkpoint_not_found")
        return PublicResponse(published.event.note, media_type=NOTE, headers=SHORT)

    async def keys(self, _: Request) -> PublicResponse:
        """The keys that were announced, each with the word of the one before."""
        async with self._pool.connection() as connection:
            found = await announced_keys(connection)
        resource = models.SigningKeys(keys=[models.SigningKey(**key._asdict()) for key in found])
        return PublicResponse(resource.model_dump_json(exclude_none=True), media_type=JSON, headers=SHORT)

    async def tile(self, request: Request) -> PublicResponse:
        """A tile, whole or up to a width, of a tree that was published."""
        asked = place_of(f"tile/{request.path_params['path']}")
        if asked is None:
            raise Problem("tile_not_found")
        place, width = asked
        async with self._pool.connection() as connection:
            if width_at(place, self._published) < width:
                published = await newest_checkpoint(connection)
                self._published = published.event.size if published else 0
            if width_at(place, self._published) < width:
                raise Problem("tile_not_found")
            try:
                tiles = await read_tiles(connection, [place], self._published)
            except TilesMissing:
                log.error("log_does_not_match", what="a tile is missing")  # noqa: TRY400 -- it says all there is
                raise Problem("log_does_not_match") from None
        return PublicResponse(tiles[place][: width * BYTES], media_type=TILE, headers=FOR_EVER)
