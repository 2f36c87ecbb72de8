"""What the screening sources behind an HTTP API have in common: how addresses are written, and what an outage is."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from application.ports import Answer, ProviderUnavailable, Unreadable
from domain.findings import SourceReport
from domain.wallet import ACCOUNT
from infrastructure.provider_api import ProviderApi


async def answer_of(api: ProviderApi, said: Awaitable[bytes], read: Callable[[bytes], SourceReport]) -> Answer:
    """The answer that a payload is; whatever keeps it from coming or from being read is an outage."""
    try:
        payload = await said
        return Answer(read(payload), payload)
    except ProviderUnavailable as failed:
        outage = failed
    except Unreadable:
        outage = api.unavailable("malformed")
    return Answer(SourceReport(source=api.name, answered=False, retry_after=outage.retry_after or None))


def evm_address(wallet: str) -> str:
    """The bare address of a CAIP-10 account, in lower case: vendors know an EVM address whatever the chain.

    Raises `Unreadable` for an account of other chains, about which no answer says anything.
    """
    account = ACCOUNT.fullmatch(wallet)
    if account is None:
        raise Unreadable
    return account[2].lower()


def is_about(wallet: str, address: str) -> bool:
    """Whether an answer that names `address` is about this wallet; letter case says nothing."""
    return address.strip().lower() == evm_address(wallet)


def one_meaning(payload: bytes) -> bytes:
    """The payload, if no object in it says a thing twice: readers disagree on which one counts (RFC 8259, 4).

    Raises `Unreadable`.
    """
    try:
        _MEMBERS.decode(payload.decode())
    except (ValueError, RecursionError):
        raise Unreadable from None
    return payload


def _refuse_repeated(members: list[tuple[str, Any]]) -> None:
    if len(members) != len(dict(members)):
        raise ValueError


_MEMBERS: Final = json.JSONDecoder(object_pairs_hook=_refuse_repeated)
