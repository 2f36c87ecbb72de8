"""The published JSON Schemas, for whoever has a key: they say what the log's format is, and nothing of anybody."""

from hashlib import sha256
from typing import Annotated, Any, Final, get_args

from pydantic import ConfigDict, Field, RootModel
from starlette.responses import Response

from infrastructure.api_keys import Role
from infrastructure.http.models import Resource
from infrastructure.http.problems import Problem
from infrastructure.http.resources import answer
from infrastructure.http.routing import Call, Route
from infrastructure.schemas import schemas

MEDIA_TYPE: Final = "application/schema+json"
EVERYBODY: Final[frozenset[Role]] = frozenset(get_args(Role))
TAG: Final = "schemas"


class PublishedSchema(Resource):
    """A version of an event's schema, where it is, and the SHA-256 of what is there."""

    type: Annotated[str, Field(examples=["CustomerRegistered"])]
    version: int
    href: Annotated[str, Field(examples=["/v1/schemas/CustomerRegistered.v1"])]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["9f86d081" * 8])]


class PublishedSchemas(Resource):
    """Every schema, by type and version."""

    schemas: list[PublishedSchema]


class SchemaDocument(RootModel[dict[str, Any]]):
    """A JSON Schema."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "$id": "urn:gatehouse:event:ApiKeyRevoked:v1",
                    "title": "ApiKeyRevoked",
                    "description": "The key may call nothing any more.",
                    "type": "object",
                }
            ]
        }
    )


class SchemaRoutes:
    """The same bytes as in `docs/schemas` and in every exported bundle."""

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        return [
            Route(
                "GET",
                "/schemas",
                self.index,
                EVERYBODY,
                "List the JSON Schemas of events",
                answer=PublishedSchemas,
                tag=TAG,
            ),
            Route(
                "GET",
                "/schemas/{name}",
                self.schema,
                EVERYBODY,
                "Read a JSON Schema",
                answer=SchemaDocument,
                media_type=MEDIA_TYPE,
                problems=("schema_not_found",),
                tag=TAG,
            ),
        ]

    async def index(self, _: Call) -> Response:
        """Every version of every event, and `entry` for the line of an export that an event stands in."""
        return answer(PublishedSchemas(schemas=[_published(name, schema) for name, schema in schemas().items()]))

    async def schema(self, call: Call) -> Response:
        """JSON Schema 2020-12, by type and version: `CustomerRegistered.v1`."""
        found = schemas().get(f"{call.request.path_params['name']}.json")
        if found is None:
            raise Problem("schema_not_found")
        return Response(found, media_type=MEDIA_TYPE)


def _published(file: str, schema: bytes) -> PublishedSchema:
    name = file.removesuffix(".json")
    kind, _, version = name.partition(".v")
    return PublishedSchema(
        type=kind, version=int(version), href=f"/v1/schemas/{name}", sha256=sha256(schema).hexdigest()
    )
