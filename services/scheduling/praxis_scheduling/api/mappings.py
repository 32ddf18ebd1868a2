"""How the tables of scheduling correspond to the messages of the contract."""

from __future__ import annotations

from sqlalchemy import DateTime, func, true

from praxis.scheduling.v1 import (
    appointment_pb2,
    appointment_type_pb2,
    attendance_pb2,
    communication_pb2,
    feed_pb2,
    hold_pb2,
    recall_pb2,
    resource_pb2,
    series_pb2,
    template_pb2,
    visit_pb2,
    waitlist_pb2,
)
from praxis_chassis.mapping import Mapping, Special, instant
from praxis_chassis.reading import Children, Reading
from praxis_scheduling.store.attendance import AttendancePolicy
from praxis_scheduling.store.communications import (
    Communication,
    CommunicationSettings,
    MessageTemplate,
    ReminderPlan,
)
from praxis_scheduling.store.feeds import CalendarFeed
from praxis_scheduling.store.flow import Visit
from praxis_scheduling.store.models import (
    Appointment,
    AppointmentType,
    Closure,
    Hold,
    PatientCopy,
    Reservation,
    Resource,
    Template,
    TemplateException,
)
from praxis_scheduling.store.recalls import Recall, RecallRule
from praxis_scheduling.store.series import Series
from praxis_scheduling.store.waitlist import WaitlistEntry, WaitlistOffer

RESOURCE = Mapping(Resource, resource_pb2.Resource)
APPOINTMENT_TYPE = Mapping(AppointmentType, appointment_type_pb2.AppointmentType)
TEMPLATE = Mapping(Template, template_pb2.Template)
TEMPLATE_EXCEPTION = Mapping(TemplateException, template_pb2.TemplateException)
HOLD = Mapping(
    Hold,
    hold_pb2.Hold,
    read_only={"state", "end_time", "expire_time"},
    special={"token": Special(read=None)},
)
CALENDAR_FEED = Mapping(CalendarFeed, feed_pb2.CalendarFeed, read_only={"state"}, special={"url": Special(read=None)})
CLOSURE = Mapping(Closure, template_pb2.Closure)
ATTENDANCE_POLICY = Mapping(AttendancePolicy, attendance_pb2.AttendancePolicy)


RESERVATION = Mapping(
    Reservation,
    appointment_pb2.Reservation,
    special={
        "resource_name": Special(read=lambda reservation: reservation.resource.name),
        "kind": Special(read=lambda reservation: reservation.resource.kind),
        "practitioner_id": Special(read=lambda reservation: str(reservation.resource.practitioner_id or "")),
        "start_time": Special(read=lambda reservation: instant(reservation.during.lower)),
        "end_time": Special(read=lambda reservation: instant(reservation.during.upper)),
    },
)
RESERVATION_READING = Reading(
    RESERVATION,
    columns={
        "resource_name": Resource.name,
        "kind": Resource.kind,
        "practitioner_id": Resource.practitioner_id,
        "start_time": func.lower(Reservation.during, type_=DateTime),
        "end_time": func.upper(Reservation.during, type_=DateTime),
    },
    joined=[Reservation.resource],
)

APPOINTMENT = Mapping(
    Appointment,
    appointment_pb2.Appointment,
    read_only={
        "appointment_type_name", "state", "end_time", "local_date", "local_start", "time_zone", "practitioner_ids",
        "overridden", "overridden_rules", "override_by", "confirm_time", "cancellation", "visit_id",
        "deposit_state", "series_id", "occurrence_date", "group_id",
    },
    special={
        "patient_name": Special(read=lambda appointment: appointment.patient.name),
        "warnings": Special(read=None),
        "hold_token": Special(read=None, write=lambda appointment, token: setattr(appointment, "hold_token", token)),
        "reservations": Special(read=lambda appointment: list(map(RESERVATION.message, appointment.reservations))),
    },
)  # fmt: skip

APPOINTMENT_READING = Reading(
    APPOINTMENT,
    columns={
        "patient_name": PatientCopy.name,
        "overridden": func.cardinality(Appointment.overridden_rules) > 0,
    },
    joined=[Appointment.patient],
    children={
        "reservations": Children(
            RESERVATION_READING, parent=Reservation.appointment_id, where=Reservation.live == true(),
            order=[Reservation.resource_id, Reservation.lane],
        )
    },
)  # fmt: skip

SERIES = Mapping(
    Series,
    series_pb2.Series,
    read_only={"state", "time_zone", "previous_series_id", "exceptions", "appointment_ids"},
    special={"patient_name": Special(read=lambda series: series.patient.name)},
)

WAITLIST_OFFER = Mapping(WaitlistOffer, waitlist_pb2.WaitlistOffer)
WAITLIST_ENTRY = Mapping(
    WaitlistEntry,
    waitlist_pb2.WaitlistEntry,
    read_only={"state", "appointment_id", "close_reason"},
    special={
        "patient_name": Special(read=lambda entry: entry.patient.name),
        "offers": Special(read=lambda entry: list(map(WAITLIST_OFFER.message, entry.offers))),
    },
)

VISIT = Mapping(
    Visit,
    visit_pb2.Visit,
    read_only={
        "appointment_id", "walk_in", "state", "room_id", "local_date", "scheduled_time", "arrive_time", "room_time",
        "tech_start_time", "clinician_start_time", "ready_time", "complete_time", "leave_time",
    },
    special={
        "patient_name": Special(read=lambda visit: visit.patient.name),
        "room_name": Special(read=lambda visit: visit.room.name if visit.room else ""),
    },
)  # fmt: skip

REMINDER_PLAN = Mapping(ReminderPlan, communication_pb2.ReminderPlan)
MESSAGE_TEMPLATE = Mapping(MessageTemplate, communication_pb2.MessageTemplate)
COMMUNICATION_SETTINGS = Mapping(
    CommunicationSettings,
    communication_pb2.CommunicationSettings,
    read_only={"sms_secret_stored"},
    special={"sms_secret": Special(read=None)},
)
COMMUNICATION = Mapping(
    Communication,
    communication_pb2.Communication,
    # Events carry neither names nor addresses nor words; the API adds them to what it shows.
    special={
        **dict.fromkeys(("patient_name", "address", "subject", "body"), Special(read=None)),
        "appointment_version": Special(read=lambda item: str(item.appointment_version or "")),
    },
)
RECALL_RULE = Mapping(RecallRule, recall_pb2.RecallRule)
RECALL = Mapping(
    Recall,
    recall_pb2.Recall,
    read_only={"rule_id", "steps_taken", "next_step_date", "state", "stop_reason", "appointment_id"},
    special={"patient_name": Special(read=None)},
)
