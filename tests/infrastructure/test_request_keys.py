"""Which public keys are taken, and what is decided on an API key's stream."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from domain.events import ApiKeyIssued, ApiKeyRevoked, RequestKeyRegistered, RequestKeyRemoved
from infrastructure.request_keys import (
    LONGEST_PEM,
    MalformedRequestKey,
    UnknownApiKey,
    parse,
    register,
    remove,
)
from tests.support.signing import new_pair, pem_of

ISSUED = ApiKeyIssued(key_hash="0" * 64, role="partner", name="a")


@pytest.mark.parametrize("algorithm", ["ecdsa-p384-sha384", "ed25519"])
def test_a_keys_type_says_its_algorithm(algorithm: str) -> None:
    pem = pem_of(new_pair(algorithm))

    key = parse(f"\n{pem}".replace("\n", "\r\n"))

    assert (key.algorithm, key.pem) == (algorithm, pem)


def test_other_keys_and_other_halves_are_refused() -> None:
    pair = ed25519.Ed25519PrivateKey.generate()
    private = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    others = [ec.generate_private_key(curve).public_key() for curve in (ec.SECP256R1(), ec.SECP521R1(), ec.SECP256K1())]
    others += [
        rsa.generate_private_key(65537, 2048).public_key(),  # type: ignore[list-item] # one list of every kind
        ed448.Ed448PrivateKey.generate().public_key(),  # type: ignore[list-item] # the same
        x25519.X25519PrivateKey.generate().public_key(),  # type: ignore[list-item] # the same
    ]
    pems = [key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for key in others]
    sound = pem_of(pair)
    for text in (
        *pems,
        private,
        "",
        "key",
        sound[:60],
        sound.replace("PUBLIC", "PRIVATE"),
        sound * (LONGEST_PEM // 50),
    ):
        with pytest.raises(MalformedRequestKey):
            parse(text)


def test_a_key_that_is_no_point_of_the_curve_is_refused() -> None:
    pem = pem_of(new_pair("ecdsa-p384-sha384"))
    head, *lines, foot = pem.splitlines()
    spoilt = "\n".join([head, *lines[:-1], lines[-1][:-4] + "AAAA", foot])

    with pytest.raises(MalformedRequestKey):
        parse(spoilt)


def test_a_key_is_registered_once_replaced_and_removed_once() -> None:
    first, second = (parse(pem_of(new_pair("ed25519"))) for _ in range(2))

    [registered] = register(first, [ISSUED])
    assert registered == RequestKeyRegistered(algorithm="ed25519", public_key=first.pem)
    assert register(first, [ISSUED, registered]) == ()
    assert len(register(second, [ISSUED, registered])) == 1
    [removed] = remove([ISSUED, registered])
    assert removed == RequestKeyRemoved()
    assert remove([ISSUED]) == remove([ISSUED, registered, removed]) == ()
    assert len(register(first, [ISSUED, registered, removed])) == 1


def test_what_is_no_api_key_any_more_has_no_request_key() -> None:
    key = parse(pem_of(new_pair("ed25519")))

    for history in ([], [RequestKeyRemoved()], [ISSUED, ApiKeyRevoked()]):
        with pytest.raises(UnknownApiKey):
            register(key, history)
        with pytest.raises(UnknownApiKey):
            remove(history)
