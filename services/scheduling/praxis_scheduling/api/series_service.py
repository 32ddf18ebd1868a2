"""Appointments that repeat: booked, changed one by one, from a date on or all, and cancelled."""

from __future__ import annotations

from collections.abc import Callable

from praxis.scheduling.v1 import series_pb2
from praxis.scheduling.v1 import series_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import SERIES
from praxis_scheduling.store.series import Series
from praxis_scheduling.usecases import attempts, series, series_changes


class SeriesService:
    """Books appointments that repeat, and changes them one by one, from a date on, or all."""

    @query
    def GetSeries(self, request: pb.GetSeriesRequest, call: Call) -> series_pb2.Series:
        return SERIES.message(fetch(call.session, Series, request.id))

    @query
    def ListSeries(self, request: pb.ListSeriesRequest, call: Call) -> pb.ListSeriesResponse:
        order = [Series.create_time, Series.id]
        items, token = page(call.session, series.wanted(request), order=order, request=request)
        return pb.ListSeriesResponse(series=map(SERIES.message, items), next_page_token=token)

    @command
    def CreateSeries(self, request: pb.CreateSeriesRequest, call: Call) -> pb.SeriesOutcome:
        return _told(call, request, lambda: series.book(call.session, SERIES.new(request.series), request))

    @command
    def ChangeSeries(self, request: pb.ChangeSeriesRequest, call: Call) -> pb.SeriesOutcome:
        return _told(call, request, lambda: series_changes.change(call.session, request))

    @command
    def CancelSeries(self, request: pb.CancelSeriesRequest, call: Call) -> pb.SeriesOutcome:
        return _told(call, request, lambda: series_changes.cancel(call.session, request))


def _told(
    call: Call,
    request: pb.CreateSeriesRequest | pb.ChangeSeriesRequest | pb.CancelSeriesRequest,
    act: Callable[[], series.Outcome],
) -> pb.SeriesOutcome:
    """Return what was done, or what would be, without the ids of what is not there."""
    with attempts.rehearsed(call.session, request.validate_only):
        outcome = act()
        call.session.flush()
        known = request.id if not isinstance(request, pb.CreateSeriesRequest) else ""
        reply = pb.SeriesOutcome(
            series=SERIES.message(outcome.series),
            occurrences=outcome.occurrences,
            validate_only=request.validate_only,
        )
    if request.validate_only:
        _hide(reply, known)
    return reply


def _hide(reply: pb.SeriesOutcome, known: str) -> None:
    reply.series.ClearField("appointment_ids")
    reply.series.ClearField("etag")
    if reply.series.id != known:
        reply.series.ClearField("id")
    for item in reply.occurrences:
        if item.result == series_pb2.OCCURRENCE_RESULT_BOOKED:
            item.ClearField("appointment_id")
