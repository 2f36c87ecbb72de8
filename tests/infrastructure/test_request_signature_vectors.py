"""RFC 9421's own signatures and RFC 9530's own digests. The RFC has none with P-384: those are signed by hand."""

from hashlib import sha256, sha512
from types import SimpleNamespace
from typing import Final

import pytest
from http_message_signatures import HTTPMessageSignaturesException, MappingKeyResolver

from infrastructure.http.admin_models import PEM
from infrastructure.http.content_digest import expected_digests
from infrastructure.http.request_signatures import ALGORITHMS, Verifier
from infrastructure.request_keys import parse

BODY: Final = b'{"hello": "world"}'
SHA_256: Final = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
SHA_512: Final = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
KEY: Final = "test-key-ed25519"

B_2_6: Final = SimpleNamespace(
    method="POST",
    url="https://example.com/foo?param=Value&Pet=dog",
    headers={
        "Host": "example.com",
        "Date": "Tue, 20 Apr 2021 02:07:55 GMT",
        "Content-Type": "application/json",
        "Content-Digest": SHA_512,
        "Content-Length": "18",
        "Signature-Input": 'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
        f';created=1618884473;keyid="{KEY}"',
        "Signature": "sig-b26="
        ":wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
    },
)
B_4: Final = SimpleNamespace(
    method="GET",
    url="https://example.org/demo?name1=Value1&Name2=value2",
    headers={
        "Host": "example.org",
        "Date": "Fri, 15 Jul 2022 14:24:55 GMT",
        "Accept": "application/json, */*",
        "Signature-Input": f'transform=("@method" "@path" "@authority" "accept");created=1618884473;keyid="{KEY}"',
        "Signature": "transform="
        ":ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:",
    },
)


def verify(message: SimpleNamespace) -> None:
    """What the service does, but for the age."""
    key = parse(PEM)
    resolver = MappingKeyResolver(public_keys={KEY: key.public}, private_keys={})
    Verifier(signature_algorithm=ALGORITHMS[key.algorithm], key_resolver=resolver).verify(message, max_age=None)


@pytest.mark.parametrize("message", [B_2_6, B_4], ids=["B.2.6", "B.4"])
def test_the_rfcs_signature_holds(message: SimpleNamespace) -> None:
    verify(message)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"url": "https://example.com/foo/?param=Value&Pet=dog"},
        {"url": "https://example.com:8443/foo?param=Value&Pet=dog"},
        {"headers": B_2_6.headers | {"Date": "Tue, 20 Apr 2021 02:07:56 GMT"}},
    ],
)
def test_a_changed_request_has_no_signature_of_the_rfcs(change: dict[str, object]) -> None:
    with pytest.raises(HTTPMessageSignaturesException):
        verify(SimpleNamespace(**(vars(B_2_6) | change)))


def test_the_rfcs_digests_are_those_of_its_body() -> None:
    digests = expected_digests(f"{SHA_256}, {SHA_512}")

    assert digests == {"sha-256": sha256(BODY).digest(), "sha-512": sha512(BODY).digest()}
