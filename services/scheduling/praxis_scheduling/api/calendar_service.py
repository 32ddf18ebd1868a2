"""Calendars: what they show, saved views and color schemes."""

from __future__ import annotations

from sqlalchemy import select

from praxis.scheduling.v1 import calendar_pb2
from praxis.scheduling.v1 import calendar_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.flow_mappings import CALENDAR_VIEW, COLOR_SCHEME
from praxis_scheduling.rules import contrast
from praxis_scheduling.store.views import CalendarView, ColorScheme
from praxis_scheduling.usecases import days, views


class CalendarService:
    """Shows calendars, and keeps their views and color schemes."""

    @query
    def GetCalendar(self, request: pb.GetCalendarRequest, call: Call) -> pb.GetCalendarResponse:
        return days.show(call.session, request)

    @query
    def GetCalendarView(self, request: pb.GetCalendarViewRequest, call: Call) -> calendar_pb2.CalendarView:
        return CALENDAR_VIEW.message(views.view(call.session, request.id))

    @query
    def ListCalendarViews(self, request: pb.ListCalendarViewsRequest, call: Call) -> pb.ListCalendarViewsResponse:
        wanted = views.seen(call.session)
        if not request.include_inactive:
            wanted = wanted.where(CalendarView.active)
        items, token = page(call.session, wanted, order=[CalendarView.name, CalendarView.id], request=request)
        return pb.ListCalendarViewsResponse(calendar_views=map(CALENDAR_VIEW.message, items), next_page_token=token)

    @command
    def CreateCalendarView(self, request: pb.CreateCalendarViewRequest, call: Call) -> calendar_pb2.CalendarView:
        return CALENDAR_VIEW.message(views.create_view(call.session, CALENDAR_VIEW.new(request.calendar_view)))

    @command
    def UpdateCalendarView(self, request: pb.UpdateCalendarViewRequest, call: Call) -> calendar_pb2.CalendarView:
        found = views.own_view(call.session, request.calendar_view.id, request.calendar_view.etag)
        CALENDAR_VIEW.apply(found, request.calendar_view, request.update_mask.paths)
        return CALENDAR_VIEW.message(views.change_view(call.session, found))

    @query
    def GetColorScheme(self, request: pb.GetColorSchemeRequest, call: Call) -> calendar_pb2.ColorScheme:
        return COLOR_SCHEME.message(fetch(call.session, ColorScheme, request.id))

    @query
    def ListColorSchemes(self, request: pb.ListColorSchemesRequest, call: Call) -> pb.ListColorSchemesResponse:
        wanted = select(ColorScheme)
        if not request.include_inactive:
            wanted = wanted.where(ColorScheme.active)
        items, token = page(call.session, wanted, order=[ColorScheme.name, ColorScheme.id], request=request)
        return pb.ListColorSchemesResponse(color_schemes=map(COLOR_SCHEME.message, items), next_page_token=token)

    @command
    def CreateColorScheme(self, request: pb.CreateColorSchemeRequest, call: Call) -> calendar_pb2.ColorScheme:
        return COLOR_SCHEME.message(views.create_scheme(call.session, COLOR_SCHEME.new(request.color_scheme)))

    @command
    def UpdateColorScheme(self, request: pb.UpdateColorSchemeRequest, call: Call) -> calendar_pb2.ColorScheme:
        scheme = request.color_scheme
        found = fetch(call.session, ColorScheme, scheme.id, lock=True, etag=scheme.etag)
        COLOR_SCHEME.apply(found, scheme, request.update_mask.paths)
        return COLOR_SCHEME.message(views.change_scheme(call.session, found))

    @query
    def CheckContrast(self, request: pb.CheckContrastRequest, call: Call) -> pb.CheckContrastResponse:
        suggested = contrast.ink_for(request.color)
        found = contrast.ratio(request.color, request.text_color or suggested)
        return pb.CheckContrastResponse(
            contrast_ratio=contrast.shown(found), readable=found >= contrast.LEAST, suggested_text_color=suggested
        )
