from typing import Any, get_args

import pytest

from domain.commands import Command
from domain.customer import fold
from domain.refusals import ChallengeAlreadySigned, Refused
from domain.vocabulary import Event, Status
from tests.domain.answers import COLUMNS, COMMANDS, REFUSALS, TABLES, rows
from tests.domain.given import given


def cells() -> list[Any]:
    """Every cell of every table."""
    return [
        pytest.param(history, COMMANDS[name], expected, id=f"{name} for {kind} {status or 'nobody'}: {expected}")
        for kind, customers, table in TABLES
        for name, answers in rows(table).items()
        for status, history, expected in zip(COLUMNS, customers, answers, strict=True)
    ]


@pytest.mark.parametrize(("history", "command", "expected"), cells())
def test_a_command_is_answered_as_the_table_says(history: tuple[Event, ...], command: Command, expected: str) -> None:
    answer = given(*history).when(command)

    if expected == "happens":
        assert answer.events, answer.refusal
    elif expected == "ignored":
        answer.ignored()
    else:
        answer.refused(REFUSALS[expected])


@pytest.mark.parametrize(("history", "command", "expected"), cells())
def test_what_has_happened_does_not_happen_again(history: tuple[Event, ...], command: Command, expected: str) -> None:
    first = given(*history).when(command)

    again = given(*history, *first.events).when(command)

    if expected == "happens" and isinstance(again.refusal, ChallengeAlreadySigned):
        return
    assert (again.events, type(again.refusal)) == ((), type(first.refusal))


@pytest.mark.parametrize(("kind", "customers", "table"), TABLES)
def test_no_command_and_no_status_is_missing_from_a_table(
    kind: str, customers: tuple[tuple[Event, ...], ...], table: str
) -> None:
    header, *_ = table.strip("\n").splitlines()

    assert header.split() == ["nobody", *Status], kind
    assert rows(table).keys() == COMMANDS.keys()
    assert {type(COMMANDS[name]) for name in rows(table)} == set(get_args(Command))
    for status, history, answers in zip(COLUMNS, customers, zip(*rows(table).values(), strict=True), strict=True):
        customer = fold(history)
        assert (customer.status if customer else None) == status
        assert len(answers) == len(COMMANDS)


def test_every_command_happens_somewhere_in_the_tables() -> None:
    happening = {
        type(COMMANDS[name]) for *_, table in TABLES for name, answers in rows(table).items() if "happens" in answers
    }

    assert happening == set(get_args(Command))


def test_every_refusal_has_a_code_of_its_own() -> None:
    kinds: list[type[Refused]] = [Refused, *(kind for kind in Refused.__subclasses__() if "code" in vars(kind))]

    assert len({kind.code for kind in kinds}) == len(kinds)
