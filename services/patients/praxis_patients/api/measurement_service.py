"""The RPCs of what is measured of patients."""

from __future__ import annotations

from praxis.patients.v1 import measurement_pb2
from praxis.patients.v1 import measurement_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.mappings import MEASUREMENT
from praxis_patients.store.measurements import Measurement
from praxis_patients.usecases import measurements


class MeasurementService:
    @query
    def GetMeasurement(self, request: pb.GetMeasurementRequest, call: Call) -> measurement_pb2.Measurement:
        return MEASUREMENT.message(fetch(call.session, Measurement, request.id))

    @query
    def ListMeasurements(self, request: pb.ListMeasurementsRequest, call: Call) -> pb.ListMeasurementsResponse:
        wanted, order = measurements.wanted(request), [Measurement.measure_time, Measurement.id]
        found, token = page(call.session, wanted, order=order, request=request, descending=True)
        return pb.ListMeasurementsResponse(measurements=map(MEASUREMENT.message, found), next_page_token=token)

    @command
    def CreateMeasurement(self, request: pb.CreateMeasurementRequest, call: Call) -> measurement_pb2.Measurement:
        return MEASUREMENT.message(measurements.create(call.session, request.measurement))

    @command
    def CorrectMeasurement(self, request: pb.CorrectMeasurementRequest, call: Call) -> measurement_pb2.Measurement:
        return MEASUREMENT.message(measurements.correct(call.session, request))
