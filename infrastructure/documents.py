"""Documents that are made from the code, so that they cannot say anything else.

`./run docs` writes them; a test fails when one is stale.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from domain.customer import ALLOWED, LEADS_TO
from domain.events import EVENTS
from domain.vocabulary import REASONS, Event, Status
from infrastructure.api_documents import errors_page, listing, openapi, openapi_page, wire_page
from infrastructure.event_schemas import event_schemas
from infrastructure.schemas import FOLDER as SCHEMAS
from projections.projection import CUSTOMER_EVENTS

ROOT: Final = Path(__file__).parent.parent
BEGIN, END = "<!-- made by ./run docs -->", "<!-- end -->"


def documents() -> dict[Path, str]:
    """Every made document, as it should be."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    wire = (ROOT / "docs" / "wire.txt").read_text(encoding="utf-8")
    api = openapi()
    fold = (ROOT / "docs" / "fold.md").read_text(encoding="utf-8")
    return {
        ROOT / "README.md": _replaced(readme, diagram()),
        ROOT / "docs" / "events.md": events_page(),
        ROOT / "docs" / "openapi.json": openapi_page(api),
        ROOT / "docs" / "wire.txt": wire_page(listing(api), before=wire),
        ROOT / "docs" / "errors.md": errors_page(api),
        ROOT / "docs" / "reasons.md": reasons_page(),
        ROOT / "docs" / "fold.md": _replaced(fold, meanings()),
        **{SCHEMAS / name: schema for name, schema in event_schemas().items()},
    }


def write(made: Mapping[Path, str]) -> list[Path]:
    """Write what is stale, and answer which it was."""
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        path.write_text(made[path], encoding="utf-8")
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


def meanings() -> str:
    """What each type of event means to a customer's status, for whoever folds without this code."""
    inside = [event for event in EVENTS.values() if event in CUSTOMER_EVENTS and event not in LEADS_TO]
    elsewhere = [event for event in EVENTS.values() if event not in CUSTOMER_EVENTS]
    return "\n".join(
        [
            "| event | leads to |",
            "| --- | --- |",
            *(f"| `{event.__name__}` | `{status}` |" for event, status in LEADS_TO.items()),
            "",
            f"The other events of customers lead to no status: {_names(inside)}.",
            "",
            f"These stand in streams that are no customer's: {_names(elsewhere)}.",
        ]
    )


def _names(events: Iterable[type[Event]]) -> str:
    return ", ".join(f"`{event.__name__}`" for event in events)


def reasons_page() -> str:
    """`docs/reasons.md`."""
    rows = [f"| `{reason}` | {meaning} |" for reason, meaning in REASONS.items()]
    return "\n".join(["# Reason codes", "", "| code | meaning |", "| --- | --- |", *rows, ""])


def _replaced(text: str, block: str) -> str:
    """The text with its made part replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{after}"
