"""How the tables of the flow board and the calendar correspond to the messages of the contract."""

from __future__ import annotations

from praxis.scheduling.v1 import calendar_pb2, visit_pb2
from praxis_chassis.mapping import Mapping, Special
from praxis_scheduling.store.flow import VisitStatusEvent
from praxis_scheduling.store.views import CalendarView, ColorScheme

VISIT_STATUS_EVENT = Mapping(VisitStatusEvent, visit_pb2.VisitStatusEvent, special={"undone": Special(read=None)})
COLOR_SCHEME = Mapping(ColorScheme, calendar_pb2.ColorScheme)
CALENDAR_VIEW = Mapping(CalendarView, calendar_pb2.CalendarView, read_only={"owner"})
