"""Addresses at which calendar programs read appointments."""

from __future__ import annotations

from praxis.scheduling.v1 import feed_pb2
from praxis.scheduling.v1 import feed_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import CALENDAR_FEED
from praxis_scheduling.store.feeds import CalendarFeed
from praxis_scheduling.usecases import feeds


class CalendarFeedService:
    """Gives calendar programs addresses at which they read appointments, and takes them back."""

    @query
    def GetCalendarFeed(self, request: pb.GetCalendarFeedRequest, call: Call) -> feed_pb2.CalendarFeed:
        return CALENDAR_FEED.message(fetch(call.session, CalendarFeed, request.id))

    @query
    def ListCalendarFeeds(self, request: pb.ListCalendarFeedsRequest, call: Call) -> pb.ListCalendarFeedsResponse:
        order = [CalendarFeed.create_time, CalendarFeed.id]
        items, token = page(call.session, feeds.wanted(request), order=order, request=request, descending=True)
        return pb.ListCalendarFeedsResponse(calendar_feeds=map(CALENDAR_FEED.message, items), next_page_token=token)

    @command
    def CreateCalendarFeed(self, request: pb.CreateCalendarFeedRequest, call: Call) -> feed_pb2.CalendarFeed:
        made = feeds.create(call.session, CALENDAR_FEED.new(request.calendar_feed))
        reply: feed_pb2.CalendarFeed = CALENDAR_FEED.message(made)
        reply.url = feeds.address(call.session, made)
        return reply

    @command
    def RevokeCalendarFeed(self, request: pb.RevokeCalendarFeedRequest, call: Call) -> feed_pb2.CalendarFeed:
        return CALENDAR_FEED.message(feeds.revoke(call.session, request.id, request.etag))

    @query
    def ReadCalendarFeed(self, request: pb.ReadCalendarFeedRequest, call: Call) -> type_pb2.RawReply:
        return feeds.read(call.session, request.token)
