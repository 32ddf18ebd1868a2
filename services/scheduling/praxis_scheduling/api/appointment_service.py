"""Appointments: found, booked, moved, confirmed, cancelled, missed, arrived."""

from __future__ import annotations

from praxis.scheduling.v1 import appointment_pb2, visit_pb2
from praxis.scheduling.v1 import appointment_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api import portal
from praxis_scheduling.api.dates import days_of
from praxis_scheduling.api.mappings import APPOINTMENT, APPOINTMENT_READING, VISIT
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.usecases import appointments, booking, companions, searching, slots, visits


class AppointmentService:
    """Books appointments and follows them to the arrival of the patient."""

    @query
    def FindSlots(self, request: pb.FindSlotsRequest, call: Call) -> pb.FindSlotsResponse:
        portal.restrict(call, request)
        portal.names_own(call, request.patient_id)
        return pb.FindSlotsResponse(slots=slots.find(call.session, searching.search_for(call.session, request)))

    @query
    def GetAppointment(self, request: pb.GetAppointmentRequest, call: Call) -> appointment_pb2.Appointment:
        found: appointment_pb2.Appointment = APPOINTMENT_READING.get(call.session, request.id)
        portal.shown(call, found)
        return found

    @query
    def ListAppointments(self, request: pb.ListAppointmentsRequest, call: Call) -> pb.ListAppointmentsResponse:
        first, last = days_of(request)
        began = [Appointment.local_date <= last] if last else []
        wanted = appointments.wanted(request, [*appointments.touching(first), *began])
        order = [Appointment.start_time, Appointment.id]
        items, token = APPOINTMENT_READING.page(call.session, wanted, order=order, request=request)
        portal.shown(call, *items)
        return pb.ListAppointmentsResponse(appointments=items, next_page_token=token)

    @command
    def CreateAppointment(self, request: pb.CreateAppointmentRequest, call: Call) -> appointment_pb2.Appointment:
        portal.restrict(call, request.appointment)
        appointment = booking.book(call.session, APPOINTMENT.new(request.appointment))
        return self._booked(call, appointment, appointment.channel)

    @command
    def BookTogether(self, request: pb.BookTogetherRequest, call: Call) -> pb.BookTogetherResponse:
        portal.restrict(call, request)
        found = companions.book(call.session, request)
        booked = [self._booked(call, item, item.channel) for item in found]
        return pb.BookTogetherResponse(group_id=booked[0].group_id, appointments=booked)

    @command
    def UpdateAppointment(self, request: pb.UpdateAppointmentRequest, call: Call) -> appointment_pb2.Appointment:
        found = fetch(call.session, Appointment, request.appointment.id, lock=True, etag=request.appointment.etag)
        APPOINTMENT.apply(found, request.appointment, request.update_mask.paths or appointments.ANNOTATIONS)
        return APPOINTMENT.message(booking.annotate(call.session, found))

    @command
    def RescheduleAppointment(
        self, request: pb.RescheduleAppointmentRequest, call: Call
    ) -> appointment_pb2.Appointment:
        portal.restrict(call, request)
        moved = booking.reschedule(call.session, request)
        reply = self._booked(call, moved, request.channel)
        reply.warnings.extend(companions.left_behind(call.session, moved))
        return reply

    def _booked(self, call: Call, appointment: Appointment, channel: int) -> appointment_pb2.Appointment:
        reply: appointment_pb2.Appointment = APPOINTMENT.message(appointment)
        reply.warnings.extend(booking.warnings(call.session, appointment, channel))
        portal.shown(call, reply)
        return reply

    @command
    def ConfirmAppointment(self, request: pb.ConfirmAppointmentRequest, call: Call) -> appointment_pb2.Appointment:
        return self._changed(call, appointments.confirm(call.session, request.id, request.etag))

    @command
    def CancelAppointment(self, request: pb.CancelAppointmentRequest, call: Call) -> appointment_pb2.Appointment:
        portal.cancels(call, request)
        cancelled = appointments.cancel(call.session, request)
        reply = self._changed(call, cancelled)
        reply.warnings.extend(companions.left_behind(call.session, cancelled))
        return reply

    def _changed(self, call: Call, appointment: Appointment) -> appointment_pb2.Appointment:
        reply: appointment_pb2.Appointment = APPOINTMENT.message(appointment)
        portal.shown(call, reply)
        return reply

    @command
    def MarkAppointmentNoShow(
        self, request: pb.MarkAppointmentNoShowRequest, call: Call
    ) -> appointment_pb2.Appointment:
        return APPOINTMENT.message(appointments.mark_no_show(call.session, request.id, request.etag))

    @command
    def ArriveAppointment(self, request: pb.ArriveAppointmentRequest, call: Call) -> visit_pb2.Visit:
        return VISIT.message(visits.arrive(call.session, request.id, request.etag))
