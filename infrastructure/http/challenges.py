"""The challenge: read it, and answer it with a signature. Every wrong answer is an event with its reason."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from hashlib import sha256
from typing import Final

from starlette.responses import Response

from application.executor import Outcome
from domain.challenge import issue
from domain.commands import IssueChallenge, SignChallenge
from domain.customer import Challenge, fold
from domain.events import ChallengeFailed
from domain.refusals import UnknownCustomer
from infrastructure.http import models
from infrastructure.http.problems import Problem
from infrastructure.http.requests import read_body, read_id
from infrastructure.http.resources import PARTNER, answer, change_customer, etag, own_customer, read_wallet
from infrastructure.http.routing import Call, Route
from infrastructure.ids import nonce
from infrastructure.services import Services
from infrastructure.wallet_proof import prove

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
                problems=(*gone, "challenge_already_signed"),
            ),
            Route(
                "POST",
                one + "/challenge/sign",
                self.sign,
                PARTNER,
                "Answer the challenge with a signature",
                status=204,
                body=models.SignedChallenge,
                problems=(
                    *gone,
                    "signature_invalid",
                    "challenge_already_signed",
                    "challenge_expired",
                    "contract_wallet_unsupported",
                    "malformed_account",
                    "invalid_checksum",
                ),
            ),
        ]

    async def challenge(self, call: Call) -> Response:
        """The open challenge; a new one if the last expired or failed."""
        customer_id = read_id(call.request)
        row = await own_customer(self._services, call, customer_id)
        wallet = read_wallet(row.chain_id)
        now = self._services.clock()
        fresh = issue(self._services.site, wallet, customer=customer_id, nonce=nonce(), now=now)
        outcome = await change_customer(self._services, call, customer_id, IssueChallenge(fresh, now))
        open_challenge = _open(outcome)
        return answer(
            models.ChallengeResource(
                challenge=b64encode(open_challenge.message.encode()).decode(), expires_at=open_challenge.expires_at
            ),
            version=outcome.version,
        )

    async def sign(self, call: Call) -> Response:
        """204 once the signature proves ownership."""
        customer_id = read_id(call.request)
        body = await read_body(call.request, models.SignedChallenge)
        read_wallet(body.chain_id)
        message = _message(body.challenge)
        command = SignChallenge(
            wallet=body.chain_id,
            message=message,
            signature=body.signature,
            proof=prove((message or "").encode(), body.signature),
            submitted=sha256(f"{body.challenge}\n{body.signature}".encode()).hexdigest(),
            now=self._services.clock(),
        )
        outcome = await change_customer(self._services, call, customer_id, command)
        for envelope in outcome.added:
            if isinstance(envelope.event, ChallengeFailed):
                raise Problem(_FAILED[envelope.event.reason])
        return Response(status_code=204, headers=etag(outcome.version))


def _open(outcome: Outcome) -> Challenge:
    """The challenge that waits to be signed after a command."""
    customer = fold(envelope.event for envelope in outcome.history)
    if customer is None or customer.challenge is None:
        raise UnknownCustomer
    return customer.challenge


def _message(challenge: str) -> str | None:
    """The message in a base64 challenge; None where there is none, which no issued message equals."""
    try:
        return b64decode(challenge, validate=True).decode()
    except (NotBase64, ValueError):
        return None
