"""The RPCs of alerts."""

from __future__ import annotations

from praxis.patients.v1 import alert_pb2
from praxis.patients.v1 import alert_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.annotations import Alert
from praxis_patients.store.mappings import ALERT
from praxis_patients.usecases import alerts


class AlertService:
    @query
    def GetAlert(self, request: pb.GetAlertRequest, call: Call) -> alert_pb2.Alert:
        return ALERT.message(fetch(call.session, Alert, request.id))

    @query
    def ListAlerts(self, request: pb.ListAlertsRequest, call: Call) -> pb.ListAlertsResponse:
        found, token = page(call.session, alerts.alerts_of(call.session, request), order=[Alert.id], request=request)
        return pb.ListAlertsResponse(alerts=map(ALERT.message, found), next_page_token=token)

    @command
    def CreateAlert(self, request: pb.CreateAlertRequest, call: Call) -> alert_pb2.Alert:
        return ALERT.message(alerts.raise_alert(call.session, request.alert))

    @command
    def UpdateAlert(self, request: pb.UpdateAlertRequest, call: Call) -> alert_pb2.Alert:
        return ALERT.message(alerts.change_alert(call.session, request))

    @command
    def EndAlert(self, request: pb.EndAlertRequest, call: Call) -> alert_pb2.Alert:
        return ALERT.message(alerts.end_alert(call.session, request))
