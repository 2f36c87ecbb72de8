"""Which key signs the log: each is announced in the log itself, by the key before it where that is at hand.

Whoever knows the first key can follow the announcements to the newest. A key that was lost is followed by one without
the old one's signature, which everybody can see.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from application.handlers import append
from application.streams import signing_stream
from application.transparency.notes import BadNote, Signer, signed
from domain.events import SigningKeyAnnounced
from domain.vocabulary import Event
from infrastructure.faults import KeyProblem
from infrastructure.reading import Reader
from infrastructure.services import Services
from infrastructure.settings import Settings

ACTOR: Final = "system:keys"


async def announced(reader: Reader) -> list[SigningKeyAnnounced]:
    """All signing keys, the one in force last."""
    history = (await reader.streams([signing_stream()])).get(signing_stream(), [])
    return _keys([envelope.event for envelope in history])


async def announce_signing_key(services: Services, settings: Settings, *, lost: bool = False) -> None:
    """Make this process' key the one in force, if it is not. Raises `KeyProblem` where nobody can vouch for it.

    `lost`: the key before it need not vouch for it, and does if it is at hand after all.
    """
    known = await announced(services.reader)
    origin = _origin(settings, known)
    signer = services.signing.signer(origin)
    if known and known[-1].key == signer.public.vkey:
        return
    previous = await services.signing.previous(origin) if known else None
    decide = partial(announcement, signer=signer, previous=previous, lost=lost)
    await services.execute(lambda: append(signing_stream(), decide), actor=ACTOR)


async def current_signer(services: Services) -> Signer:
    """The key in force, for one signature. Raises `KeyProblem` where none is announced, or it is not at hand."""
    try:
        known = await announced(services.reader)
        if not known:
            raise KeyProblem("no signing key was announced yet: start the service once")
        return await services.signing.matching(known[-1].key)
    except (ValueError, BadNote) as fault:
        raise KeyProblem("what the log has as the announcement of its signing key is none") from fault


def announcement(
    history: Sequence[Event], *, signer: Signer, previous: Signer | None, lost: bool = False
) -> tuple[SigningKeyAnnounced, ...]:
    """What has to be announced for `signer` to be in force: nothing if it is. Raises `KeyProblem`."""
    known = _keys(history)
    key = signer.public.vkey
    if not known:
        return (SigningKeyAnnounced(key=key),)
    newest = known[-1].key
    if newest == key:
        return ()
    if any(one.key == key for one in known):
        raise KeyProblem("the signing key was replaced by another: give this process the one that was announced last")
    if previous is not None and previous.public.vkey == newest:
        return (SigningKeyAnnounced(key=key, previous=newest, handover=signed(handover_of(signer), previous).whole),)
    if lost:
        return (SigningKeyAnnounced(key=key, previous=newest),)
    raise KeyProblem(
        "the signing key is not the one that the log announced, which is not at hand as signing.previous:"
        " if it is lost, run `./run keys rotate signing --lost`"
    )


def handover_of(signer: Signer) -> str:
    """The text in which a key names the next."""
    return f"{signer.public.name}\nnext signing key\n{signer.public.vkey}\n"


def _keys(history: Sequence[Event]) -> list[SigningKeyAnnounced]:
    return [event for event in history if isinstance(event, SigningKeyAnnounced)]


def _origin(settings: Settings, known: Sequence[SigningKeyAnnounced]) -> str:
    """The log's name: as it was announced, or as it is to be. Raises `KeyProblem` where it is set to another."""
    if not known:
        return settings.origin or f"{urlsplit(settings.url).hostname}/log"
    name = known[-1].key.partition("+")[0]
    if settings.origin not in (None, name):
        raise KeyProblem(f"GATEHOUSE_ORIGIN is not the log's name, which was announced as {name}")
    return name
