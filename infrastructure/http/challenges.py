"""The challenge: read it, and answer it with a signature. Every wrong answer is an event with its reason."""

from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import replace
from hashlib import sha256
from typing import Final
from uuid import UUID

from starlette.responses import Response

from application.executor import Outcome
from domain.challenge import issue
from domain.commands import IssueChallenge, SignChallenge, WalletProof
from domain.customer import fold
from domain.decide import decide
from domain.events import ChallengeFailed, ChallengeVerified
from domain.refusals import CustomerErased, UnknownCustomer
from domain.wallet import same_wallet
from infrastructure.http import models
from infrastructure.http.problems import Problem
from infrastructure.http.rates import Budget
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.resources import (
    PARTNER,
    answer,
    change_customer,
    encoded,
    etag,
    open_challenge,
    own_customer,
    partner_of,
    read_wallet,
    row_of,
)
from infrastructure.http.routing import Call, Route
from infrastructure.ids import nonce
from infrastructure.services import Services
from infrastructure.wallets.wallet_proof import prove

WRONG_ANSWERS: Final = 20
"""A minute, of one customer: each is an event, and all of a customer's are read for every command."""
_FAILED: Final = {
    "expired": "challenge_expired",
    "other_message": "signature_invalid",
    "malformed": "signature_invalid",
    "wrong_signer": "signature_invalid",
    "unknown_contract": "contract_wallet_unsupported",
}


class ChallengeRoutes:
    """Proof that the wallet's owner is there."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wrong = Budget("wrong-answers", WRONG_ANSWERS)

    def routes(self) -> list[Route]:
        """Every operation, with who may call it."""
        one, gone = "/customers/{customer_id}", ("malformed_id", "customer_not_found")
        return [
            Route(
                "GET",
                one + "/challenge",
                self.challenge,
                PARTNER,
                "Read the challenge to sign",
                answer=models.ChallengeResource,
                headers=("ETag",),
                problems=(*gone, "challenge_already_signed", "customer_erased"),
            ),
            Route(
                "POST",
                one + "/challenge/sign",
                self.sign,
                PARTNER,
                "Answer the challenge with a signature",
                status=204,
                headers=("ETag",),
                body=models.SignedChallenge,
                problems=(
                    *gone,
                    "signature_invalid",
                    "challenge_already_signed",
                    "challenge_expired",
                    "customer_erased",
                    "contract_wallet_unsupported",
                    "malformed_account",
                    "invalid_checksum",
                ),
                render=_signed,
            ),
        ]

    async def challenge(self, call: Call) -> Response:
        """The open challenge; a new one if the last expired or failed."""
        customer_id = read_id(call.request)
        row = await own_customer(self._services, call, customer_id)
        if not row.chain_id:
            raise CustomerErased
        wallet = read_wallet(row.chain_id)
        now = self._services.clock()
        fresh = issue(self._services.site, wallet, customer=customer_id, nonce=nonce(), now=now)
        outcome = await change_customer(self._services, call, customer_id, IssueChallenge(fresh, now))
        found = open_challenge(outcome)
        resource = models.ChallengeResource(challenge=encoded(found), expires_at=found.expires_at)
        return answer(resource, headers=etag(call, row_of(outcome)))

    async def sign(self, call: Call) -> Response:
        """204 once the signature proves ownership."""
        customer_id = read_id(call.request)
        body = await read_body(call.request, models.SignedChallenge)
        read_wallet(body.chain_id)
        counted = (partner_of(call), customer_id)  # another's is not found, whatever is left of its partner's
        self._wrong.check(counted)
        message = _message(body.challenge)
        command = SignChallenge(
            wallet=body.chain_id,
            message=message,
            signature=body.signature,
            proof=prove((message or "").encode(), body.signature),
            submitted=sha256(f"{body.challenge}\n{body.signature}".encode()).hexdigest(),
            now=self._services.clock(),
        )
        if not _signed_by_key(command):
            command = await self._asked_of_contract(call, customer_id, command)
        outcome = await change_customer(self._services, call, customer_id, command)
        if any(isinstance(envelope.event, ChallengeFailed) for envelope in outcome.added):
            self._wrong.note(counted)
        return await _signed(call, outcome)

    async def _asked_of_contract(self, call: Call, customer_id: UUID, command: SignChallenge) -> SignChallenge:
        """The command with what the wallet says, where it may be a contract and its word would decide.

        Nobody is asked about an answer that fails whatever the wallet says. Raises `ProviderUnavailable`.
        """
        contracts, partner = self._services.contracts, partner_of(call)
        if contracts is None or command.message is None:
            return command
        history = (await self._services.reader.streams([customer_id])).get(customer_id, [])
        customer = fold(envelope.event for envelope in history)
        if customer is None or customer.partner != partner:
            raise UnknownCustomer
        consent = replace(command, proof=WalletProof(signer=customer.wallet))
        if not any(isinstance(event, ChallengeVerified) for event in decide(customer, consent)):
            return command
        message = command.message.encode()
        proof = await contracts.prove(customer.wallet, message, command.signature, partner=partner)
        return command if proof is None else replace(command, proof=proof)


async def _signed(call: Call, outcome: Outcome) -> Response:
    for envelope in outcome.added:
        if isinstance(envelope.event, ChallengeFailed):
            raise Problem(_FAILED[envelope.event.reason])
    return Response(status_code=204, headers=etag(call, row_of(outcome)))


def _signed_by_key(command: SignChallenge) -> bool:
    """Whether the wallet's own key made the signature, as far as the answer tells which wallet it is."""
    signer = command.proof.signer
    return signer is not None and same_wallet(signer, command.wallet)


def _message(challenge: str) -> str | None:
    """The message in a base64 challenge; None where there is none, which no issued message equals."""
    try:
        return b64decode(challenge, validate=True).decode()
    except (NotBase64, ValueError):
        return None
