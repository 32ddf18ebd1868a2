"""How patients kept appointments, and what the practice makes of those that were missed."""

from __future__ import annotations

from praxis.scheduling.v1 import attendance_pb2
from praxis.scheduling.v1 import attendance_service_pb2 as pb
from praxis_chassis.rpc import Call, command, query
from praxis_scheduling.api.mappings import ATTENDANCE_POLICY
from praxis_scheduling.usecases import attendance


class AttendanceService:
    """How patients kept appointments, and what the practice makes of those that were missed."""

    @query
    def GetAttendance(self, request: pb.GetAttendanceRequest, call: Call) -> attendance_pb2.Attendance:
        return attendance.message(call.session, request.patient_id)

    @query
    def GetAttendancePolicy(
        self, request: pb.GetAttendancePolicyRequest, call: Call
    ) -> attendance_pb2.AttendancePolicy:
        return ATTENDANCE_POLICY.message(attendance.policy_of(call.session))

    @command
    def UpdateAttendancePolicy(
        self, request: pb.UpdateAttendancePolicyRequest, call: Call
    ) -> attendance_pb2.AttendancePolicy:
        asked, paths = request.attendance_policy, request.update_mask.paths
        return ATTENDANCE_POLICY.message(attendance.change(call.session, asked, paths, ATTENDANCE_POLICY))
