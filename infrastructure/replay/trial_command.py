"""`./run trial POLICY`: whom a policy version would have treated otherwise, by reason, and the list of them."""

import json
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Final

import typer

from domain.policies.registry import STEPS
from infrastructure.bootstrap import database, keys_for
from infrastructure.faults import CannotStart
from infrastructure.logs import set_up_logs
from infrastructure.postgres import service_conninfo
from infrastructure.replay.bar import shown
from infrastructure.replay.lives import Access
from infrastructure.replay.processes import cores
from infrastructure.replay.trial import TrialRun, known_policy, summary, tried_policy
from infrastructure.settings import load_settings

SHOWN: Final = 20
"""Lines of the list on the console."""


def trial(policy: str, *, as_json: bool, output: Path | None) -> None:
    """Try a policy, and show what came of it."""
    known_policy(policy)
    set_up_logs()
    settings, begun = load_settings(), monotonic()
    with (
        database(settings) as ready,
        shown(f"trial of {policy}") as bar,
        tried_policy(
            Access(service_conninfo(ready.conninfo), keys_for(settings, ready.conninfo), source=settings.key_source),
            policy,
            processes=cores(),
            begun=bar.begin,
            progress=bar.advance,
        ) as run,
    ):
        seconds = monotonic() - begun
        if output is not None:
            _write(run, output)
        show = _show_json if as_json else _show
        show(run, policy, seconds)


def _write(run: TrialRun, output: Path) -> None:
    """The whole list, a line of JSON each."""
    try:
        with output.open("w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in run.lines())
    except OSError as fault:
        raise CannotStart(f"the list cannot be written: {type(fault).__name__}") from fault


def _show(run: TrialRun, policy: str, seconds: float) -> None:
    """For people: counts by what would change and why, then the first of the list."""
    findings = run.findings
    typer.echo(
        f"{policy} on {findings.decisions:,} recorded {STEPS[policy]} decisions, each in the state recorded up to it,"
        f" in {seconds:.1f} s: {findings.customers:,} customers would have been treated otherwise"
    )
    for change, decisions in findings.changes.most_common():
        reasons = ", ".join(reason.replace("_", " ") for reason in change.reasons) or "nothing against them"
        typer.echo(f"{decisions:>9,}  {change.was} -> {change.would_be}  ({reasons})")
    for line in islice(run.lines(), SHOWN):
        entry = json.loads(line)
        typer.echo(f"customer {entry['customer']} version {entry['version']}: {entry['was']} -> {entry['wouldBe']}")
    if (more := findings.changes.total() - SHOWN) > 0:
        typer.echo(f"... and {more:,} more: --json or --output lists all")


def _show_json(run: TrialRun, policy: str, seconds: float) -> None:
    """For programs: one line, however long the list."""
    findings = run.findings
    line = {**summary(run, policy), "events": findings.events, "seconds": round(seconds, 3)}
    typer.echo(json.dumps(line)[:-1] + ', "list": [', nl=False)
    for number, entry in enumerate(run.lines()):
        typer.echo(f", {entry}" if number else entry, nl=False)
    typer.echo("]}")
