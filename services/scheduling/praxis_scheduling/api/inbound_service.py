"""What comes in without a login: each call proves itself by a signature."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from praxis.scheduling.v1 import inbound_service_pb2 as pb
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.usecases import link_answers, replies


class InboundService:
    """Takes answers to texts, news of the provider, and links in messages."""

    @command
    def ReceiveText(self, request: pb.ReceiveTextRequest, call: Call) -> Empty:
        replies.receive(call.session, request.delivery)
        return Empty()

    @command
    def ReceiveTextStatus(self, request: pb.ReceiveTextStatusRequest, call: Call) -> Empty:
        replies.note_status(call.session, request.delivery)
        return Empty()

    @query
    def GetLink(self, request: pb.GetLinkRequest, call: Call) -> pb.Link:
        return link_answers.show(call.session, request.token)

    @command
    def ConfirmByLink(self, request: pb.ConfirmByLinkRequest, call: Call) -> pb.Link:
        return link_answers.confirm(call.session, request.token)

    @command
    def CancelByLink(self, request: pb.CancelByLinkRequest, call: Call) -> pb.Link:
        return link_answers.cancel(call.session, request.token)

    @command
    def AcceptByLink(self, request: pb.AcceptByLinkRequest, call: Call) -> pb.Link:
        return link_answers.accept(call.session, request.token)

    @command
    def DeclineByLink(self, request: pb.DeclineByLinkRequest, call: Call) -> pb.Link:
        return link_answers.decline(call.session, request.token)

    @command
    def UnsubscribeByLink(self, request: pb.UnsubscribeByLinkRequest, call: Call) -> pb.Link:
        return link_answers.unsubscribe(call.session, request.token)
