"""Other times for appointments that a closure or an exception of a template has met."""

from __future__ import annotations

from praxis.scheduling.v1 import rebooking_service_pb2 as pb
from praxis_chassis import clock
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, query
from praxis_scheduling.api.mappings import APPOINTMENT
from praxis_scheduling.store.models import Appointment
from praxis_scheduling.usecases import rebooking

MOST_AT_ONCE = 20  # each needs a search of its own, and a read is to be answered within two seconds


class RebookingService:
    """Proposes other times for appointments that a closure or an exception of a template has met."""

    @query
    def ProposeRebookings(self, request: pb.ProposeRebookingsRequest, call: Call) -> pb.ProposeRebookingsResponse:
        cause = rebooking.cause_of(call.session, request)
        wanted = cause.appointments(clock.now(call.session))
        request.page_size = request.page_size or MOST_AT_ONCE
        order = [Appointment.start_time, Appointment.id]
        items, token = page(call.session, wanted, order=order, request=request)
        return pb.ProposeRebookingsResponse(
            rebooking_proposals=[
                pb.RebookingProposal(
                    appointment=APPOINTMENT.message(found.appointment),
                    broken_rules=found.broken_rules,  # type: ignore[arg-type]
                    slots=found.slots,
                )
                for found in rebooking.propose(call.session, cause, items, request.slots_each)
            ],
            next_page_token=token,
        )
