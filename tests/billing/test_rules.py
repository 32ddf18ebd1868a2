"""Money rules hold for every input: nothing is lost, nothing is made up."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from praxis_billing.rules.aging import age_buckets
from praxis_billing.rules.allocation import OpenItem, oldest_first
from praxis_billing.rules.explanation import ShareFacts, reasons
from praxis_billing.rules.fees import Circumstances, FeeOption, select_fee
from praxis_billing.rules.ledger import Dimensions, Effect, Line, UnbalancedError, checked, movements, reversing
from praxis_billing.rules.pricing import Rate, price
from praxis_billing.rules.remittance import Action, Decision, ExceedsShareError, Reason, judge, spread
from praxis_billing.rules.shares import Cover, Owner, split_charges
from praxis_chassis.types import Money

DAY = date(2026, 3, 2)
ids = st.uuids(version=4)
cents = st.integers(0, 10_000_000)
money = cents.map(lambda minor: Money("USD", minor))


def rate(percent: str, *, inclusive: bool) -> Rate:
    return Rate(UUID(int=int(Decimal(percent) * 100)), f"{percent} %", "US", Decimal(percent), inclusive)


@given(
    money,
    st.decimals("0.001", "50", places=3),
    st.lists(st.sampled_from([rate("8.25", inclusive=True), rate("20", inclusive=True), rate("7", inclusive=False)])),
    st.integers(0, 10_000),
)
def test_a_charge_is_revenue_plus_tax_less_discount(
    unit: Money, units: Decimal, rates: list[Rate], basis_points: int
) -> None:
    found = price(unit, units, rates, basis_points=basis_points)
    revenue = found.gross - found.included_tax
    assert found.total + found.discount == revenue + found.tax
    assert 0 <= found.discount.minor <= found.gross.minor
    assert found.total.minor >= 0


def test_an_inclusive_tax_is_inside_the_price_and_an_exclusive_one_on_top() -> None:
    inside = price(Money("EUR", 11_900), Decimal(1), [rate("19", inclusive=True)])
    on_top = price(Money("USD", 10_000), Decimal("1.5"), [rate("8.25", inclusive=False)], basis_points=1000)
    assert (inside.total.amount, inside.tax.amount) == ("119.00", "19.00")
    assert (on_top.gross.amount, on_top.discount.amount, on_top.tax.amount) == ("150.00", "15.00", "11.14")
    assert on_top.total.amount == "146.14"


@given(
    st.lists(money, min_size=1, max_size=8),
    st.lists(st.integers(1, 5000), min_size=1, max_size=5),
    st.none() | cents,
    st.booleans(),
)
def test_shares_add_up_to_each_charge(
    totals: list[Money], weights: list[int], copay: int | None, insured: bool
) -> None:
    owners = [Owner(UUID(int=i + 1), weight) for i, weight in enumerate(weights)]
    cover = Cover(UUID(int=90), UUID(int=91), 1, None if copay is None else Money("USD", copay)) if insured else None
    split = split_charges(totals, [owners] * len(totals), cover)
    assert [Money.total("USD", (part.amount for part in parts)) for parts in split] == totals
    assert all(part.amount.minor > 0 for parts in split for part in parts)
    if insured:
        patient = sum(part.amount.minor for parts in split for part in parts if part.payer_id is None)
        assert patient == min(copay or 0, sum(total.minor for total in totals))


def test_two_owners_split_sixty_forty_to_the_cent() -> None:
    owners = [Owner(UUID(int=1), 6000), Owner(UUID(int=2), 4000)]
    [parts] = split_charges([Money("USD", 10_001)], [owners], None)
    assert [part.amount.amount for part in parts] == ["60.01", "40.00"]


@given(
    money, st.lists(st.tuples(ids, st.dates(DAY, DAY + timedelta(90)), cents), max_size=10, unique_by=lambda i: i[0])
)
def test_money_goes_to_the_oldest_share_first(available: Money, raw: list[tuple[UUID, date, int]]) -> None:
    items = [OpenItem(share, day, Money("USD", minor), UUID(int=1), 0) for share, day, minor in raw]
    uses = oldest_first(available, items)
    used = sum(use.amount.minor for use in uses)
    assert used == min(available.minor, sum(item.open.minor for item in items))
    by_id = {item.share_id: item for item in items}
    assert all(0 < use.amount.minor <= by_id[use.share_id].open.minor for use in uses)
    partly = [use for use in uses if use.amount < by_id[use.share_id].open]
    assert len(partly) <= 1
    days = [by_id[use.share_id].service_date for use in uses]
    assert days == sorted(days)


@given(st.lists(st.tuples(st.dates(DAY - timedelta(400), DAY + timedelta(5)), cents)))
def test_age_buckets_hold_every_open_cent(raw: list[tuple[date, int]]) -> None:
    buckets = age_buckets("USD", DAY, [(day, Money("USD", minor)) for day, minor in raw])
    assert sum(bucket.amount.minor for bucket in buckets) == sum(minor for _, minor in raw)
    assert [bucket.from_days for bucket in buckets] == [0, 31, 61, 91, 121]


@pytest.mark.parametrize(("age", "place"), [(0, 0), (30, 0), (31, 1), (60, 1), (61, 2), (90, 2), (91, 3), (121, 4)])
def test_age_is_counted_in_days(age: int, place: int) -> None:
    buckets = age_buckets("USD", DAY, [(DAY - timedelta(age), Money("USD", 100))])
    assert [index for index, bucket in enumerate(buckets) if bucket.amount] == [place]


def option(amount: int, **conditions: object) -> FeeOption:
    base = {"payer_id": None, "location_id": None, "practitioner_id": None, "modifiers": ()}
    dates = {"start_date": date(2026, 1, 1), "end_date": None}
    return FeeOption(schedule_id=UUID(int=amount), amount=Money("USD", amount), **(base | dates | conditions))  # type: ignore[arg-type]


def test_the_most_specific_fee_of_the_day_wins() -> None:
    payer, place = UUID(int=7), UUID(int=8)
    options = [
        option(100),
        option(110, start_date=date(2026, 7, 1)),
        option(90, payer_id=payer),
        option(80, location_id=place),
        option(60, modifiers=("26",)),
    ]

    def amount(
        day: date, payer_id: UUID | None = None, location: UUID | None = None, modifiers: tuple[str, ...] = ()
    ) -> int:
        found = select_fee(options, Circumstances(day, payer_id, location, None, modifiers))
        return found.amount.minor if found else 0

    assert amount(date(2025, 12, 31)) == 0
    assert amount(DAY) == 100
    assert amount(date(2026, 7, 1)) == 110
    assert amount(DAY, payer, place) == 90
    assert amount(DAY, None, place) == 80
    assert amount(DAY, modifiers=("26", "59")) == 60


def test_an_end_date_is_the_first_day_without_the_fee() -> None:
    ending = option(100, end_date=DAY)
    assert select_fee([ending], Circumstances(DAY, None, None, None)) is None
    assert select_fee([ending], Circumstances(DAY - timedelta(1), None, None, None)) == ending


def test_a_journal_that_does_not_sum_to_zero_is_refused() -> None:
    line = Line("cash_drawer", Money("USD", 5), Dimensions())
    with pytest.raises(UnbalancedError):
        checked([line, Line("bank_clearing", Money("USD", -4), Dimensions())])
    with pytest.raises(UnbalancedError):
        checked([line, Line("bank_clearing", Money("EUR", -5), Dimensions())])


@given(st.lists(st.tuples(ids, st.sampled_from(list(Effect)), st.integers(-1000, 1000)), max_size=20))
def test_reversing_lines_undo_every_movement(raw: list[tuple[UUID, Effect, int]]) -> None:
    lines = [
        Line("ar_patient", Money("USD", minor), Dimensions(share_id=share), effect) for share, effect, minor in raw
    ]
    assert all(movement.open == 0 for movement in movements([*lines, *reversing(lines)]).values())


def decision(paid: int, *adjustments: tuple[Action, int]) -> Decision:
    return Decision(
        Money("USD", paid), tuple(Reason("CO", "45", Money("USD", minor), action) for action, minor in adjustments)
    )


@pytest.mark.parametrize(
    ("paid", "contractual", "patient", "open_amount", "copay", "moved"),
    [
        (6000, 1500, 2500, 10_000, 0, 2500),  # nothing was assigned to the patient before
        (6000, 1500, 2500, 7500, 2500, 0),  # the copay covers what the patient owes
        (6000, 1500, 2500, 9000, 1000, 1500),  # the rest beyond the copay moves on
        (7500, 1500, 1000, 7500, 2500, -1500),  # the copay was too high
        (6000, 0, 0, 10_000, 0, 0),  # the insurer leaves the rest open
    ],
)
def test_only_what_the_copay_did_not_cover_moves_on(
    paid: int, contractual: int, patient: int, open_amount: int, copay: int, moved: int
) -> None:
    found = judge(
        decision(paid, (Action.CONTRACTUAL, contractual), (Action.TRANSFER_TO_NEXT, patient)),
        Money("USD", open_amount),
        Money("USD", copay),
        Money("USD", copay),
    )
    assert found.moved.minor == moved
    assert found.left_open.minor == open_amount - paid - contractual - moved


def test_a_second_payment_for_the_same_charge_is_refused() -> None:
    with pytest.raises(ExceedsShareError):
        judge(decision(6000, (Action.CONTRACTUAL, 1500)), Money("USD", 0), Money("USD", 2500), Money("USD", 2500))


@given(cents, cents, st.lists(money, min_size=1, max_size=9))
def test_what_belongs_to_a_claim_is_spread_without_loss(paid: int, taken: int, open_amounts: list[Money]) -> None:
    parts = spread(Money("USD", paid), [Reason("CO", "45", Money("USD", taken), Action.CONTRACTUAL)], open_amounts)
    assert sum(part.paid.minor for part in parts) == paid
    assert sum(part.total(Action.CONTRACTUAL).minor for part in parts) == taken


def test_an_explanation_ends_with_what_is_open() -> None:
    zero = Money.zero("USD")
    facts = ShareFacts(
        Money("USD", 100), Money("USD", 40), Money("USD", 45), Money("USD", 15), Money("USD", 10), zero, zero
    )
    told = reasons(facts)
    assert told[0] == ("EXPLAIN_CHARGED", Money("USD", 100))
    assert told[-1] == ("EXPLAIN_OPEN", Money("USD", 30))
