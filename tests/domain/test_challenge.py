from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.challenge import LIFETIME, Site, issue
from domain.wallet import Wallet
from infrastructure.ids import nonce
from tests.domain.eip4361 import read
from tests.domain.samples import ADDRESS, CUSTOMER, NOW

SITE = Site("gatehouse.example", "https://gatehouse.example/v1")
ISSUED = issue(SITE, Wallet("137", ADDRESS), customer=CUSTOMER, nonce="c0ffee1234567890", now=NOW)


def test_the_message_is_this_text_to_the_byte() -> None:
    assert ISSUED.message == (
        "gatehouse.example wants you to sign in with your Ethereum account:\n"
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n"
        "\n"
        "\n"
        "URI: https://gatehouse.example/v1\n"
        "Version: 1\n"
        "Chain ID: 137\n"
        "Nonce: c0ffee1234567890\n"
        "Issued At: 2026-01-05T12:00:00.000Z\n"
        "Expiration Time: 2026-01-05T13:00:00.000Z\n"
        "Request ID: 0198a002-0000-7000-8000-000000000002"
    )


def test_the_message_is_of_the_grammar_of_eip_4361() -> None:
    assert read(ISSUED.message) == {
        "domain": SITE.domain,
        "address": ADDRESS,
        "statement": None,
        "uri": SITE.uri,
        "version": "1",
        "chain_id": "137",
        "nonce": ISSUED.nonce,
        "issued_at": "2026-01-05T12:00:00.000Z",
        "expiration_time": "2026-01-05T13:00:00.000Z",
        "not_before": None,
        "request_id": str(CUSTOMER),
        "resources": None,
    }


def test_the_event_carries_what_the_message_says() -> None:
    assert ISSUED.nonce == "c0ffee1234567890"
    assert ISSUED.expires_at == NOW + timedelta(hours=1)
    assert timedelta(hours=1) == LIFETIME


SITES = st.sampled_from(
    [
        SITE,
        Site("localhost:8080", "http://localhost:8080"),
        Site("[::1]:8443", "https://[::1]:8443/"),
        Site("xn--bcher-kva.example", "https://xn--bcher-kva.example/a/b?c=d#e"),
    ]
)
MOMENTS = st.builds(
    lambda microseconds, hours: (NOW + timedelta(microseconds=microseconds)).astimezone(
        timezone(timedelta(hours=hours))
    ),
    st.integers(0, 10**17),
    st.sampled_from([0, 2, -5, 5.5]),
)


@settings(derandomize=True)
@given(SITES, st.integers(1, 2**63), st.uuids(), MOMENTS)
def test_every_message_is_of_the_grammar_and_good_for_an_hour(
    site: Site, chain: int, customer: UUID, now: datetime
) -> None:
    issued = issue(site, Wallet(str(chain), ADDRESS), customer=customer, nonce=nonce(), now=now)

    fields = read(issued.message)
    begins, ends = (datetime.fromisoformat(str(fields[name])) for name in ("issued_at", "expiration_time"))
    assert ends - begins == timedelta(hours=1)
    assert timedelta() <= issued.expires_at - ends < timedelta(milliseconds=1)
    assert (fields["request_id"], fields["chain_id"], fields["nonce"]) == (str(customer), str(chain), issued.nonce)
    assert str(fields["issued_at"]).endswith("Z")


def test_nonces_are_alphanumeric_long_enough_and_never_the_same() -> None:
    nonces = [nonce() for _ in range(1000)]

    assert len(set(nonces)) == 1000
    assert all(text.isascii() and text.isalnum() and len(text) >= 8 for text in nonces)


# The example of the EIP itself, with a statement and resources.
EXAMPLE = """\
example.com wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json"""


def test_the_checker_takes_the_examples_of_the_eip() -> None:
    assert read(EXAMPLE)["statement"] == "I accept the ExampleOrg Terms of Service: https://example.com/tos"
    assert read(EXAMPLE.replace("example.com wants", "example.com:3388 wants"))["domain"] == "example.com:3388"
    assert read("https://" + EXAMPLE)["domain"] == "example.com"


BROKEN = {
    "one empty line": ("\n\n\n", "\n\n"),
    "three empty lines": ("\n\n\n", "\n\n\n\n"),
    "a newline at the end": (str(CUSTOMER), f"{CUSTOMER}\n"),
    "windows newlines": ("\n", "\r\n"),
    "an address in lower case": (ADDRESS, ADDRESS.lower()),
    "a nonce of seven": ("c0ffee1234567890", "c0ffee1"),
    "a nonce with a dash": ("c0ffee1234567890", "c0ffee-1234567890"),
    "a chain by name": ("Chain ID: 137", "Chain ID: polygon"),
    "another version": ("Version: 1", "Version: 2"),
    "a time without a zone": ("12:00:00.000Z", "12:00:00.000"),
    "a time with a space": ("2026-01-05T12", "2026-01-05 12"),
    "fields out of order": ("Version: 1\nChain ID: 137", "Chain ID: 137\nVersion: 1"),
    "a domain with a path": ("gatehouse.example wants", "gatehouse.example/v1 wants"),
    "a request id with a space": ("Request ID: ", "Request ID:  "),
    "a uri without a scheme": ("URI: https:", "URI: "),
    "another greeting": ("wants you to sign in", "Wants you to sign in"),
}


@pytest.mark.parametrize(("part", "instead"), BROKEN.values(), ids=BROKEN)
def test_the_checker_refuses_what_is_not_of_the_grammar(part: str, instead: str) -> None:
    assert part in ISSUED.message
    with pytest.raises(ValueError, match="not an EIP"):
        read(ISSUED.message.replace(part, instead))
