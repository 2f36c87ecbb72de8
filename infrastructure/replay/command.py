"""`./run replay`: says whether the read models are what the log leads to, and where they are not."""

import json
from time import monotonic

import typer

from infrastructure.bootstrap import database
from infrastructure.logs import set_up_logs
from infrastructure.postgres import service_conninfo
from infrastructure.replay.bar import shown
from infrastructure.replay.comparison import Divergence
from infrastructure.replay.processes import Replay, cores
from infrastructure.replay.processes import replay as run
from infrastructure.settings import load_settings


def replay(*, as_json: bool, processes: int | None = None) -> int:
    """Compare, and answer the exit code: 0 where everything agrees, 1 where anything does not."""
    set_up_logs()
    begun = monotonic()
    with database(load_settings()) as ready, shown("replay") as bar:
        done = run(
            service_conninfo(ready.conninfo),
            processes=processes or cores(),
            begun=bar.begin,
            progress=bar.advance,
        )
    show = _show_json if as_json else _show
    show(done, monotonic() - begun)
    return 1 if done.findings.divergent else 0


def _show(done: Replay, seconds: float) -> None:
    """For people: a line for each divergence, and what it comes to."""
    findings = done.findings
    for divergence in findings.listed:
        typer.echo(_line(divergence))
    if findings.divergent > len(findings.listed):
        typer.echo(f"... and {findings.divergent - len(findings.listed):,} more")
    positions = ", ".join(f"{name} at {position:,}" for name, position in sorted(done.positions.items()))
    typer.echo(
        f"{findings.events:,} events folded again in {seconds:.1f} s, {findings.rows:,} rows compared ({positions}): "
        + _outcome(findings.divergent)
    )


def _outcome(divergent: int) -> str:
    if not divergent:
        return "all agree"
    return "1 divergence" if divergent == 1 else f"{divergent:,} divergences"


def _line(divergence: Divergence) -> str:
    told = f"{divergence.projection} {'/'.join(divergence.key)}: {divergence.what}"
    return f"{told} ({', '.join(divergence.columns)})" if divergence.columns else told


def _show_json(done: Replay, seconds: float) -> None:
    """For programs: one line."""
    findings = done.findings
    line = {
        "events": findings.events,
        "rows": findings.rows,
        "positions": done.positions,
        "seconds": round(seconds, 3),
        "divergent": findings.divergent,
        "divergences": [divergence._asdict() for divergence in findings.listed],
    }
    typer.echo(json.dumps(line))
