import json
import re
from itertools import islice

import pytest

from bench.data import customer_ids, customers
from bench.traffic import checksummed, guarded, lookups, registrations


@pytest.mark.parametrize(
    "address",  # the examples of EIP-55
    [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    ],
)
def test_addresses_are_written_as_wallets_write_them(address: str) -> None:
    assert checksummed(bytes.fromhex(address[2:])) == address


def test_every_registration_is_of_another_customer() -> None:
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in islice(registrations("gh_key"), 1000)]

    assert len({body["chainId"].lower() for body in bodies}) == 1000
    assert len({body["externalId"] for body in bodies}) == 1000


def test_a_registration_is_a_complete_request() -> None:
    head, _, body = next(registrations("gh_key")).partition(b"\r\n\r\n")

    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /v1/customers HTTP/1.1"
    assert f"Content-Length: {len(body)}" in lines
    assert "Authorization: Bearer gh_key" in lines


def test_a_careful_caller_sends_the_same_with_its_own_credentials_and_a_key_for_each_write() -> None:
    plain = [*islice(registrations("gh_key"), 3), *islice(lookups("gh_key", customer_ids(5)), 1)]

    dressed = [*guarded(plain, "gh_other")]

    assert [request.partition(b"\r\n\r\n")[2] for request in dressed] == [
        request.partition(b"\r\n\r\n")[2] for request in plain
    ]
    keys = [re.findall(rb'\r\nIdempotency-Key: "([0-9a-f-]{36})"\r\n', request) for request in dressed]
    assert len({key for found in keys for key in found}) == 3
    assert keys[3] == []
    for request in dressed:
        assert re.findall(rb"\r\nAuthorization: (.*)\r\n", request) == [b"Bearer gh_other"]


def test_lookups_are_of_customers_that_were_loaded() -> None:
    ids = customer_ids(50)

    paths = [request.split(b" ")[1].decode() for request in islice(lookups("gh_key", ids), 500)]

    assert set(paths) == {f"/v1/customers/{customer}" for customer in ids}


def test_the_same_customers_are_loaded_on_every_side() -> None:
    assert list(customers(100)) == list(customers(100))
    assert len(set(customer_ids(1000))) == 1000
