"""Who is called next, and how long the others still wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A patient who waits, with an appointment or without one."""

    visit_id: UUID
    urgency: int
    arrived: datetime
    scheduled: datetime | None
    practitioner_id: UUID | None
    minutes: int

    @property
    def due(self) -> datetime:
        """The moment that the patient has a claim to: who is late has it from the arrival on."""
        return max(self.scheduled, self.arrived) if self.scheduled else self.arrived


def in_order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Return who waits, the next one first: by urgency, then by the time each has a claim to, then by the arrival."""
    return sorted(waiting, key=lambda each: (-each.urgency, each.due, each.arrived, each.visit_id))


def expected_starts(
    line: Sequence[Waiting], free_from: Mapping[UUID, datetime], now: datetime
) -> dict[UUID, datetime | None]:
    """Return when somebody is likely to be free for each patient in a line; nothing where nobody on duty could be.

    Each patient takes the practitioner who was asked for, or the one who is free first.
    """
    free = {key: max(moment, now) for key, moment in free_from.items()}
    found: dict[UUID, datetime | None] = {}
    for each in line:
        who = each.practitioner_id or min(free, key=lambda key: (free[key], key), default=None)
        start = found[each.visit_id] = free.get(who) if who else None
        if who and start:
            free[who] = start + timedelta(minutes=each.minutes)
    return found
