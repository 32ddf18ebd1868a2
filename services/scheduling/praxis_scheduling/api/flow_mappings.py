"""How the tables of the flow board and the calendar correspond to the messages of the contract."""

from __future__ import annotations

from praxis.scheduling.v1 import visit_pb2
from praxis_chassis.mapping import Mapping, Special
from praxis_scheduling.store.flow import VisitStatusEvent

VISIT_STATUS_EVENT = Mapping(VisitStatusEvent, visit_pb2.VisitStatusEvent, special={"undone": Special(read=None)})
