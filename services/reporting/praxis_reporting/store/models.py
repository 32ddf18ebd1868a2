"""All mapped classes of reporting."""

from __future__ import annotations

from praxis_reporting.store.base import Base
from praxis_reporting.store.dimensions import (
    Account,
    CatalogItem,
    Location,
    PartyName,
    Patient,
    PatientName,
    Payer,
    Practitioner,
)
from praxis_reporting.store.facts import (
    Appointment,
    Claim,
    ClaimTransition,
    Entry,
    LedgerCheck,
    Movement,
    Payment,
    Receivable,
    Visit,
)

__all__ = [
    "Account",
    "Appointment",
    "Base",
    "CatalogItem",
    "Claim",
    "ClaimTransition",
    "Entry",
    "LedgerCheck",
    "Location",
    "Movement",
    "PartyName",
    "Patient",
    "PatientName",
    "Payer",
    "Payment",
    "Practitioner",
    "Receivable",
    "Visit",
]
