"""Which sanctions list may come into force after which."""

from datetime import date, timedelta

import pytest

from domain.events import SanctionsListPublished
from domain.refusals import Refused
from domain.sanctions import ListInFuture, ListMuchSmaller, ListOlder, age, publish, stale

TODAY = date(2026, 11, 27)


def listed(
    name: str = "new", *, published: date = TODAY, entries: int = 100, addresses: int = 50, sample: bool = False
) -> SanctionsListPublished:
    return SanctionsListPublished(
        list_name="ofac",
        list_version=published.isoformat(),
        list_hash=name.encode().hex().ljust(64, "0"),
        entries=entries,
        addresses=addresses,
        sample=sample,
    )


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


OLD = listed("old", published=days_ago(3))


def test_the_first_list_comes_into_force_whatever_its_size_and_age() -> None:
    first = listed(published=days_ago(4000), entries=1, addresses=1)
    assert publish(None, first, today=TODAY, force=False) == (first,)


def test_a_newer_list_comes_into_force() -> None:
    assert publish(OLD, listed(), today=TODAY, force=False) == (listed(),)


@pytest.mark.parametrize("force", [False, True])
def test_the_list_that_is_in_force_changes_nothing(*, force: bool) -> None:
    assert publish(OLD, OLD, today=TODAY, force=force) == ()


def test_another_list_of_the_same_day_comes_into_force() -> None:
    again = listed("again", published=days_ago(3))
    assert publish(OLD, again, today=TODAY, force=False) == (again,)


def test_an_older_list_is_refused_unless_it_is_meant() -> None:
    older = listed(published=days_ago(4))
    with pytest.raises(ListOlder) as refused:
        publish(OLD, older, today=TODAY, force=False)
    assert refused.value.in_force == "2026-11-24"
    assert publish(OLD, older, today=TODAY, force=True) == (older,)


@pytest.mark.parametrize(("entries", "addresses"), [(89, 50), (100, 44), (0, 0)])
def test_a_much_smaller_list_is_refused_unless_it_is_meant(entries: int, addresses: int) -> None:
    smaller = listed(entries=entries, addresses=addresses)
    with pytest.raises(ListMuchSmaller) as refused:
        publish(OLD, smaller, today=TODAY, force=False)
    assert (refused.value.entries, refused.value.addresses) == (100, 50)
    assert publish(OLD, smaller, today=TODAY, force=True) == (smaller,)


def test_a_list_with_nine_tenths_of_the_one_before_is_taken() -> None:
    smaller = listed(entries=90, addresses=45)
    assert publish(OLD, smaller, today=TODAY, force=False) == (smaller,)


def test_a_sample_in_force_has_nothing_to_compare_with() -> None:
    sample = listed("sample", entries=10_000, addresses=1_000, sample=True)
    small = listed(published=days_ago(400), entries=1, addresses=1)
    assert publish(sample, small, today=TODAY, force=False) == (small,)


def test_a_sample_is_compared_with_the_list_in_force() -> None:
    with pytest.raises(Refused):
        publish(OLD, listed("sample", entries=14, addresses=20, sample=True), today=TODAY, force=False)


def test_the_world_is_a_day_wide() -> None:
    tomorrow = listed(published=days_ago(-1))
    assert publish(OLD, tomorrow, today=TODAY, force=False) == (tomorrow,)


@pytest.mark.parametrize("force", [False, True])
def test_a_list_from_the_future_is_refused_even_if_it_is_meant(*, force: bool) -> None:
    for before in (None, OLD):
        with pytest.raises(ListInFuture):
            publish(before, listed(published=days_ago(-2)), today=TODAY, force=force)


@pytest.mark.parametrize(("days", "overdue"), [(0, False), (7, False), (8, True), (-1, False)])
def test_a_newer_list_is_overdue_after_a_week(days: int, *, overdue: bool) -> None:
    assert stale(listed(published=days_ago(days)), today=TODAY) is overdue
    assert age(listed(published=days_ago(days)), today=TODAY).days == days
