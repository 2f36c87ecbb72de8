"""Who a person is: one text for one document, however it is written and whoever states it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.verification.person import person_of

COUNTRIES = st.from_regex(r"[A-Z]{3}", fullmatch=True)
NUMBERS = st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True)


@given(country=COUNTRIES, number=NUMBERS, data=st.data())
def test_how_a_document_is_written_makes_no_difference(country: str, number: str, data: st.DataObject) -> None:
    written = "".join(
        data.draw(st.sampled_from((letter, letter.lower(), f" {letter}", f"{letter}-", f"{letter}/")))
        for letter in number
    )

    assert person_of(f" {country.lower()}", written) == person_of(country, number) == f"person/{country}/{number}"


@given(one=st.tuples(COUNTRIES, NUMBERS), other=st.tuples(COUNTRIES, NUMBERS))
def test_another_document_is_another_text(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (person_of(*one) == person_of(*other)) == (one == other)


@pytest.mark.parametrize(
    ("country", "number"),
    [
        (None, "P1"),
        ("AUT", None),
        ("", "P1"),
        ("AUT", ""),
        ("AUT", " -/."),
        ("AT", "P1"),
        ("A/T", "P1"),
        ("AUTX", "P1"),
    ],
)
def test_who_is_not_stated_is_nobody(country: str | None, number: str | None) -> None:
    assert person_of(country, number) is None


@given(country=st.text(), number=st.text())
def test_a_text_never_runs_over(country: str, number: str) -> None:
    person = person_of(country, number)

    assert person is None or person.count("/") == 2
