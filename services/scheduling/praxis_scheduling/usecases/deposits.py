"""What becomes of the deposit of an appointment; the money itself is billing's."""

from __future__ import annotations

from praxis.scheduling.v1 import appointment_pb2


def after(state: int, *, late: bool) -> int:
    """Return what becomes of a deposit when the appointment falls; `late` means by the patient's fault."""
    if state == appointment_pb2.DEPOSIT_STATE_DUE:
        return appointment_pb2.DEPOSIT_STATE_RELEASED
    if state == appointment_pb2.DEPOSIT_STATE_PAID:
        return appointment_pb2.DEPOSIT_STATE_FORFEITED if late else appointment_pb2.DEPOSIT_STATE_REFUND_DUE
    return state
