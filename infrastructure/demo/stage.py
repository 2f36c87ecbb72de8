"""The stage: a service of its own with its work process, a sanctions list that names one more wallet, and who calls."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gatehouse_client import AuthenticatedClient
from gatehouse_client.models import TimelineEntry
from infrastructure.demo.partner import Officer, Partner, Unexpected
from infrastructure.demo.stories import DemoClock, Stage, Story
from infrastructure.demo.wallet import OwnedWallet
from infrastructure.faults import CannotStart
from infrastructure.ids import now
from infrastructure.key_changes import issue_key
from infrastructure.sanctions import sdn_advanced, sdn_writer
from infrastructure.sanctions.adoption import put_in_force
from infrastructure.screening.ofac import adopted_list
from infrastructure.services import Services
from infrastructure.serving import keep_working
from infrastructure.settings import Settings

PATIENCE: Final = 30.0


@dataclass(slots=True)
class Ending:
    """How a story ended: the customer's status, or what went otherwise than it goes."""

    story: Story
    status: str
    timeline: list[TimelineEntry]

    @property
    def expected(self) -> bool:
        """Whether it ended as it goes."""
        return self.status == self.story.ends


@asynccontextmanager
async def working(settings: Settings, conninfo: str) -> AsyncIterator[None]:
    """A work process beside."""
    task = asyncio.create_task(keep_working(settings, conninfo))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def staged(services: Services, settings: Settings, clock: DemoClock) -> AsyncIterator[Stage]:
    """The stage, until the context is left; then the sample list is in force again."""
    async with services.pool.connection() as connection:
        before = await adopted_list(connection)
    if before is not None and not before.sample:
        raise CannotStart("a sanctions list is in force here, which the demo would replace: give it another database")
    sanctioned = OwnedWallet()
    await put_in_force(services, _list_naming(sanctioned), sample=True)
    partner_key = (await issue_key(services, role="partner", name="demo partner")).key
    officer_key = (await issue_key(services, role="officer", name="demo officer")).key
    async with _client(settings, partner_key) as theirs, _client(settings, officer_key) as ours:
        yield Stage(Partner(theirs), Officer(ours), clock, sanctioned)
    await put_in_force(services, _sample(), sample=True)


async def played(stories: tuple[Story, ...], stage: Stage, console: Console) -> list[Ending]:
    """Play stories, one after another, with a progress bar."""
    columns = (TextColumn("{task.description:36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    endings: list[Ending] = []
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Customers", total=len(stories))
        for story in stories:
            progress.update(bar, description=f"A customer {story.title}"[:36])
            endings.append(await _ending(story, stage))
            progress.advance(bar)
    return endings


async def position_of(services: Services) -> int:
    """How many events there are."""
    async with services.pool.connection() as connection:
        cursor = await connection.execute("SELECT coalesce(max(notification_id), 0) FROM gatehouse.stored_events")
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def _ending(story: Story, stage: Stage) -> Ending:
    try:
        customer = await story.play(stage)
        return Ending(story, *await stage.officer.story(customer))
    except Unexpected as fault:
        return Ending(story, str(fault), [])


def _list_naming(wallet: OwnedWallet) -> sdn_advanced.SanctionsList:
    """The sample list with one more wallet, written and read in OFAC's own format."""
    named = [(listing.currency, listing.address) for listings in _sample().addresses.values() for listing in listings]
    written = io.BytesIO()
    sdn_writer.write(written, published=now().date(), addresses=[*named, ("ETH", wallet.address)])
    return sdn_advanced.read(io.BytesIO(written.getvalue()))


def _sample() -> sdn_advanced.SanctionsList:
    with sdn_advanced.SAMPLE.open("rb") as stream:
        return sdn_advanced.read(stream)


def _client(settings: Settings, key: str) -> AuthenticatedClient:
    return AuthenticatedClient(
        base_url=settings.local_url, token=key, timeout=httpx2.Timeout(PATIENCE), httpx_args={"trust_env": False}
    )
