"""A small log that is the same in every run, and bundles of it."""

import asyncio
import json
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import psycopg

from application.mapper import EnvelopeMapper
from application.streams import signing_stream
from application.transparency.notes import Signer
from domain.events import CustomerRegistered, RejectionExpired, SigningKeyAnnounced, WalletClaimed
from domain.vocabulary import Event
from infrastructure.bootstrap import open_services
from infrastructure.exports.asked import Asked
from infrastructure.exports.production import Exporter, Produced, produce
from infrastructure.exports.target import Target
from infrastructure.keys.deployment import NAMES, load_keys
from infrastructure.settings import Settings
from tests.application.memory_journal import LabelSealer
from tests.domain.histories import HISTORIES
from tests.domain.samples import minutes
from tests.projections.recorded import recorded

ORIGIN: Final = "gatehouse.example/log"
SEEDS: Final = {name: bytes([number]) * 32 for number, name in enumerate(NAMES, 1)}
SIGNER: Final = Signer(ORIGIN, SEEDS["signing"])
IDS: Final = {name: UUID(int=number << 96) for number, name in enumerate(HISTORIES, 1)}
HOSTILE: Final = '=HYPERLINK("http://evil.example","x");+1;@SUM(A1)'
"""A reference that a partner might give a customer."""
OTHER_PARTNER: Final = UUID(int=0x99)
OTHERS_CUSTOMER: Final = UUID(int=1000 << 96)

_INSERT: Final = """
    INSERT INTO gatehouse.stored_events (originator_id, originator_version, topic, state, recorded_at)
    VALUES (%s, %s, %s, %s, %s)
"""


def fill(conninfo: str) -> None:
    """Every named history as a stream of its own, all of them interleaved, behind the signing key; and a few others."""
    registered = CustomerRegistered(
        partner=OTHER_PARTNER, wallet="eip155:1:0x52908400098527886E0F7030069857D2E4169EE7", external_id=HOSTILE
    )
    lives: list[tuple[UUID, tuple[Event, ...]]] = [(signing_stream(), (SigningKeyAnnounced(key=SIGNER.public.vkey),))]
    lives += [(IDS[name], tuple(history)) for name, history in HISTORIES.items()]
    lives += [(OTHERS_CUSTOMER, (registered,)), (UUID(int=5), (WalletClaimed(customer=IDS["active"]),))]
    write(conninfo, lives)


def fill_fixed(conninfo: str) -> None:
    """A hundred customers of three events each: more than a tile of entries, which nobody will ever add to."""
    lives: list[tuple[UUID, tuple[Event, ...]]] = [(signing_stream(), (SigningKeyAnnounced(key=SIGNER.public.vkey),))]
    for number in range(100):
        registered = CustomerRegistered(partner=OTHER_PARTNER, wallet="eip155:1:0x", external_id=f"user-{number} é ☂")
        lives.append((UUID(int=(number + 1) << 96), (registered, RejectionExpired(proposed_by="officer"), registered)))
    write(conninfo, lives)


def write(conninfo: str, lives: list[tuple[UUID, tuple[Event, ...]]]) -> None:
    """Streams, a step of each after the other; each step is recorded a minute after the one before."""
    mapper = EnvelopeMapper(LabelSealer())
    told = [recorded(*history, stream=stream) for stream, history in lives]
    with psycopg.connect(conninfo) as owner:
        for step in range(max(map(len, told))):
            for envelope in (life[step] for life in told if step < len(life)):
                envelope.event_id = uuid5(envelope.stream, str(envelope.version))
                stored = mapper.to_stored_event(envelope)
                owner.execute(_INSERT, (envelope.stream, envelope.version, stored.topic, stored.state, minutes(step)))


def settings_below(folder: Path) -> Settings:
    """Settings with the keys that are the same in every run."""
    keys = folder / "keys"
    if not keys.exists():
        keys.mkdir(parents=True)
        for name, seed in SEEDS.items():
            (keys / f"{name}.key").touch(0o600)
            (keys / f"{name}.key").write_text(seed.hex() + "\n")
    return Settings(data=folder, public_url="https://gatehouse.example")


def export(conninfo: str, folder: Path, asked: Asked | None = None, name: str = "bundle") -> Path:
    """A bundle, made in this process; its path."""
    chosen, target = settings_below(folder), Target(folder / name)

    async def run() -> Produced:
        async with open_services(chosen, conninfo, load_keys(chosen.key_source, generate=False)) as services:
            return await produce(services, asked or Asked(), target, Exporter("admin:console"))

    asyncio.run(run())
    return target.path


def rows(conninfo: str, topic: str) -> list[dict[str, Any]]:
    """What events of a type say, in order."""
    with closing(psycopg.connect(conninfo)) as owner:
        found = owner.execute(
            "SELECT state FROM gatehouse.stored_events WHERE topic = %s ORDER BY notification_id", (topic,)
        ).fetchall()
    return [json.loads(state)["data"] for (state,) in found]


def manifest_of(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bundle / "manifest.json").read_bytes())
    return found


def entries_of(bundle: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (bundle / "entries.jsonl").read_bytes().splitlines()]


def files_of(bundle: Path) -> dict[str, str]:
    """The SHA-256 of every file."""
    paths = [path for path in bundle.rglob("*") if path.is_file()]
    return {path.relative_to(bundle).as_posix(): sha256(path.read_bytes()).hexdigest() for path in paths}
