"""The command line. Commands import what they need when they run, so that each starts fast."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

ROOT: Final = Path(__file__).parent.parent

app = typer.Typer(
    name="./run",
    help="Gatehouse: customer onboarding that can prove what it decided.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys_app = typer.Typer(help="Issue, list and revoke API keys; replace the deployment's own.", no_args_is_help=True)
sanctions_app = typer.Typer(help="Adopt sanctions lists.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
app.add_typer(sanctions_app, name="sanctions")
prove_app = typer.Typer(help="Prove what is in the log, as others can check.", no_args_is_help=True)
app.add_typer(prove_app, name="prove")

Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
Output = Annotated[Path | None, typer.Option(help="Write it there instead of printing it.")]


@app.command()
def demo(*, json: Json = False) -> None:
    """Onboard customers through HTTP as a partner would, and show what became of each."""
    from infrastructure.demo import run

    raise typer.Exit(run(as_json=json))


@app.command("audit-demo")
def audit_demo(*, json: Json = False) -> None:
    """Let an administrator rewrite history, and show what an auditor's verifier finds. Leaves nothing behind."""
    from infrastructure.demo.audit import run

    raise typer.Exit(run(as_json=json))


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes any free port.")] = None,
    host: Annotated[str | None, typer.Option()] = None,
    *,
    workers: Annotated[bool, typer.Option(help="Run projections and workers too.")] = True,
) -> None:
    """Run the service: the API, projections and workers, on an embedded database unless DATABASE_URL names one."""
    from infrastructure.serving import serve as run

    overrides: dict[str, object] = {"port": port, "host": host}
    run({name: value for name, value in overrides.items() if value is not None}, workers=workers)


@app.command()
def work(*, attached: Annotated[bool, typer.Option(help="End when standard input ends.")] = False) -> None:
    """Run projections and workers alone, beside any number of others."""
    from infrastructure.serving import work as run

    run(attached=attached)


@app.command()
def migrate() -> None:
    """Bring the database's schema up to this version. Safe to repeat, and from several places at once."""
    from infrastructure.administration import migrate as run

    run()


@app.command()
def rebuild(name: str) -> None:
    """Build the read model NAME anew from the log, beside the one in force. Exit code 1 if that one was wrong."""
    from infrastructure.maintenance import rebuild as run

    run(name)


@app.command()
def projections(*, json: Json = False) -> None:
    """Show where each read model stands, how far behind the log it is, and what it does."""
    from infrastructure.maintenance import list_projections

    list_projections(as_json=json)


@app.command()
def erase(
    customer: str,
    basis: Annotated[str, typer.Option(help="retention_over, data_subject_request or authority_order.")],
    *,
    json: Json = False,
) -> None:
    """Destroy the key of CUSTOMER's personal data for good, once its retention is over."""
    from infrastructure.administration import erase_customer

    erase_customer(customer, basis=basis, as_json=json)


@keys_app.command("create")
def keys_create(
    role: Annotated[str, typer.Option(help="partner, officer, auditor or admin.")],
    name: Annotated[str, typer.Option(help="Whose key it is, for the audit trail.")],
    partner: Annotated[str | None, typer.Option(help="The id of a partner that has a key already.")] = None,
    *,
    json: Json = False,
) -> None:
    """Issue a key. It is shown once, and kept as a hash."""
    from infrastructure.administration import create_key

    create_key(role=role, name=name, partner=partner, as_json=json)


@keys_app.command("list")
def keys_list(*, json: Json = False) -> None:
    """Show which keys there are. Never the keys."""
    from infrastructure.administration import list_keys

    list_keys(as_json=json)


@keys_app.command("revoke")
def keys_revoke(key_id: str) -> None:
    """End a key."""
    from infrastructure.administration import revoke_key

    revoke_key(key_id)


@keys_app.command("new-secret")
def keys_new_secret(key_id: str, *, json: Json = False) -> None:
    """Give a key another secret, shown once. The one before, and all tokens, end at once."""
    from infrastructure.administration import rotate_key

    rotate_key(key_id, as_json=json)


@keys_app.command("rotate")
def keys_rotate(
    name: Annotated[str, typer.Argument(metavar="master|signing")],
    *,
    lost: Annotated[bool, typer.Option(help="The signing key is lost, and vouches for no other.")] = False,
    json: Json = False,
) -> None:
    """Replace the master key, or the one that signs the log, while the service runs. Broken off, a repeat goes on."""
    from infrastructure.keys.commands import rotate

    rotate(name, lost=lost, as_json=json)


@sanctions_app.command("adopt")
def sanctions_adopt(
    source: Annotated[str, typer.Argument(metavar="FILE|URL")],
    *,
    force: Annotated[bool, typer.Option(help="Also if it is older or much smaller than the list in force.")] = False,
    json: Json = False,
) -> None:
    """Put a list in the format of OFAC's sdn_advanced.xml in force, and show what it adds and removes."""
    from infrastructure.sanctions.command import adopt_list

    adopt_list(source, force=force, as_json=json)


@app.command()
def replay(
    *,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Take every decision again instead, from its evidence.")
    ] = False,
    json: Json = False,
) -> None:
    """Fold the whole log again and compare with the read models, row by row. Exit code 0 only if all agree."""
    from infrastructure.replay.command import replay as compare
    from infrastructure.replay.decisions_command import replay as retake

    raise typer.Exit((retake if decisions else compare)(as_json=json))


@app.command()
def trial(
    policy: Annotated[str, typer.Argument(help="A policy with its version, such as screening-2.")],
    *,
    json: Json = False,
    output: Annotated[Path | None, typer.Option(help="Write the whole list there, a line of JSON each.")] = None,
) -> None:
    """Try POLICY on every recorded decision of its step: whom it would have treated otherwise, by reason.

    Each decision is judged on its recorded evidence, in the state recorded up to it; what follows from an earlier one
    that would have come out otherwise is not played out. Changes nothing.
    """
    from infrastructure.replay.trial_command import trial as run

    run(policy, as_json=json, output=output)


@app.command()
def export(  # noqa: PLR0913 -- an option for each filter
    *,
    output: Annotated[
        Path, typer.Option(metavar="DIR|FILE.zip", help="Where it goes; nothing may be there yet.")
    ] = Path("gatehouse-bundle"),
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="Beside the entries: cloudevents, csv, parquet, ocel. Can be repeated."),
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="Recorded at this time or later, as ISO 8601.")] = None,
    until: Annotated[str | None, typer.Option(help="Recorded before this time.")] = None,
    customer: Annotated[str | None, typer.Option(help="One customer, by id.")] = None,
    partner: Annotated[str | None, typer.Option(help="All customers of a partner, by id.")] = None,
    types: Annotated[list[str] | None, typer.Option("--type", help="Events of this type. Can be repeated.")] = None,
    json: Json = False,
) -> None:
    """Write a bundle for auditors: events, proofs, schemas, and the verifier that needs nothing else.

    Without filters it has every event. Whoever was cut off types the same again, and it goes on.
    """
    from infrastructure.exports.command import asked_for
    from infrastructure.exports.command import export as run

    asked = asked_for(
        formats=formats or [], since=since, until=until, customer=customer, partner=partner, types=types or []
    )
    run(asked, output, as_json=json)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def verify(context: typer.Context) -> None:
    """Check a bundle as the verify.py in it does, which arguments go to. Exit code 0 only if nothing is wrong."""
    from infrastructure.exports.verify import main as run

    raise typer.Exit(run(context.args))


@prove_app.command("inclusion")
def prove_inclusion(position: int, *, output: Output = None) -> None:
    """Prove that the event at POSITION is in the newest checkpoint: a C2SP tlog-proof."""
    from infrastructure.transparency.command import inclusion

    inclusion(position, output)


@prove_app.command("consistency")
def prove_consistency(
    old: int,
    new: Annotated[int | None, typer.Argument(help="A published checkpoint's size; the newest's by default.")] = None,
    *,
    output: Output = None,
) -> None:
    """Prove that the log of NEW entries begins with the log of OLD."""
    from infrastructure.transparency.command import consistency

    consistency(old, new, output)


@prove_app.command("customer")
def prove_customer(customer_id: str, *, output: Output = None) -> None:
    """Prove all events of a customer: each in the newest checkpoint, and chained to the one before."""
    from infrastructure.transparency.command import customer

    customer(customer_id, output)


@app.command()
def checkpoint(*, publish: Annotated[bool, typer.Option("--publish", help="Publish one now.")] = False) -> None:
    """Print the newest checkpoint: how large the log is and what its root is, signed."""
    from infrastructure.transparency.command import checkpoint as run

    run(publish_now=publish)


@app.command()
def witness(  # noqa: PLR0913 -- each is an option of its own
    url: Annotated[str, typer.Argument(help="The service's, or that of its /tlog.")],
    *,
    key: Annotated[str | None, typer.Option(help="The log's key; the one it shows at first, if not given.")] = None,
    name: Annotated[str, typer.Option(help="What the witness is called in its cosignatures.")] = "witness",
    state: Annotated[Path, typer.Option(help="The folder of the witness's key and memory.")] = Path("witness"),
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 60.0,
) -> None:
    """Follow a log from another machine, check that it only grew, and cosign its checkpoints.

    Needs no database and no key of the service. A fork ends it with exit code 1 and the two checkpoints as evidence.
    """
    from infrastructure.witness.command import follow

    raise typer.Exit(follow(url, key=key, name=name, state=state, once=once, every=every))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run all tests, on PostgreSQL databases of their own. Arguments go to pytest."""
    # more workers than two cores: tests often wait for processes; by file: what its tests share is set up once
    _become("pytest", *(context.args or ["-n", "4", "--dist", "loadfile", "--no-loadscope-reorder"]))


@app.command()
def check() -> None:
    """Check format, lint, types and import contracts."""
    checks = [
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy"],
        ["lint-imports"],
    ]
    failed = [check for check in checks if _run(check)]
    raise typer.Exit(1 if failed else 0)


@app.command()
def docs() -> None:
    """Write the documents that are made from the code."""
    from infrastructure.documents import documents, write
    from tests.support import fold_vectors

    for path in write(documents() | {fold_vectors.PATH: fold_vectors.document()}):
        typer.echo(f"written: {path.relative_to(ROOT)}")


@app.command()
def client() -> None:
    """Generate the typed Python client in `client/` from docs/openapi.json."""
    from infrastructure.client_generation import generate, write

    typer.echo("written: client/gatehouse_client" if write(generate()) else "nothing has changed")


@app.command()
def bench(
    name: str, *, quick: Annotated[bool, typer.Option(help="A rough answer, in under a minute.")] = False
) -> None:
    """Measure NAME, such as append, commands, decisions, monitoring, pipeline or queries; an unknown one lists all.

    The last line is JSON; exit code 0 only if the targets are met.
    """
    from bench import main as run

    raise typer.Exit(run(name, quick=quick))


@app.command()
def drill(
    name: str,
    rounds: Annotated[int | None, typer.Option("--rounds", "--cases", min=1, help="How often.")] = None,
    deliveries: Annotated[int, typer.Option(min=1, help="For `webhooks`: how many.")] = 100_000,
) -> None:
    """Break something on purpose, such as kill-postgres, abuse, webhooks or contract; an unknown NAME lists all.

    The last line is JSON. The exit code is 0 only if nothing was lost, and all was answered as the API's document says.
    """
    from bench.drills import main as run

    raise typer.Exit(run(name, rounds=rounds, deliveries=deliveries))


def main() -> None:
    """Run the command line; what stops a command is one line on standard error."""
    from infrastructure.embedded_postgres.errors import EmbeddedPostgresError
    from infrastructure.faults import CannotStart

    try:
        app(prog_name="./run")
    except (CannotStart, EmbeddedPostgresError) as fault:
        typer.echo(f"gatehouse: {fault}", err=True)
        raise SystemExit(1) from None
    except ExceptionGroup as faults:
        known = faults.subgroup((CannotStart, EmbeddedPostgresError))
        if known is None:
            raise
        typer.echo(f"gatehouse: {known.exceptions[0]}", err=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _run(command: list[str]) -> int:
    """Run a tool of the environment, from the project's root."""
    typer.echo(f"$ {' '.join(command)}")
    tool = Path(sys.executable).parent / command[0]
    return subprocess.run([tool, *command[1:]], cwd=ROOT, check=False).returncode


def _become(module: str, *arguments: str) -> NoReturn:
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
