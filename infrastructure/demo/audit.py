"""`./run audit-demo`: a history, an auditor's bundle, an administrator who rewrites history, and what is found.

Everything happens on a database of its own in a temporary folder, which is gone afterwards.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Column, Table

from infrastructure.bootstrap import database, keys_for, open_services
from infrastructure.demo import stories
from infrastructure.demo.crimes import CRIMES, Crime, commit
from infrastructure.demo.stage import Ending, played, staged, working
from infrastructure.demo.stories import DemoClock, Story
from infrastructure.exports.asked import Asked
from infrastructure.exports.production import Exporter, produce
from infrastructure.exports.target import Target
from infrastructure.faults import CannotStart
from infrastructure.keys.signing import announce_signing_key
from infrastructure.logs import set_up_logs
from infrastructure.services import Services
from infrastructure.serving import answering, listening, run_until_told
from infrastructure.settings import Settings, forget_environment, load_settings

PLAYED: Final = (
    Story("goes straight through", stories.straight_through, "active"),
    Story("is on the sanctions list", stories.on_the_list, "rejected"),
    Story("fails KYC, and comes back", stories.fails_kyc, "rejected"),
    Story("is paused by the partner", stories.paused_by_partner, "active"),
)
LINES: Final = 6
"""Of what the verifier says, so much is shown."""
_CODE: Final = re.compile(r"\[([a-z_]+)\]$", re.MULTILINE)
_COLOURS: Final = {"WRONG": "red", "WARNI": "yellow", "prove": "green", "All r": "bold green"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifier said of a bundle."""

    status: int
    text: str

    @property
    def codes(self) -> list[str]:
        """What kinds of problems it found."""
        return list(dict.fromkeys(_CODE.findall(self.text)))


def run(*, as_json: bool) -> int:
    """Play it all; 0 if what is sound is found sound, and each crime is found."""
    set_up_logs("warning")
    if load_settings().mode == "production":
        raise CannotStart("the demo makes up customers: not in production mode")
    forget_environment()
    console = Console(stderr=as_json, quiet=as_json, width=None if sys.stdout.isatty() else 120)
    with tempfile.TemporaryDirectory(prefix="gatehouse-audit-") as folder:
        play = Play(console, Path(folder))
        play.run()
    if as_json:
        print(json.dumps(play.summary()))  # noqa: T201 -- this is the command's answer
    return 0 if play.ok else 1


class Play:
    """The demo, in a folder of its own."""

    def __init__(self, console: Console, folder: Path) -> None:
        self._console = console
        self._folder = folder
        self._settings = _settings(folder)
        self._sound: Verdict | None = None
        self._found: list[tuple[Crime, Verdict]] = []

    @property
    def ok(self) -> bool:
        """Whether the verifier found what it had to, and nothing where there was nothing."""
        sound = self._sound is not None and self._sound.status == 0
        return (
            sound and len(self._found) == len(CRIMES) and all(crime.code in each.codes for crime, each in self._found)
        )

    def summary(self) -> dict[str, object]:
        """What was found, in one object."""
        found = [{"crime": crime.title, "found": verdict.codes} for crime, verdict in self._found]
        return {"sound": bool(self._sound and self._sound.status == 0), "crimes": found, "ok": self.ok}

    def run(self) -> None:
        """Play all acts on one database."""
        with listening(self._settings) as listener:
            settings = self._settings.model_copy(update={"port": listener.getsockname()[1]})
            self._say("Starting a PostgreSQL and a service of its own ...")
            with database(settings) as ready:
                keys = keys_for(settings, ready.conninfo)

                async def acts() -> None:
                    clock = DemoClock()
                    async with open_services(settings, ready.conninfo, keys, clock) as services:
                        await announce_signing_key(services, settings)
                        async with (
                            answering(services, listener),
                            working(settings, ready.conninfo),
                            staged(services, settings, clock) as stage,
                        ):
                            self._tell_history(await played(PLAYED, stage, self._console))
                        await self._take_bundle(services)
                        for number, crime in enumerate(CRIMES, 2):
                            commit(crime, ready.conninfo)
                            await self._look_again(services, crime, number)

                run_until_told(acts)
        self._tell_end()

    def _tell_history(self, endings: list[Ending]) -> None:
        self._act("A history", "Four customers, through the API. Every step is an event.")
        table = Table(box=None)
        for name in ("a customer ...", "ends", "events"):
            table.add_column(name)
        for ending in endings:
            table.add_row(ending.story.title, ending.status, " → ".join(entry.type_ for entry in ending.timeline))
        self._console.print(table)

    async def _take_bundle(self, services: Services) -> None:
        self._act(
            "An auditor takes a bundle",
            "and keeps its checkpoint, under 200 bytes. The verifier is in the bundle: one file, no network.",
        )
        bundle = await self._exported(services, "bundle-1")
        shutil.copy(bundle / "checkpoint", self._folder / "kept")
        self._console.print(Panel(escape((bundle / "checkpoint").read_text("utf-8").strip()), title="kept"))
        self._sound = self._verify(bundle)

    async def _look_again(self, services: Services, crime: Crime, number: int) -> None:
        self._act(f"An administrator with every right {crime.title}", "")
        for statement in crime.statements:
            self._console.print(Syntax(dedent(statement).strip(), "sql", word_wrap=True, background_color="default"))
        bundle = await self._exported(services, f"bundle-{number}")
        alone = self._verify(bundle)
        if alone.status == 0:
            self._say(
                "Sound by itself: the key is the right one, and signs whatever the log is. But one checkpoint was kept:"
            )
            alone = self._verify(bundle, "--known", str(self._folder / "kept"))
        self._found.append((crime, alone))

    async def _exported(self, services: Services, name: str) -> Path:
        path = self._folder / name
        await produce(services, Asked(), Target(path), Exporter("admin:audit-demo"))
        return path

    def _verify(self, bundle: Path, *options: str) -> Verdict:
        """Run the bundle's own verifier, as whoever has Python would."""
        command = [sys.executable, "-I", str(bundle / "verify.py"), str(bundle), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- our own file
        told = " ".join(
            ["python3 verify.py", bundle.name, *("kept" if one.endswith("kept") else one for one in options)]
        )
        self._console.print(f"[bold]$ {told}[/]")
        lines = done.stdout.splitlines()
        for line in lines[:LINES] + lines[-1:] * (len(lines) > LINES):
            self._console.print(escape(line), style=_COLOURS.get(line[:5], ""), highlight=False)
        return Verdict(done.returncode, done.stdout)

    def _tell_end(self) -> None:
        self._act("What it comes to", "")
        table = Table("an administrator ...", Column("found as", overflow="fold"), box=None)
        for crime, verdict in self._found:
            table.add_row(crime.title, ", ".join(verdict.codes) or "[red]not found[/]")
        self._console.print(table)
        self._say(
            "Only who kept a checkpoint can tell that a log was cut off: keep one, or run `./run witness` elsewhere."
        )

    def _act(self, title: str, words: str) -> None:
        self._console.print()
        self._console.print(Rule(f"[bold]{title}", align="left"))
        if words:
            self._say(words)

    def _say(self, words: str) -> None:
        self._console.print(words, style="italic")


def _settings(folder: Path) -> Settings:
    """The defaults, but for where things are: nothing of anybody's is touched, nor anybody's key used."""
    ours: dict[str, object] = {
        "log_level": "warning",
        "data": folder / "data",
        "port": 0,
        "origin": "gatehouse.example/log",
    }
    return load_settings().model_copy(update=ours)
