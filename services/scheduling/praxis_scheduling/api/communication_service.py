"""What was sent and what was not, and what people decide about it."""

from __future__ import annotations

from praxis.scheduling.v1 import communication_pb2
from praxis.scheduling.v1 import communication_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import COMMUNICATION
from praxis_scheduling.store.communications import Communication
from praxis_scheduling.usecases import communications


class CommunicationService:
    """Shows what was sent and what was not, and lets people decide where nobody else can."""

    @query
    def GetCommunication(self, request: pb.GetCommunicationRequest, call: Call) -> communication_pb2.Communication:
        return shown(fetch(call.session, Communication, request.id))

    @query
    def ListCommunications(self, request: pb.ListCommunicationsRequest, call: Call) -> pb.ListCommunicationsResponse:
        order = [Communication.due_time, Communication.id]
        wanted = communications.wanted(request)
        items, token = page(call.session, wanted, order=order, request=request, descending=True)
        return pb.ListCommunicationsResponse(communications=map(shown, items), next_page_token=token)

    @command
    def ResolveCommunication(
        self, request: pb.ResolveCommunicationRequest, call: Call
    ) -> communication_pb2.Communication:
        return shown(communications.resolve(call.session, request))


def shown(item: Communication) -> communication_pb2.Communication:
    """Return a message with its address and words, which events do not carry."""
    reply: communication_pb2.Communication = COMMUNICATION.message(item)
    reply.address, reply.subject = item.address, item.subject
    reply.body = item.body or communications.what_to_do(item)
    reply.patient_name = item.patient.name if item.patient else ""
    return reply
