"""How the resources of claims correspond to their messages, declared once for replies and events."""

from __future__ import annotations

from praxis.claims.v1 import authorization_pb2, claim_pb2, payer_pb2, remittance_pb2, submission_pb2
from praxis_chassis.mapping import Mapping
from praxis_claims.store.models import (
    Acknowledgment,
    Authorization,
    Claim,
    ClaimStep,
    Payer,
    Remittance,
    RemittanceClaim,
    Submission,
    UnitReservation,
)

CORRECTABLE = {"diagnosis_codes", "prior_authorization_number", "referral_number"}


def fixed(message: type[claim_pb2.Claim], writable: set[str]) -> set[str]:
    """Return the fields of a message that only the system writes."""
    return {field.name for field in message.DESCRIPTOR.fields} - writable


AUTHORIZATION = Mapping(
    Authorization,
    authorization_pb2.Authorization,
    read_only={"state", "units_reserved", "units_used", "units_booked", "units_remaining"},
)
UNIT_RESERVATION = Mapping(UnitReservation, authorization_pb2.UnitReservation)
PAYER = Mapping(Payer, payer_pb2.Payer)
CLAIM = Mapping(Claim, claim_pb2.Claim, read_only=fixed(claim_pb2.Claim, CORRECTABLE))
TIMELINE_ENTRY = Mapping(ClaimStep, claim_pb2.ClaimTimelineEntry)
SUBMISSION = Mapping(Submission, submission_pb2.Submission)
ACKNOWLEDGMENT = Mapping(Acknowledgment, submission_pb2.Acknowledgment)
REMITTANCE = Mapping(Remittance, remittance_pb2.Remittance)
REMITTANCE_CLAIM = Mapping(RemittanceClaim, remittance_pb2.RemittanceClaim)
