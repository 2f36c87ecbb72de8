"""`./run replay --decisions`: says whether every decision comes out as it is recorded, and which do not."""

import json
from time import monotonic

import typer

from infrastructure.bootstrap import database, keys_for
from infrastructure.logs import set_up_logs
from infrastructure.postgres import service_conninfo
from infrastructure.replay.bar import shown
from infrastructure.replay.decisions import DecisionReplay, Divergence, replay_decisions
from infrastructure.replay.lives import Access
from infrastructure.replay.processes import cores
from infrastructure.settings import load_settings


def replay(*, as_json: bool) -> int:
    """Take all decisions again, and answer the exit code: 0 where all come out the same, 1 where any does not."""
    set_up_logs()
    settings, begun = load_settings(), monotonic()
    with database(settings) as ready, shown("decisions") as bar:
        done = replay_decisions(
            Access(service_conninfo(ready.conninfo), keys_for(settings, ready.conninfo), source=settings.key_source),
            processes=cores(),
            begun=bar.begin,
            progress=bar.advance,
        )
    show = _show_json if as_json else _show
    show(done, monotonic() - begun)
    return 1 if done.findings.divergent else 0


def _show(done: DecisionReplay, seconds: float) -> None:
    """For people: a line for each divergence, and what it comes to."""
    findings = done.findings
    for divergence in findings.listed:
        typer.echo(_line(divergence))
    if findings.divergent > len(findings.listed):
        typer.echo(f"... and {findings.divergent - len(findings.listed):,} more")
    taken = ", ".join(f"{count:,} {step}" for step, count in sorted(findings.decisions.items())) or "none"
    typer.echo(
        f"{findings.decisions.total():,} decisions ({taken}) of {findings.customers:,} customers taken again in"
        f" {seconds:.1f} s, up to position {done.position:,}; {findings.officers:,} by officers are theirs;"
        f" evidence of {findings.erased:,} was erased: {_outcome(findings.divergent)}"
    )


def _outcome(divergent: int) -> str:
    if not divergent:
        return "all come out the same"
    return "1 divergence" if divergent == 1 else f"{divergent:,} divergences"


def _line(divergence: Divergence) -> str:
    where = f"customer {divergence.customer} version {divergence.version} {divergence.event}"
    return f"{where}: {', '.join(divergence.what)}"


def _show_json(done: DecisionReplay, seconds: float) -> None:
    """For programs: one line."""
    findings = done.findings
    line = {
        "events": findings.events,
        "customers": findings.customers,
        "decisions": findings.decisions.total(),
        "bySteps": dict(sorted(findings.decisions.items())),
        "byOfficers": findings.officers,
        "erased": findings.erased,
        "position": done.position,
        "seconds": round(seconds, 3),
        "divergent": findings.divergent,
        "divergences": [divergence._asdict() for divergence in findings.listed],
    }
    typer.echo(json.dumps(line))
