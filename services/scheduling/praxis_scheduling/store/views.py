"""What the practice decides about its calendars: saved views and color schemes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from praxis.scheduling.v1 import appointment_pb2, calendar_pb2, template_pb2
from praxis_chassis.database import Aggregate, messages_column
from praxis_scheduling.rules.colors import Rule
from praxis_scheduling.store.models import Base, enums, refers

SOURCES: Mapping[int, str] = {
    calendar_pb2.COLOR_SOURCE_APPOINTMENT_TYPE: "appointment_type",
    calendar_pb2.COLOR_SOURCE_RESOURCE: "resource",
    calendar_pb2.COLOR_SOURCE_BLOCK: "block",
}
LISTS = (
    "states", "visit_states", "tags", "appointment_type_ids", "practitioner_ids", "patient_kinds", "channels",
    "block_kinds",
)  # fmt: skip
FLAGS = ("overridden", "new_patient")


class ColorScheme(Aggregate, Base):
    """An ordered list of color rules."""

    __tablename__ = "color_schemes"

    name: Mapped[str]
    rules: Mapped[list[calendar_pb2.ColorRule]] = messages_column(calendar_pb2.ColorRule)
    active: Mapped[bool]


class CalendarView(Aggregate, Base):
    """What a calendar shows, under a name."""

    __tablename__ = "calendar_views"
    __table_args__ = (refers("color_scheme_id", "color_schemes"),)

    name: Mapped[str]
    owner: Mapped[str]
    shared: Mapped[bool]
    location_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    resource_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    weekdays: Mapped[list[int]] = mapped_column(enums(template_pb2.Weekday))
    local_start: Mapped[str]
    local_end: Mapped[str]
    step_minutes: Mapped[int]
    hidden_states: Mapped[list[int]] = mapped_column(enums(appointment_pb2.AppointmentState))
    color_scheme_id: Mapped[UUID | None]
    active: Mapped[bool]


def color_rule(rule: calendar_pb2.ColorRule) -> Rule:
    """Return a rule of the contract in the terms of the rules."""
    conditions: dict[str, frozenset[Any]] = {name: frozenset(found) for name in LISTS if (found := getattr(rule, name))}
    conditions |= {name: frozenset([getattr(rule, name)]) for name in FLAGS if rule.HasField(name)}  # type: ignore[arg-type]
    return Rule(rule.name, conditions, rule.color, SOURCES.get(rule.source, ""), rule.text_color, rule.icon, rule.label)
