"""Money is exact: it reads and writes decimal strings and splits without losing a cent; ids follow time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from praxis_chassis.types import Money, new_id

amounts = st.integers(-(10**15), 10**15)


@given(amounts, st.sampled_from(["USD", "JPY", "KWD", "EUR"]))
def test_an_amount_survives_its_decimal_string(minor: int, currency: str) -> None:
    money = Money(currency, minor)
    assert Money.parse(currency, money.amount) == money


@given(amounts, st.lists(st.integers(0, 10_000), min_size=1, max_size=12).filter(any))
def test_a_split_loses_nothing_and_is_fair_to_the_cent(minor: int, weights: list[int]) -> None:
    shares = Money("USD", minor).split(weights)
    assert sum(share.minor for share in shares) == minor
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share.minor - minor * weight / sum(weights)) < 1
        assert weight or not share.minor


def test_ties_of_a_split_go_to_the_earlier_share() -> None:
    assert [share.minor for share in Money("USD", 100).split([1, 1, 1])] == [34, 33, 33]


@pytest.mark.parametrize("text", ["1.005", "abc", "", "1e-3", "NaN"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        Money.parse("USD", text)


def test_currencies_do_not_mix() -> None:
    with pytest.raises(ValueError, match="cannot be mixed"):
        _ = Money("USD", 1) + Money("EUR", 1)


def test_ids_are_version_7_and_follow_time() -> None:
    first = new_id()
    time.sleep(0.003)
    second = new_id()
    assert first.version == second.version == 7
    assert first < second
