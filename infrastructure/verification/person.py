"""Who a person is, as far as a KYC provider states it: the issuing country and number of an identity document.

Whichever provider states it, and however it is written, the same document gives the same text, so that its keyed
fingerprint recognises the person everywhere. Another document of the same person is another text.
"""

import re
from typing import Final
from unicodedata import normalize

_COUNTRY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
"""ISO 3166-1 alpha-3, and the codes that ICAO 9303 adds to it."""


def person_of(country: str | None, number: str | None) -> str | None:
    """What a person's fingerprint is made of; None where country or number is not stated.

    Letter case, spaces, hyphens and full-width forms make no difference.
    """
    code = (country or "").strip().upper()
    text = "".join(character for character in normalize("NFKC", number or "").upper() if character.isalnum())
    return f"person/{code}/{text}" if text and _COUNTRY.fullmatch(code) else None
