"""The scheduling service on one screen."""

from __future__ import annotations

from pathlib import Path

from praxis.scheduling.v1 import errors_pb2
from praxis_chassis.service import Service
from praxis_scheduling import jobs, reactions
from praxis_scheduling.api.appointment_service import AppointmentService
from praxis_scheduling.api.appointment_type_service import AppointmentTypeService
from praxis_scheduling.api.attendance_service import AttendanceService
from praxis_scheduling.api.calendar_service import CalendarService
from praxis_scheduling.api.clock_change_service import ClockChangeService
from praxis_scheduling.api.closure_service import ClosureService
from praxis_scheduling.api.communication_service import CommunicationService
from praxis_scheduling.api.feed_service import CalendarFeedService
from praxis_scheduling.api.hold_service import HoldService
from praxis_scheduling.api.inbound_service import InboundService
from praxis_scheduling.api.rebooking_service import RebookingService
from praxis_scheduling.api.recall_service import RecallService
from praxis_scheduling.api.reminder_plan_service import ReminderPlanService
from praxis_scheduling.api.resource_service import ResourceService
from praxis_scheduling.api.series_service import SeriesService
from praxis_scheduling.api.template_exception_service import TemplateExceptionService
from praxis_scheduling.api.template_service import TemplateService
from praxis_scheduling.api.visit_service import VisitService
from praxis_scheduling.api.waitlist_service import WaitlistService
from praxis_scheduling.settings import Settings
from praxis_scheduling.store.models import Base

HERE = Path(__file__).parent

service = Service(
    name="scheduling",
    package="praxis.scheduling.v1",
    servicers=[
        ResourceService(),
        AppointmentTypeService(),
        TemplateService(),
        TemplateExceptionService(),
        ClosureService(),
        ClockChangeService(),
        CalendarService(),
        CalendarFeedService(),
        AppointmentService(),
        RebookingService(),
        AttendanceService(),
        HoldService(),
        VisitService(),
        SeriesService(),
        WaitlistService(),
        ReminderPlanService(),
        CommunicationService(),
        InboundService(),
        RecallService(),
    ],
    metadata=Base.metadata,
    migrations=HERE / "migrations",
    text=HERE / "text",
    errors=errors_pb2.ErrorReason,
    reactions=reactions,
    jobs=jobs,
    settings=Settings,
    constraints={
        "templates_never_overlap": errors_pb2.ERROR_REASON_TEMPLATE_OVERLAP,
        "uq_message_templates_name": errors_pb2.ERROR_REASON_TEMPLATE_EXISTS,
        "uq_template_exceptions_date": errors_pb2.ERROR_REASON_EXCEPTION_TWICE,
    },
)
