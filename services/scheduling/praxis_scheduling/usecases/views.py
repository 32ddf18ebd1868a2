"""Save what calendars show and how they color it; a color that nobody can read on is refused."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import calendar_pb2, events_pb2
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch
from praxis_chassis.errors import Violation, invalid, not_found, refuse
from praxis_chassis.events import record
from praxis_scheduling.rules import contrast
from praxis_scheduling.rules.hours import minute_of_day
from praxis_scheduling.store.models import LocationCopy, Resource
from praxis_scheduling.store.views import SOURCES, CalendarView, ColorScheme


def create_scheme(session: Session, scheme: ColorScheme) -> ColorScheme:
    """Keep a color scheme."""
    _check_scheme(scheme)
    record(session, events_pb2.ColorSchemeCreated, scheme)
    return scheme


def change_scheme(session: Session, scheme: ColorScheme) -> ColorScheme:
    """Change or withdraw a color scheme."""
    _check_scheme(scheme)
    record(session, events_pb2.ColorSchemeUpdated, scheme)
    return scheme


def _settle(entity: Any) -> None:
    entity.active = True if entity.active is None else entity.active


def _check_scheme(scheme: ColorScheme) -> None:
    _settle(scheme)
    faults = [_fault(rule, f"color_scheme.rules[{place}]") for place, rule in enumerate(scheme.rules)]
    if wrong := [fault for fault in faults if fault]:
        raise refuse(wrong)


def _fault(rule: calendar_pb2.ColorRule, path: str) -> Violation | None:
    """Return what is wrong with a rule: its own color is missing, too much, or leaves its text unreadable."""
    if bool(rule.color) == (rule.source in SOURCES):
        return Violation(f"{path}.color", "COLOR_OR_SOURCE")
    if not rule.text_color:
        return None
    if not rule.color:
        return Violation(f"{path}.text_color", "TEXT_COLOR_NEEDS_COLOR")
    found = contrast.ratio(rule.color, rule.text_color)
    if found < contrast.LEAST:
        facts = {"ratio": contrast.shown(found), "least": str(contrast.LEAST), "better": contrast.ink_for(rule.color)}
        return Violation(f"{path}.text_color", "CONTRAST_TOO_LOW", facts)
    return None


def seen(session: Session) -> Select[CalendarView]:
    """Return the query of the views that the caller may see: the shared ones and his own."""
    own = CalendarView.owner == str(context_of(session).actor)
    return select(CalendarView).where(or_(CalendarView.shared, own))


def view(session: Session, identifier: str) -> CalendarView:
    """Return a view that the caller may see."""
    found = fetch(session, CalendarView, identifier)
    if not found.shared and found.owner != str(context_of(session).actor):
        raise not_found("calendar view", identifier)
    return found


def own_view(session: Session, identifier: str, etag: str) -> CalendarView:
    """Return a view that the caller may change; to others it is as if there were none."""
    found = fetch(session, CalendarView, identifier, lock=True, etag=etag)
    if found.owner != str(context_of(session).actor):
        raise not_found("calendar view", identifier)
    return found


def create_view(session: Session, found: CalendarView) -> CalendarView:
    """Keep a view as the caller's own."""
    found.owner = str(context_of(session).actor)
    _check_view(session, found)
    record(session, events_pb2.CalendarViewCreated, found)
    return found


def change_view(session: Session, found: CalendarView) -> CalendarView:
    """Change, share or withdraw a view."""
    with session.no_autoflush:
        _check_view(session, found)
    record(session, events_pb2.CalendarViewUpdated, found)
    return found


def _check_view(session: Session, found: CalendarView) -> None:
    _settle(found)
    if found.local_start and found.local_end and minute_of_day(found.local_end) <= minute_of_day(found.local_start):
        raise invalid("calendar_view.local_end", "ENDS_BEFORE_START")
    if found.color_scheme_id:
        fetch(session, ColorScheme, found.color_scheme_id)
    for location_id in found.location_ids:
        fetch(session, LocationCopy, location_id)
    for resource_id in found.resource_ids:
        fetch(session, Resource, resource_id)
