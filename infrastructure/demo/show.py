"""Runs the stories against a service of its own, and shows what became of each customer."""

import asyncio
import io
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from infrastructure.administration import issue_key
from infrastructure.bootstrap import database, keys_for, open_services
from infrastructure.demo.partner import Officer, Partner, Unexpected
from infrastructure.demo.stories import STORIES, DemoClock, Stage, Story
from infrastructure.demo.wallet import OwnedWallet
from infrastructure.faults import CannotStart
from infrastructure.ids import now
from infrastructure.logs import set_up_logs
from infrastructure.sanctions import sdn_advanced, sdn_writer
from infrastructure.sanctions.adoption import put_in_force
from infrastructure.screening.ofac import adopted_list
from infrastructure.services import Services
from infrastructure.serving import answering, keep_working, listening, run_until_told
from infrastructure.settings import Settings, load_settings

PATIENCE: Final = 30.0


@dataclass(slots=True)
class Ending:
    """How a story ended: the customer's status, or what went otherwise than it goes."""

    story: Story
    status: str
    timeline: list[dict[str, Any]]

    @property
    def expected(self) -> bool:
        """Whether it ended as it goes."""
        return self.status == self.story.ends


def run(*, as_json: bool) -> int:
    """Play all stories; 0 if each ended as it goes."""
    set_up_logs()
    if load_settings().mode == "production":
        raise CannotStart("the demo makes up customers: not in production mode")
    console = Console(stderr=as_json, quiet=as_json, width=None if sys.stdout.isatty() else 120)
    settings = load_settings().model_copy(update={"port": 0, "mode": "sandbox"})
    status = 1
    with listening(settings) as listener:
        settings = settings.model_copy(update={"port": listener.getsockname()[1], "public_url": None})
        console.print("Starting PostgreSQL and the service ...")
        with database(settings) as ready:
            keys, clock = keys_for(settings, ready.conninfo), DemoClock()

            async def play() -> None:
                nonlocal status
                async with (
                    open_services(settings, ready.conninfo, keys, clock) as services,
                    answering(services, listener),
                    working(settings, ready.conninfo),
                ):
                    status = await _play(services, settings, clock, console, as_json=as_json)

            run_until_told(play)
    return status


@asynccontextmanager
async def working(settings: Settings, conninfo: str) -> AsyncIterator[None]:
    """A work process beside."""
    task = asyncio.create_task(keep_working(settings, conninfo))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _play(services: Services, settings: Settings, clock: DemoClock, console: Console, *, as_json: bool) -> int:
    async with services.pool.connection() as connection:
        before = await adopted_list(connection)
    if before is not None and not before.sample:
        raise CannotStart("a sanctions list is in force here, which the demo would replace: give it another database")
    sanctioned = OwnedWallet()
    await put_in_force(services, _list_naming(sanctioned), sample=True)
    begun = await _position(services)
    partner_key = (await issue_key(services, role="partner", name="demo partner")).key
    officer_key = (await issue_key(services, role="officer", name="demo officer")).key
    async with _client(settings, partner_key) as theirs, _client(settings, officer_key) as ours:
        partner = Partner(theirs)
        endings = await _endings(Stage(partner, Officer(ours), clock, sanctioned), console)
    await put_in_force(services, _sample(), sample=True)
    summary = {
        "customers": len(endings),
        "statuses": dict(sorted(Counter(ending.status for ending in endings).items())),
        "events": await _position(services) - begun,
        "refusals": dict(sorted(partner.refusals.items())),
        "ok": all(ending.expected for ending in endings),
    }
    _show(console, endings, summary)
    if as_json:
        print(json.dumps(summary))  # noqa: T201 -- this is the command's answer
    return 0 if summary["ok"] else 1


async def _endings(stage: Stage, console: Console) -> list[Ending]:
    columns = (TextColumn("{task.description:36}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    endings: list[Ending] = []
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Customers", total=len(STORIES))
        for story in STORIES:
            progress.update(bar, description=f"A customer {story.title}"[:36])
            endings.append(await _ending(story, stage))
            progress.advance(bar)
    return endings


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


async def _position(services: Services) -> int:
    async with services.pool.connection() as connection:
        cursor = await connection.execute("SELECT coalesce(max(notification_id), 0) FROM gatehouse.stored_events")
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


def _client(settings: Settings, key: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=settings.local_url, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE, trust_env=False
    )


_COLOURS: Final = {"active": "green", "rejected": "red", "inactive": "yellow"}


def _show(console: Console, endings: list[Ending], summary: dict[str, Any]) -> None:
    for ending in endings:
        table = Table(title=f"A customer {ending.story.title}", title_justify="left", title_style="bold", box=None)
        for name in ("when", "who", "what", "why"):
            table.add_column(name, overflow="fold", ratio=None if name == "when" else 1)
        for entry in ending.timeline:
            who = entry["who"].partition(":")
            table.add_row(
                entry["recordedAt"][11:19], who[0] if who[0] == "partner" else entry["who"], entry["what"], entry["why"]
            )
        console.print(table)
        console.print()
    outcome = Table(title="What became of them", title_justify="left", title_style="bold")
    for name in ("A customer ...", "status", "as expected"):
        outcome.add_column(name)
    for ending in endings:
        colour = _COLOURS.get(ending.status, "cyan")
        outcome.add_row(
            ending.story.title,
            f"[{colour}]{ending.status}[/]",
            "yes" if ending.expected else f"NO, not {ending.story.ends}",
        )
    console.print(outcome)
    statuses = ", ".join(f"{count} {status}" for status, count in summary["statuses"].items())
    refusals = ", ".join(f"{count} {code}" for code, count in summary["refusals"].items())
    console.print(f"{summary['customers']} customers: {statuses}. {summary['events']} events. Refused: {refusals}.")
