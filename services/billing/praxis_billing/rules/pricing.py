"""What a charge costs: units times price, discount, and taxes that are inside the price or on top of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from praxis_chassis.types import Money

HUNDRED = Decimal(100)
WHOLE_BASIS_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax rate that applies to the charge."""

    id: UUID
    name: str
    jurisdiction: str
    percent: Decimal
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Tax:
    """A rate and the money it comes to."""

    rate: Rate
    amount: Money


@dataclass(frozen=True, slots=True)
class Price:
    """The figures of one charge."""

    gross: Money
    discount: Money
    taxes: tuple[Tax, ...]

    @property
    def tax(self) -> Money:
        """All taxes."""
        return Money.total(self.gross.currency, (tax.amount for tax in self.taxes))

    @property
    def included_tax(self) -> Money:
        """The taxes that the price holds already."""
        return Money.total(self.gross.currency, (tax.amount for tax in self.taxes if tax.rate.inclusive))

    @property
    def total(self) -> Money:
        """What is owed."""
        return self.gross - self.discount + self.tax - self.included_tax


def rounded(amount: Decimal) -> int:
    """Round minor units half up, as tax law does."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def price(
    unit_price: Money, units: Decimal, rates: Sequence[Rate], *, basis_points: int = 0, discount: Money | None = None
) -> Price:
    """Work out one charge; a discount in money wins over one in basis points and never exceeds the gross amount."""
    gross = Money(unit_price.currency, rounded(unit_price.minor * units))
    if discount is None:
        discount = Money(gross.currency, rounded(Decimal(gross.minor * basis_points) / WHOLE_BASIS_POINTS))
    discount = min(discount, gross)
    inside = _included(gross - discount, [rate for rate in rates if rate.inclusive])
    base = gross - discount - Money.total(gross.currency, (tax.amount for tax in inside))
    on_top = [_added(base, rate) for rate in rates if not rate.inclusive]
    return Price(gross, discount, (*inside, *on_top))


def _included(net: Money, rates: Sequence[Rate]) -> list[Tax]:
    whole = sum((rate.percent for rate in rates), Decimal(0))
    if not whole:
        return []
    tax = Money(net.currency, rounded(net.minor * whole / (HUNDRED + whole)))
    parts = tax.split([int(rate.percent * WHOLE_BASIS_POINTS) for rate in rates])
    return [Tax(rate, part) for rate, part in zip(rates, parts, strict=True)]


def _added(base: Money, rate: Rate) -> Tax:
    return Tax(rate, Money(base.currency, rounded(base.minor * rate.percent / HUNDRED)))
