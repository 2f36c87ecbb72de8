import asyncio
import threading
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infrastructure.webhooks.callback_url import BadCallbackUrl, parse_callback_url
from infrastructure.webhooks.public_addresses import THREADS, AddressRefused, Guard, Resolver, is_public


@pytest.mark.parametrize(
    ("text", "host", "port", "target"),
    [
        ("https://partner.example", "partner.example", 443, "/"),
        ("https://Partner.EXAMPLE:443/Hook", "partner.example", 443, "/Hook"),
        ("https://partner.example:8443/a/b?token=x%20y&z=1", "partner.example", 8443, "/a/b?token=x%20y&z=1"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/"),
        ("https://a.b-c.d1.example/?q", "a.b-c.d1.example", 443, "/?q"),
    ],
)
def test_a_public_name_is_taken(text: str, host: str, port: int, target: str) -> None:
    url = parse_callback_url(text)

    assert (url.scheme, url.host, url.port, url.target) == ("https", host, port, target)
    assert parse_callback_url(str(url)) == url


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("http://partner.example/", "https_only"),
        ("HTTPS://partner.example/", "malformed_url"),
        ("ftp://partner.example/", "malformed_url"),
        ("//partner.example/", "malformed_url"),
        ("https:partner.example", "malformed_url"),
        ("https:///hook", "malformed_url"),
        ("https://user@partner.example/", "malformed_url"),
        ("https://user:password@partner.example/", "malformed_url"),
        ("https://partner.example@127.0.0.1/", "malformed_url"),
        ("https://partner.example\\@127.0.0.1/", "malformed_url"),
        ("https://127.0.0.1\\.partner.example/", "malformed_url"),
        ("https://partner.example/#fragment", "malformed_url"),
        ("https://partner.example/ hook", "malformed_url"),
        ("https://partner.example/\r\nhost: evil", "malformed_url"),
        ("https://partner.example\t/", "malformed_url"),
        (" https://partner.example/", "malformed_url"),
        ("https://b\u00fccher.example/", "malformed_url"),
        ("https://partner\u3002example/", "malformed_url"),
        ("https://\u2460\u2461\u2466.0.0.1/", "malformed_url"),
        ("https://%31%32%37.0.0.1/", "malformed_url"),
        ("https://partner.example:/", "malformed_url"),
        ("https://partner.example:0443/", "malformed_url"),
        ("https://[fe80::1%25eth0]/", "malformed_url"),
        ("https://[::ffff:127.0.0.1]/", "name_needed"),
        ("https://[fd00:ec2::254]/", "name_needed"),
        ("https://[::1]/", "name_needed"),
        ("https://[2606:4700::1111]/", "name_needed"),
        ("https://[::ffff:8.8.8.8]:8443/", "name_needed"),
        ("https://[64:ff9b::a00:1]/", "name_needed"),
        ("https://[.:.]/", "malformed_host"),
        ("https://127.0.0.1/", "name_needed"),
        ("https://8.8.8.8/", "name_needed"),
        ("https://169.254.169.254/latest/meta-data/", "name_needed"),
        ("https://2130706433/", "name_needed"),
        ("https://0x7f000001/", "name_needed"),
        ("https://0x7f.1/", "name_needed"),
        ("https://017700000001/", "name_needed"),
        ("https://0177.0.0.01/", "name_needed"),
        ("https://127.1/", "name_needed"),
        ("https://partner.example.0x7f/", "name_needed"),
        ("https://partner.1/", "name_needed"),
        ("https://partner.example./", "malformed_host"),
        ("https://localhost/", "malformed_host"),
        ("https://partner..example/", "malformed_host"),
        ("https://.partner.example/", "malformed_host"),
        ("https://-partner.example/", "malformed_host"),
        ("https://partner-.example/", "malformed_host"),
        (f"https://{'a' * 64}.example/", "malformed_host"),
        (f"https://{'a.' * 126}example/", "malformed_host"),
        ("https://partner.example:22/", "port_not_allowed"),
        ("https://partner.example:80/", "port_not_allowed"),
        ("https://partner.example:1023/", "port_not_allowed"),
        ("https://partner.example:65536/", "port_not_allowed"),
        (f"https://partner.example/{'a' * 2048}", "malformed_url"),
    ],
)
def test_any_other_spelling_is_refused(text: str, code: str) -> None:
    with pytest.raises(BadCallbackUrl) as refused:
        parse_callback_url(text)

    assert refused.value.code == code


def test_a_developer_may_send_to_their_own_machine() -> None:
    for text in ("http://127.0.0.1:9/x", "http://localhost:8080/", "http://[::1]:8080/", "https://localhost/"):
        assert str(parse_callback_url(text, allow_loopback=True)) == text
        with pytest.raises(BadCallbackUrl):
            parse_callback_url(text)
    with pytest.raises(BadCallbackUrl):
        parse_callback_url("http://10.0.0.1/", allow_loopback=True)


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,30}(/.{0,20})?", fullmatch=True))
@example("https://a.b/\n")
def test_whatever_is_taken_names_a_public_host_and_is_read_again_as_the_same(text: str) -> None:
    try:
        url = parse_callback_url(text)
    except BadCallbackUrl:
        return
    assert url.scheme == "https"
    assert str(url).isascii()
    assert not set(str(url)) & set(" \\#\r\n\t@") - {"@"}
    assert "@" not in url.authority
    assert parse_callback_url(str(url)) == url
    with pytest.raises(ValueError, match=url.host):
        ip_address(url.host)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 -- refused
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:53aa:64c:0:fbff:80ff:fffe",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%1",
        "2606:4700::1111%1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_nobodys_or_ours_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::1"])
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_no_address_is_public_that_the_standard_library_calls_anything_else(
    address: IPv4Address | IPv6Address,
) -> None:
    if is_public(address):
        kinds = ("private", "loopback", "link_local", "multicast", "reserved", "unspecified")
        assert [kind for kind in kinds if getattr(address, f"is_{kind}")] == []


@pytest.mark.parametrize(
    "answer", [[], ["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["2606:4700::1111", "fe80::1"], ["no address"]]
)
def test_a_name_with_one_address_that_is_not_public_is_refused(answer: list[str]) -> None:
    async def resolve(_host: str) -> list[str]:
        return answer

    with pytest.raises(AddressRefused):
        asyncio.run(Guard(resolve).addresses("partner.example"))


def test_a_name_that_does_not_exist_is_refused() -> None:
    async def resolve(_host: str) -> list[str]:
        raise OSError

    with pytest.raises(AddressRefused):
        asyncio.run(Guard(resolve).addresses("partner.example"))


def test_whoever_asks_at_once_is_answered_with_one_look() -> None:
    asked = []

    async def resolve(host: str) -> list[str]:
        asked.append(host)
        return ["8.8.8.8"]

    async def ask() -> list[list[str]]:
        guard = Guard(resolve)
        return await asyncio.gather(*(guard.addresses("partner.example") for _ in range(9)))

    assert asyncio.run(ask()) == [["8.8.8.8"]] * 9
    assert asked == ["partner.example"]


def test_names_that_hang_do_not_hold_up_one_that_was_resolved_before() -> None:
    over = threading.Event()

    def resolve(host: str) -> list[str]:
        if host.startswith("hanging"):
            over.wait()
        return ["8.8.8.8"]

    async def ask() -> list[str]:
        resolver = Resolver(resolve)
        await resolver("partner.example")
        hanging = [asyncio.create_task(resolver(f"hanging{number}.example")) for number in range(2 * THREADS)]
        await asyncio.sleep(0)
        try:
            return await resolver("partner.example")
        finally:
            over.set()
            await asyncio.gather(*hanging)
            resolver.close()

    assert asyncio.run(ask()) == ["8.8.8.8"]
