"""Who waits for a time, and what they answer to offers."""

from __future__ import annotations

from typing import Any

from praxis.scheduling.v1 import waitlist_pb2
from praxis.scheduling.v1 import waitlist_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import WAITLIST_ENTRY
from praxis_scheduling.store.waitlist import WaitlistEntry
from praxis_scheduling.usecases import waitlist


class WaitlistService:
    """Keeps who waits for a time, and takes their answers to offers."""

    @query
    def GetWaitlistEntry(self, request: pb.GetWaitlistEntryRequest, call: Call) -> waitlist_pb2.WaitlistEntry:
        return WAITLIST_ENTRY.message(fetch(call.session, WaitlistEntry, request.id))

    @query
    def ListWaitlistEntries(self, request: pb.ListWaitlistEntriesRequest, call: Call) -> pb.ListWaitlistEntriesResponse:
        order: list[Any] = [-WaitlistEntry.priority, WaitlistEntry.create_time, WaitlistEntry.id]
        items, token = page(call.session, waitlist.wanted(request), order=order, request=request)
        entries = map(WAITLIST_ENTRY.message, items)
        return pb.ListWaitlistEntriesResponse(waitlist_entries=entries, next_page_token=token)

    @command
    def CreateWaitlistEntry(self, request: pb.CreateWaitlistEntryRequest, call: Call) -> waitlist_pb2.WaitlistEntry:
        return WAITLIST_ENTRY.message(waitlist.enter(call.session, WAITLIST_ENTRY.new(request.waitlist_entry)))

    @command
    def UpdateWaitlistEntry(self, request: pb.UpdateWaitlistEntryRequest, call: Call) -> waitlist_pb2.WaitlistEntry:
        given = request.waitlist_entry
        found = fetch(call.session, WaitlistEntry, given.id, lock=True, etag=given.etag)
        WAITLIST_ENTRY.apply(found, given, request.update_mask.paths)
        return WAITLIST_ENTRY.message(waitlist.change(call.session, found))

    @command
    def CloseWaitlistEntry(self, request: pb.CloseWaitlistEntryRequest, call: Call) -> waitlist_pb2.WaitlistEntry:
        return WAITLIST_ENTRY.message(waitlist.close(call.session, request))

    @command
    def AcceptWaitlistOffer(self, request: pb.AcceptWaitlistOfferRequest, call: Call) -> waitlist_pb2.WaitlistEntry:
        return WAITLIST_ENTRY.message(waitlist.accept(call.session, request.id, request.offer_id, request.etag))

    @command
    def DeclineWaitlistOffer(self, request: pb.DeclineWaitlistOfferRequest, call: Call) -> waitlist_pb2.WaitlistEntry:
        return WAITLIST_ENTRY.message(waitlist.decline(call.session, request.id, request.offer_id, request.etag))
