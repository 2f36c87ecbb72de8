"""This process' signing key. It is read again where the log has announced another: a rotation stops nobody."""

import asyncio

from application.transparency.notes import PublicKey, Signer, parse_key
from infrastructure.faults import KeyProblem
from infrastructure.keys.sources import KeySource


class SigningKey:
    """The key that was loaded, and where to look for the next."""

    def __init__(self, source: KeySource, seed: bytes) -> None:
        self._source = source
        self._seed = seed
        self._newest: Signer | None = None

    def signer(self, origin: str) -> Signer:
        """The key as it was loaded, under the log's name."""
        return Signer(origin, self._seed)

    async def previous(self, origin: str) -> Signer | None:
        """The key before it, where the source still has it."""
        seed = await asyncio.to_thread(self._source.find, "signing.previous")
        return Signer(origin, seed) if seed else None

    async def matching(self, vkey: str) -> Signer:
        """The secret of an announced key. Raises `KeyProblem` where the source does not have it."""
        wanted = parse_key(vkey)
        signer = self._newest or self.signer(wanted.name)
        if signer.public != wanted:
            signer = self._newest = await self._found(wanted)
        return signer

    async def _found(self, wanted: PublicKey) -> Signer:
        """The newest key or, for as long as a rotation takes, the one before it."""
        for name in ("signing", "signing.previous"):
            seed = await asyncio.to_thread(self._source.find, name)
            if seed and (signer := Signer(wanted.name, seed)).public == wanted:
                return signer
        raise KeyProblem("the signing key that the log announced last is not at hand")
