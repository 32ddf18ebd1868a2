"""Values without a home in one service: exact money and time-ordered ids."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Self
from uuid import UUID

from babel.numbers import get_currency_precision

from praxis_chassis.machine import MACHINE


@lru_cache(maxsize=256)
def decimals(currency: str) -> int:
    """Return how many decimals a currency has, by CLDR."""
    return get_currency_precision(currency)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An exact amount: ISO 4217 code and whole minor units (cents)."""

    currency: str
    minor: int

    @classmethod
    def parse(cls, currency: str, amount: str) -> Self:
        """Read a decimal string; more decimals than the currency has raise ValueError."""
        try:
            scaled = Decimal(amount).scaleb(decimals(currency))
        except InvalidOperation as error:
            raise ValueError(f"{amount!r} is not a decimal number") from error
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{currency} has {decimals(currency)} decimals")
        return cls(currency, int(scaled))

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Return nothing, in a currency."""
        return cls(currency, 0)

    @classmethod
    def total(cls, currency: str, amounts: Iterable[Money]) -> Self:
        """Add amounts up; an empty list gives zero."""
        result = cls(currency, 0)
        for amount in amounts:
            result = result + amount
        return result

    @property
    def amount(self) -> str:
        """The decimal string with all decimals of the currency, such as `12.50`."""
        return f"{Decimal(self.minor).scaleb(-decimals(self.currency)):f}"

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def _same(self, other: Money) -> int:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} cannot be mixed")
        return other.minor

    def __add__(self, other: Money) -> Self:
        return type(self)(self.currency, self.minor + self._same(other))

    def __sub__(self, other: Money) -> Self:
        return type(self)(self.currency, self.minor - self._same(other))

    def __neg__(self) -> Self:
        return type(self)(self.currency, -self.minor)

    def __mul__(self, factor: int) -> Self:
        return type(self)(self.currency, self.minor * factor)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def split(self, weights: Sequence[int]) -> list[Self]:
        """Split by whole weights with the largest remainder; ties go to the earlier share, nothing is lost."""
        whole = sum(weights)
        if whole <= 0 or min(weights) < 0:
            raise ValueError("weights must not be negative and must add up to more than zero")
        sign = -1 if self.minor < 0 else 1
        shares = [divmod(abs(self.minor) * weight, whole) for weight in weights]
        left = abs(self.minor) - sum(share for share, _ in shares)
        order = sorted(range(len(shares)), key=lambda i: (-shares[i][1], i))
        extra = set(order[:left])
        return [type(self)(self.currency, sign * (share + (i in extra))) for i, (share, _) in enumerate(shares)]


def new_id() -> UUID:
    """Return a UUIDv7: time-ordered, so that new rows stay together in an index (RFC 9562)."""
    milliseconds = int(MACHINE.time() * 1000)
    tail = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80 | 0x7 << 76 | (tail >> 68) << 64 | 0b10 << 62 | tail & (1 << 62) - 1
    return UUID(int=value)


def made_seconds_ago(identifier: UUID) -> float:
    """Return how long ago a UUIDv7 was made; infinity for any other id."""
    if identifier.version != 7:
        return float("inf")
    return MACHINE.time() - (identifier.int >> 80) / 1000


def content_id(digest: bytes) -> UUID:
    """Return a UUIDv8 made of the first bytes of a digest: the same content, the same id (RFC 9562)."""
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | 0x8 << 76
    return UUID(int=value & ~(0b11 << 62) | 0b10 << 62)
