"""What the portal's own users may ask of the calendar, and what they are shown of an appointment."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from praxis.scheduling.v1 import appointment_pb2, appointment_type_pb2
from praxis_chassis.errors import not_found
from praxis_chassis.rpc import Call

# What staff write for each other.
INTERNAL = ("notes", "override_reason", "override_by", "overridden", "overridden_rules")


def restrict(call: Call, wish: Any) -> None:
    """Let a portal user book by the rules of the booking channel, whatever the request says."""
    if call.context.compartment is not None:
        wish.channel = appointment_type_pb2.CHANNEL_BOOKING
        for part in (wish, *getattr(wish, "members", ())):
            for name in {"notes", "override_reason", "authorization_id"} & set(part.DESCRIPTOR.fields_by_name):
                part.ClearField(name)


def names_own(call: Call, patient_id: str) -> None:
    """Refuse a portal user who searches for somebody else's patient, as if there were none."""
    compartment = call.context.compartment
    if compartment is not None and patient_id and UUID(patient_id) not in compartment.patient_ids:
        raise not_found("patient", patient_id)


def cancels(call: Call, request: Any) -> None:
    """Note that a portal user cancels for the patient, never for the practice."""
    if call.context.compartment is not None:
        request.by = appointment_pb2.CANCELLED_BY_PATIENT


def shown(call: Call, *appointments: appointment_pb2.Appointment) -> None:
    """Take what staff write for each other out of what a portal user is shown."""
    if call.context.compartment is not None:
        for appointment in appointments:
            for name in INTERNAL:
                appointment.ClearField(name)  # type: ignore[arg-type] # names of its own fields
