"""Which price holds: the most specific fee schedule that is valid on the service date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from praxis_chassis.types import Money


@dataclass(frozen=True, slots=True)
class FeeOption:
    """One price of an item with the conditions of its schedule."""

    schedule_id: UUID
    payer_id: UUID | None
    location_id: UUID | None
    practitioner_id: UUID | None
    start_date: date
    end_date: date | None
    modifiers: tuple[str, ...]
    amount: Money


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a price is looked up for."""

    service_date: date
    payer_id: UUID | None
    location_id: UUID | None
    practitioner_id: UUID | None
    modifiers: Sequence[str] = ()


def holds(option: FeeOption, wanted: Circumstances) -> bool:
    """Tell whether a price may be used at all."""
    in_time = option.start_date <= wanted.service_date and (
        option.end_date is None or wanted.service_date < option.end_date
    )
    fits = (
        option.payer_id in (None, wanted.payer_id)
        and option.location_id in (None, wanted.location_id)
        and option.practitioner_id in (None, wanted.practitioner_id)
    )
    return in_time and fits and (not option.modifiers or set(option.modifiers) <= set(wanted.modifiers))


def rank(option: FeeOption) -> tuple[bool, bool, bool, int, date, str]:
    """Return the order of preference: payer, practitioner, location, modifiers, then the latest schedule."""
    return (
        option.payer_id is not None,
        option.practitioner_id is not None,
        option.location_id is not None,
        len(option.modifiers),
        option.start_date,
        str(option.schedule_id),
    )


def select_fee(options: Iterable[FeeOption], wanted: Circumstances) -> FeeOption | None:
    """Return the price that holds, or None when no schedule has one."""
    return max((option for option in options if holds(option, wanted)), key=rank, default=None)
