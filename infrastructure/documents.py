"""Documents that are made from the code, so that they cannot say anything else.

`./run docs` writes them; a test fails when one is stale.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from domain.customer import ALLOWED, LEADS_TO
from domain.events import EVENTS
from domain.vocabulary import REASONS, Event, Status
from infrastructure.event_schemas import event_schemas
from infrastructure.http.problems import PROBLEMS
from infrastructure.schemas import FOLDER as SCHEMAS

ROOT: Final = Path(__file__).parent.parent
BEGIN, END = "<!-- made by ./run docs -->", "<!-- end -->"


def documents() -> dict[Path, str]:
    """Every made document, as it should be."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return {
        ROOT / "README.md": _replaced(readme, diagram()),
        ROOT / "docs" / "events.md": events_page(),
        ROOT / "docs" / "errors.md": errors_page(),
        ROOT / "docs" / "reasons.md": reasons_page(),
        **{SCHEMAS / name: schema for name, schema in event_schemas().items()},
    }


def write() -> list[Path]:
    """Write what is stale, and answer which it was."""
    stale = [path for path, text in documents().items() if not path.exists() or path.read_text("utf-8") != text]
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
    return stale


def diagram() -> str:
    """The state machine, from the two tables that it consists of."""
    return "\n".join(["```mermaid", "stateDiagram-v2", *_arrows(), "```"])


def _arrows() -> Iterator[str]:
    for status in (None, *Status):
        leading = sorted((event for event in ALLOWED[status] if event in LEADS_TO), key=lambda event: event.__name__)
        for event in leading:
            yield f"    {status or '[*]'} --> {LEADS_TO[event]}: {event.__name__}"
        if status is Status.REJECTED:
            yield f"    {status} --> [*]"


def events_page() -> str:
    """`docs/events.md`."""
    rows = [_event_row(name, event) for name, event in EVENTS.items()]
    return "\n".join(
        [
            "# Events",
            "",
            "What the log can hold. Names are the storage format: they are added to, never changed.",
            "Fields in *italics* are personal and stored sealed. [schemas](schemas/README.md) has every event in",
            "JSON Schema, and [fold.md](fold.md) says how a customer's state follows from its events.",
            "",
            "| event | means | carries | leads to | may happen in |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _event_row(name: str, event: type[Event]) -> str:
    fields = [
        f"*{info.alias or field}*" if field in event.personal else f"`{info.alias or field}`"
        for field, info in event.model_fields.items()
    ]
    status = LEADS_TO.get(event)
    allowed = [str(at) if at else "-" for at, events in ALLOWED.items() if event in events]
    means = (event.__doc__ or "").splitlines()[0]
    leads = f"`{status}`" if status else "-"
    return f"| `{name}` | {means} | {', '.join(fields) or '-'} | {leads} | {', '.join(allowed) or 'other streams'} |"


def errors_page() -> str:
    """`docs/errors.md`."""
    rows = [f"| `{code}` | {kind.status} | {kind.title} |" for code, kind in PROBLEMS.items()]
    return "\n".join(
        [
            "# Errors",
            "",
            "Every error is `application/problem+json` (RFC 9457) with `type`, `title`, `status` and `code`.",
            "None repeats what was sent.",
            "",
            "| code | status | meaning |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def reasons_page() -> str:
    """`docs/reasons.md`."""
    rows = [f"| `{reason}` | {meaning} |" for reason, meaning in REASONS.items()]
    return "\n".join(["# Reason codes", "", "| code | meaning |", "| --- | --- |", *rows, ""])


def _replaced(text: str, block: str) -> str:
    """The text with its made part replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"
