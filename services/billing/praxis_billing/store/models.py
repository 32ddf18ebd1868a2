"""All mapped classes of billing by name."""

from __future__ import annotations

from praxis_billing.store.accounts import Account, Statement
from praxis_billing.store.base import Base
from praxis_billing.store.catalog import CatalogItem, Fee, FeeSchedule, TaxRate
from praxis_billing.store.copies import (
    AppointmentTypeCopy,
    CoverageCopy,
    LocationCopy,
    PartyCopy,
    PatientCopy,
    PayerCopy,
    PracticeCopy,
    PractitionerCopy,
    ReferrerCopy,
    ResponsibilityCopy,
    VisitCopy,
)
from praxis_billing.store.encounters import Charge, Encounter, Share
from praxis_billing.store.ledger import ControlTotals, Entry, Journal, LedgerAccount, RemittancePosting
from praxis_billing.store.missed_charges import MissedChargeDismissal
from praxis_billing.store.payments import Adjustment, Allocation, Payment

__all__ = [
    "Account",
    "Adjustment",
    "Allocation",
    "AppointmentTypeCopy",
    "Base",
    "CatalogItem",
    "Charge",
    "ControlTotals",
    "CoverageCopy",
    "Encounter",
    "Entry",
    "Fee",
    "FeeSchedule",
    "Journal",
    "LedgerAccount",
    "LocationCopy",
    "MissedChargeDismissal",
    "PartyCopy",
    "PatientCopy",
    "PayerCopy",
    "Payment",
    "PracticeCopy",
    "PractitionerCopy",
    "ReferrerCopy",
    "RemittancePosting",
    "ResponsibilityCopy",
    "Share",
    "Statement",
    "TaxRate",
    "VisitCopy",
]
