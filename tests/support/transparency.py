"""The transparency log in a test: built and published when the test says so, under a key that the test holds."""

from typing import Final

from application.handlers import append
from application.streams import signing_stream
from application.transparency.notes import Checkpoint, Signer, opened_checkpoint
from infrastructure.keys.signing import announcement
from infrastructure.services import Services
from infrastructure.transparency.builder import TreeBuilder
from infrastructure.transparency.checkpoints import publish

ORIGIN: Final = "gatehouse.example/log"
SIGNER: Final = Signer(ORIGIN, b"\1" * 32)
NEXT: Final = Signer(ORIGIN, b"\2" * 32)


async def announce(services: Services, signer: Signer = SIGNER, previous: Signer | None = None) -> None:
    """Put a key in force, by the word of the one before it."""
    await services.execute(
        lambda: append(signing_stream(), lambda known: announcement(known, signer=signer, previous=previous)),
        actor="system:keys",
    )


async def publish_all(services: Services, signer: Signer = SIGNER) -> Checkpoint:
    """Build the tree up to the log's end, and publish a checkpoint of it."""
    size = await TreeBuilder(services.conninfo).catch_up()
    note = await publish(services, signer, size)
    return opened_checkpoint(note.whole, [signer.public])
