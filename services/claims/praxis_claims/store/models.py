"""All mapped classes of claims: importing this module completes the metadata."""

from __future__ import annotations

from praxis_claims.store.authorizations import Authorization, UnitReservation
from praxis_claims.store.base import Base
from praxis_claims.store.claims import Claim, ClaimAttempt, ClaimStep
from praxis_claims.store.codes import ControlNumber, DiagnosisCodeRow, DiagnosisRelease
from praxis_claims.store.copies import CoverageCopy, LocationCopy, PartyCopy, PatientCopy, ProviderCopy
from praxis_claims.store.payers import Payer
from praxis_claims.store.remittances import Remittance, RemittanceClaim, RemittanceFile
from praxis_claims.store.submissions import Acknowledgment, ArrivedFile, InboundFile, Submission

__all__ = [
    "Acknowledgment",
    "ArrivedFile",
    "Authorization",
    "Base",
    "Claim",
    "ClaimAttempt",
    "ClaimStep",
    "ControlNumber",
    "CoverageCopy",
    "DiagnosisCodeRow",
    "DiagnosisRelease",
    "InboundFile",
    "LocationCopy",
    "PartyCopy",
    "PatientCopy",
    "Payer",
    "ProviderCopy",
    "Remittance",
    "RemittanceClaim",
    "RemittanceFile",
    "Submission",
    "UnitReservation",
]
