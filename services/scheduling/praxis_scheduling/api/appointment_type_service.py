"""The kinds of appointment that a practice offers."""

from __future__ import annotations

from sqlalchemy import select

from praxis.scheduling.v1 import appointment_type_pb2 as types
from praxis.scheduling.v1 import appointment_type_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import APPOINTMENT_TYPE
from praxis_scheduling.store.models import AppointmentType
from praxis_scheduling.usecases import setup


class AppointmentTypeService:
    """The kinds of appointment that a practice offers."""

    @query
    def GetAppointmentType(self, request: pb.GetAppointmentTypeRequest, call: Call) -> types.AppointmentType:
        return APPOINTMENT_TYPE.message(fetch(call.session, AppointmentType, request.id))

    @query
    def ListAppointmentTypes(
        self, request: pb.ListAppointmentTypesRequest, call: Call
    ) -> pb.ListAppointmentTypesResponse:
        wanted = select(AppointmentType)
        if not request.include_inactive:
            wanted = wanted.where(AppointmentType.active)
        items, token = page(call.session, wanted, order=[AppointmentType.name, AppointmentType.id], request=request)
        return pb.ListAppointmentTypesResponse(
            appointment_types=map(APPOINTMENT_TYPE.message, items), next_page_token=token
        )

    @command
    def CreateAppointmentType(self, request: pb.CreateAppointmentTypeRequest, call: Call) -> types.AppointmentType:
        return APPOINTMENT_TYPE.message(
            setup.create_appointment_type(call.session, APPOINTMENT_TYPE.new(request.appointment_type))
        )

    @command
    def UpdateAppointmentType(self, request: pb.UpdateAppointmentTypeRequest, call: Call) -> types.AppointmentType:
        found = fetch(
            call.session, AppointmentType, request.appointment_type.id, lock=True, etag=request.appointment_type.etag
        )
        APPOINTMENT_TYPE.apply(found, request.appointment_type, request.update_mask.paths)
        return APPOINTMENT_TYPE.message(setup.change_appointment_type(call.session, found))
