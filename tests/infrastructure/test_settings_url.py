"""The service's public address, which challenges and signed requests name."""

import pytest

from infrastructure.settings import Settings


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("https://api.example", "https://api.example"),
        ("https://API.Example/", "https://api.example"),
        ("https://api.example:443", "https://api.example"),
        ("https://api.example:8443/", "https://api.example:8443"),
        ("https://api.example:80", "https://api.example:80"),
        ("http://api.example:80/", "http://api.example"),
        ("https://[2001:DB8::1]:443", "https://[2001:db8::1]"),
    ],
)
def test_it_is_named_as_whoever_calls_it_writes_it(given: str, named: str) -> None:
    assert Settings(public_url=given).url == named
