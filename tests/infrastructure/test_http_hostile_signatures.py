"""Signature headers that somebody made up: each is refused, none is our fault, and nothing of them is repeated."""

from typing import Final

import pytest

from infrastructure.http import refusal_timing
from infrastructure.http.request_signatures import LARGEST
from tests.support.http import CANARY, assert_problem
from tests.support.signing import Signer, assert_refused, new_signer
from tests.support.world import World

pytestmark = pytest.mark.anyio

HOSTILE: Final[dict[str, tuple[list[str], list[str]]]] = {
    "no input": ([], ["sig={raw}"]),
    "no signature": (["sig={inner}"], []),
    "other labels": (["a={inner}"], ["b={raw}"]),
    "one label more": (["sig={inner}"], ["sig={raw}, b={raw}"]),
    "two signatures": (["a={inner}, b={inner}"], ["a={raw}, b={raw}"]),
    "two signatures on two lines": (["a={inner}", "b={inner}"], ["a={raw}", "b={raw}"]),
    "a label twice": (["sig={inner}, sig={inner}"], ["sig={raw}, sig={raw}"]),
    "a label twice, on two lines": (["sig={inner}", "sig={inner}"], ["sig={raw}", "sig={raw}"]),
    "a label in capitals": (["SIG={inner}"], ["SIG={raw}"]),
    "a text for a signature": (["sig={inner}"], ['sig="{raw}"']),
    "no base64": (["sig={inner}"], ["sig=:!!!!:"]),
    "hex": (["sig={inner}"], ["sig=" + "ab" * 64]),
    "nothing signed": (["sig={inner}"], ["sig=::"]),
    "zeros": (["sig={inner}"], [f"sig=:{'A' * 86}==:"]),
    "a signature of the other length": (["sig={inner}"], [f"sig=:{'A' * 128}:"]),
    "a signature that is longer by a byte": (["sig={inner}"], ["sig=:AAAA{tail}"]),
    "an item for a list": (['sig="@method"'], ["sig={raw}"]),
    "a word of ours": ([CANARY], [CANARY]),
    "brackets without end": (["sig=" + "(" * 1000], ["sig={raw}"]),
    "very many components": (["sig=(" + '"a" ' * 300 + ")"], ["sig={raw}"]),
    "very many parameters": (["sig={inner}" + ";a" * 500], ["sig={raw}"]),
    "no ASCII": (['sig=("\xe9" "@method")'], ["sig={raw}"]),
    "a number without end": (["sig=();created=" + "9" * 1000], ["sig={raw}"]),
    "a list of headers": (["sig={inner}", "x, y, z"], ["sig={raw}"]),
}
"""Lines of `Signature-Input` and of `Signature`, where a sound signature is {inner} and {raw}."""

REWRITTEN: Final = {
    "components that are no texts": ('"@method"', "method"),
    "a component in capitals": ("@method", "@METHOD"),
    "a component twice": ("(", '("@method" '),
    "a component that is not there": ("(", f'("x-{CANARY}" '),
    "the parameters among the components": ("(", '("@signature-params" '),
    "a status": ("(", '("@status" '),
    "a component of another request": ('"@method"', '"@method";req'),
    "the key in binary": ('"authorization"', '"authorization";bs'),
    "the key as a dictionary": ('"authorization"', '"authorization";key="a"'),
    "the key as a trailer": ('"authorization"', '"authorization";tr'),
    "another time": (";keyid=", "0;keyid="),
    "no components": ('("@method" "@target-uri" "authorization")', "()"),
}
"""What stands in a sound `Signature-Input`, and what takes its place."""


@pytest.fixture(autouse=True)
def _not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal_timing, "HELD_BACK", (0.0, 0.0))


@pytest.fixture(scope="module")
async def signer(world: World) -> Signer:
    return await new_signer(world)


async def sent(signer: Signer, inputs: list[str], signatures: list[str]) -> tuple[int, str]:
    """What a request with such headers is answered: status, and code of the problem or of the error in it."""
    lines = [*(("Signature-Input", line) for line in inputs), *(("Signature", line) for line in signatures)]
    headers = [("Authorization", f"Bearer {signer.key}"), *lines]
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    response = await signer.world.partner.get("/v1/customers", headers=encoded)
    if response.status_code == 200:
        return 200, ""
    assert_refused(response, why := response.json()["errors"][0]["code"])
    return response.status_code, why


def sound(signer: Signer) -> tuple[str, str]:
    """A signature that holds: what is signed, and the signature."""
    headers = signer.signing.headers(signer.request("GET", "/v1/customers", b""))
    return headers["Signature-Input"].removeprefix("sig="), headers["Signature"].removeprefix("sig=")


async def test_what_is_spoilt_here_would_hold(signer: Signer) -> None:
    inner, raw = sound(signer)

    assert await sent(signer, [f"sig={inner}"], [f"sig={raw}"]) == (200, "")
    assert await sent(signer, [f"x-1*.y={inner}"], [f"x-1*.y={raw}"]) == (200, "")


@pytest.mark.parametrize(("inputs", "signatures"), HOSTILE.values(), ids=HOSTILE)
async def test_hostile_headers_are_refused(signer: Signer, inputs: list[str], signatures: list[str]) -> None:
    inner, raw = sound(signer)

    def filled(lines: list[str]) -> list[str]:
        return [line.format(inner=inner, raw=raw, tail=raw[1:]) if "{" in line else line for line in lines]

    assert await sent(signer, filled(inputs), filled(signatures)) == (401, "not_verified")


@pytest.mark.parametrize(("found", "instead"), REWRITTEN.values(), ids=REWRITTEN)
async def test_a_signed_text_that_was_rewritten_is_refused(signer: Signer, found: str, instead: str) -> None:
    inner, raw = sound(signer)
    assert found in inner

    assert await sent(signer, [f"sig={inner.replace(found, instead, 1)}"], [f"sig={raw}"]) == (401, "not_verified")


async def test_large_headers_are_not_parsed(signer: Signer) -> None:
    inner, raw = sound(signer)
    filling = ";a" * (LARGEST // 2)

    for inputs, signatures in (
        ([f"sig={inner}{filling}"], [f"sig={raw}"]),
        ([f"sig={inner}"], [f"sig={raw}", *[f"a{number}=:{'A' * 40}:" for number in range(50)]]),
        (["a" * 30_000], ["b"]),
    ):
        assert await sent(signer, inputs, signatures) == (401, "malformed")


async def test_names_of_headers_may_be_cased_in_any_way(signer: Signer) -> None:
    inner, raw = sound(signer)

    response = await signer.world.partner.get(
        "/v1/customers",
        headers=[
            (b"AUTHORIZATION", f"bearer {signer.key}".encode()),
            (b"sIGNATURE-iNPUT", f"sig={inner}".encode()),
            (b"SIGNATURE", f"sig={raw}".encode()),
        ],
    )

    assert_problem(response, 401, "request_signature_invalid")  # the scheme's letters are signed as they are sent
    response = await signer.world.partner.get(
        "/v1/customers",
        headers=[
            (b"AUTHORIZATION", f"Bearer {signer.key}".encode()),
            (b"sIGNATURE-iNPUT", f"sig={inner}".encode()),
            (b"SIGNATURE", f"sig={raw}".encode()),
        ],
    )
    assert response.status_code == 200
