"""Errors as RFC 9457 problem details. One table says what each code means; nothing repeats what the caller sent."""

import json
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

TYPES: Final = "urn:gatehouse:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of problem."""

    status: int
    title: str


PROBLEMS: Final[dict[str, Kind]] = {
    "malformed_http": Kind(400, "This is not an HTTP/1.1 request."),
    "invalid_json": Kind(400, "The body is not JSON."),
    "unauthenticated": Kind(401, "A valid token is needed: `Authorization: Bearer <token>`."),
    "invalid_credentials": Kind(401, "There is no such key, or this is not its secret."),
    "signature_invalid": Kind(401, "The signature does not prove ownership of the wallet."),
    "callback_signature_invalid": Kind(401, "The callback's signature does not hold, or it is too old."),
    "request_signature_required": Kind(
        401, "This key's requests must be signed (RFC 9421): a public key is registered."
    ),
    "request_signature_invalid": Kind(401, "The request's signature does not hold; `errors` says in which way."),
    "forbidden": Kind(403, "This key's role may not do this."),
    "onboarding_barred": Kind(403, "This wallet or person cannot be onboarded."),
    "not_found": Kind(404, "There is nothing here."),
    "key_not_found": Kind(404, "There is no such API key, or it was revoked."),
    "policy_not_found": Kind(404, "There is no such policy."),
    "schema_not_found": Kind(404, "There is no such schema."),
    "customer_not_found": Kind(404, "There is no such customer."),
    "review_not_found": Kind(404, "There is no such review."),
    "evidence_not_found": Kind(404, "There is no such evidence of this customer."),
    "webhook_not_found": Kind(404, "There is no such webhook."),
    "delivery_not_found": Kind(404, "There is no such delivery, or it is not kept any more."),
    "export_not_found": Kind(404, "There is no such export, or it is not kept any more."),
    "entry_not_found": Kind(404, "The log has nothing at this position."),
    "checkpoint_not_found": Kind(404, "No such checkpoint was published."),
    "tile_not_found": Kind(404, "No published checkpoint's tree has this tile."),
    "method_not_allowed": Kind(405, "This resource does not have this method."),
    "request_timeout": Kind(408, "The request took too long to arrive."),
    "customer_exists": Kind(409, "This wallet is registered already."),
    "challenge_already_signed": Kind(409, "The challenge was signed already."),
    "wrong_status": Kind(409, "The customer's status does not allow this."),
    "activation_reserved": Kind(409, "Only we can activate this customer."),
    "not_verifying": Kind(409, "The customer has no verification session now."),
    "in_progress": Kind(409, "The first request with this idempotency key has no answer yet: try again."),
    "nothing_to_decide": Kind(409, "There is nothing of this kind to decide."),
    "trial_under_way": Kind(409, "A trial is under way: wait until it ends."),
    "replay_under_way": Kind(409, "A replay is under way: wait until it ends."),
    "export_under_way": Kind(409, "An export is under way: wait until it ends."),
    "export_not_ready": Kind(409, "The export is not finished, or it failed."),
    "too_many_webhooks": Kind(409, "There are as many webhooks as there may be: remove one first."),
    "test_under_way": Kind(409, "A test of this webhook is under way: wait until it ends."),
    "self_confirmation": Kind(409, "Whoever proposes a rejection cannot confirm it."),
    "self_refusal": Kind(409, "Whoever proposes a rejection takes it back; another officer refuses it."),
    "not_the_proposer": Kind(409, "Only whoever proposed a rejection takes it back."),
    "legal_hold": Kind(409, "The customer is under legal hold."),
    "retention_period": Kind(409, "The customer's data has to be kept for some time yet."),
    "partner_request_alone": Kind(409, "A partner's request alone is no reason to erase a customer's data."),
    "not_in_a_checkpoint_yet": Kind(409, "No published checkpoint covers this yet: ask again after the next one."),
    "challenge_expired": Kind(410, "The challenge has expired: ask for a new one."),
    "evidence_erased": Kind(410, "The evidence is gone with the customer's personal data."),
    "customer_erased": Kind(410, "The customer's personal data was erased: nothing more happens to it."),
    "version_mismatch": Kind(412, "The customer has changed: read it again."),
    "sanctions_list_older": Kind(409, "The sanctions list is older than the one in force."),
    "sanctions_list_smaller": Kind(409, "The sanctions list has much less in it than the one in force."),
    "body_too_large": Kind(413, "The body is larger than 64 KiB."),
    "unsupported_media_type": Kind(415, "The body is not of the media type that this operation takes."),
    "range_not_satisfiable": Kind(416, "The file has no such part."),
    "format_unavailable": Kind(422, "This service was installed without what this format needs."),
    "idempotency_key_reused": Kind(422, "This idempotency key was used for another request."),
    "invalid_request": Kind(422, "The request is not well formed."),
    "malformed_account": Kind(422, "Not a CAIP-10 account of an EVM chain: `eip155:<chain id>:0x<40 hex digits>`."),
    "invalid_checksum": Kind(422, "The address's EIP-55 checksum does not hold."),
    "callback_url_refused": Kind(422, "Callback URLs are https, with the name of a host whose addresses are public."),
    "malformed_id": Kind(422, "Ids are UUIDs."),
    "invalid_cursor": Kind(422, "The cursor is not one of ours, or belongs to another query."),
    "as_of_in_future": Kind(422, "A moment asked for must not lie in the future, nor beyond the log's last position."),
    "contract_wallet_unsupported": Kind(422, "Contract wallets cannot be verified on this chain yet."),
    "malformed_public_key": Kind(422, "Not the public key of an ECDSA P-384 or Ed25519 pair, in PEM."),
    "malformed_sanctions_list": Kind(422, "This is not a whole sanctions list in OFAC's advanced format."),
    "sanctions_list_in_future": Kind(422, "The sanctions list is of a day that is yet to come."),
    "outcome_not_applicable": Kind(422, "This step has no such outcome."),
    "too_many_requests": Kind(429, "Too many requests: try again when `Retry-After` says."),
    "too_many_streams": Kind(429, "As many streams and long polls are open under this key as may be: close one."),
    "head_too_large": Kind(431, "The request line and the headers are larger than 32 KiB, or there are more than 100."),
    "internal_error": Kind(500, "Something went wrong on our side."),
    "log_does_not_match": Kind(500, "The log does not match what was signed of it: there is no proof to be had."),
    "projection_behind": Kind(503, "The list does not show yet what was written before: try again."),
    "unavailable": Kind(503, "The service cannot answer now: try again."),
}


class Problem(Exception):
    """An error that the caller is told of."""

    def __init__(self, code: str, *, headers: dict[str, str] | None = None, **extra: Any) -> None:  # noqa: ANN401
        super().__init__(code)
        self.code = code
        self.headers = headers or {}
        self.extra = extra


def problem_response(problem: Problem) -> Response:
    """The problem as a response. `extra` members stand beside the standard ones."""
    kind = PROBLEMS[problem.code]
    body = {
        "type": TYPES + problem.code,
        "title": kind.title,
        "status": kind.status,
        "code": problem.code,
        **problem.extra,
    }
    headers = dict(problem.headers)
    if kind.status == 401:  # noqa: PLR2004 -- RFC 9110 asks for it with this status
        headers.setdefault("WWW-Authenticate", 'Bearer realm="gatehouse"')
    if kind.status == 503:  # noqa: PLR2004 -- how long to wait
        headers.setdefault("Retry-After", "1")
    return Response(
        json.dumps(body, default=str), status_code=kind.status, headers=headers, media_type="application/problem+json"
    )
