"""Wallets that are contracts: the chain is asked, at a pinned block, whether the wallet takes a signature for its own.

A wallet that is not deployed yet (EIP-6492) is made ready and asked within one simulated call. What the chain does not
say is an outage, never a refusal.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from domain.commands import WalletProof
from infrastructure.wallets import contract_calls as calls
from infrastructure.wallets.ethereum_node import Block, EthereumNode, Reverted
from infrastructure.wallets.wallet_proof import CONTRACT_SUFFIX, personal_digest, read_signature

LONGEST: Final = 8192
"""Bytes of a signature: a factory's call and many owners' signatures fit in."""
DEADLINE: Final = 20.0
"""Seconds that a proof may take, all its calls included."""
PER_PARTNER: Final = parse("5/second")
"""How often a partner may have a chain asked: signatures that are worth nothing cost nobody else their turn."""


class ContractWallets:
    """The chains that can be asked, by CAIP-2 id."""

    def __init__(self, nodes: Mapping[str, EthereumNode]) -> None:
        self._nodes = nodes
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def prove(self, account: str, message: bytes, signature: str, *, partner: UUID) -> WalletProof | None:
        """What the contract at a CAIP-10 account says of a signature that its own key did not make.

        None where there is no contract, or nobody to ask: what the signature itself proves stands. Raises
        `ProviderUnavailable`.
        """
        chain, _, address = account.rpartition(":")
        node = self._nodes.get(chain)
        if node is None:
            return None
        raw = read_signature(signature)
        if raw is None or len(raw) > LONGEST:
            return WalletProof(signer=None, fault="malformed")
        try:
            wrapped = calls.unwrapped(raw) if raw.endswith(CONTRACT_SUFFIX) else None
        except calls.NotAbi:
            return WalletProof(signer=None, fault="malformed")
        if not await self._limiter.hit(PER_PARTNER, str(partner)):
            raise node.unavailable("asked_too_often", retry_after=1)
        wallet = _Asked(node, address.lower(), personal_digest(message))
        try:
            async with asyncio.timeout(DEADLINE):
                return await (wallet.about_wrapped(wrapped) if wrapped else wallet.about(raw))
        except TimeoutError:
            raise node.unavailable("timeout") from None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A wallet that is asked about the digest of one message."""

    node: EthereumNode
    address: str
    digest: bytes

    async def about(self, signature: bytes) -> WalletProof | None:
        """EIP-1271; None where there is no contract."""
        block = await self.node.latest()
        if not await self.node.code(self.address, block):
            return None
        return self._proof("eip1271", block, valid=await self._consents(signature, block))

    async def about_wrapped(self, wrapped: calls.Wrapped) -> WalletProof:
        """EIP-6492: as it is, where it is deployed; where that fails, made ready first."""
        block = await self.node.latest()
        if await self.node.code(self.address, block) and await self._consents(wrapped.signature, block):
            return self._proof("eip6492", block, valid=True)
        both = calls.one_after_the_other(
            (wrapped.factory, wrapped.calldata),
            (self.address, calls.is_valid_signature(self.digest, wrapped.signature)),
        )
        try:
            returned = await self.node.call(calls.MULTICALL, both, block)
            if not returned:  # there is no Multicall3 on this chain
                return WalletProof(signer=None, fault="unknown_contract")
            ready, consent = calls.two_results(returned)
        except (Reverted, calls.NotAbi):  # Multicall3 does neither
            raise self.node.unavailable("malformed") from None
        return self._proof("eip6492", block, valid=ready is not None and consent == calls.VALID)

    async def _consents(self, signature: bytes, block: Block) -> bool:
        question = calls.is_valid_signature(self.digest, signature)
        try:
            return await self.node.call(self.address, question, block) == calls.VALID
        except Reverted:
            return False

    def _proof(self, method: Literal["eip1271", "eip6492"], block: Block, *, valid: bool) -> WalletProof:
        return WalletProof(
            signer=self.address if valid else None, method=method, block_number=block.number, block_hash=block.hash
        )
