"""How each resource of billing corresponds to its message."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from praxis.billing.v1 import account_pb2, catalog_pb2, encounter_pb2, ledger_pb2, payment_pb2, statement_pb2
from praxis_billing.store.models import (
    Account,
    Adjustment,
    Allocation,
    CatalogItem,
    Charge,
    Encounter,
    Entry,
    Fee,
    FeeSchedule,
    Journal,
    Payment,
    RemittancePosting,
    Share,
    Statement,
    TaxRate,
)
from praxis_chassis.errors import invalid
from praxis_chassis.mapping import Mapping, Special, read_money


def _write_fees(schedule: FeeSchedule, fees: Any) -> None:
    schedule.fees = [_fee(fee, place) for place, fee in enumerate(fees or ())]


def _fee(message: catalog_pb2.Fee, place: int) -> Fee:
    path = f"fee_schedule.fees[{place}]"
    amount = read_money(message.amount, f"{path}.amount")
    if amount.minor < 0:
        raise invalid(f"{path}.amount", "AMOUNT_NOT_POSITIVE")
    return Fee(
        position=place,
        catalog_item_id=UUID(message.catalog_item_id),
        modifiers=list(message.modifiers),
        amount_minor=amount.minor,
        currency_code=amount.currency,
    )


CATALOG_ITEM = Mapping(CatalogItem, catalog_pb2.CatalogItem)
FEE = Mapping(Fee, catalog_pb2.Fee)
FEE_SCHEDULE = Mapping(
    FeeSchedule,
    catalog_pb2.FeeSchedule,
    special={"fees": Special(read=lambda e: [FEE.message(fee) for fee in e.fees], write=_write_fees)},
)
TAX_RATE = Mapping(TaxRate, catalog_pb2.TaxRate)

# The name of the party is added by the API: events must not carry it.
ACCOUNT = Mapping(
    Account,
    account_pb2.Account,
    read_only={"number", "party_id", "currency_code"},
    special={"display_name": Special(None)},
)
STATEMENT = Mapping(
    Statement,
    statement_pb2.Statement,
    read_only={"number", "due_date", "amount_due", "buckets", "line_count", "file"},
)

SHARE = Mapping(Share, encounter_pb2.Share)
CHARGE = Mapping(
    Charge,
    encounter_pb2.Charge,
    special={"shares": Special(read=lambda e: [SHARE.message(share) for share in e.shares])},
)
ENCOUNTER = Mapping(
    Encounter,
    encounter_pb2.Encounter,
    special={"charges": Special(read=lambda e: [CHARGE.message(charge) for charge in e.charges])},
)

# Why a payment was taken back is added by the API, too: no patient's key seals the events of payments.
ALLOCATION = Mapping(Allocation, payment_pb2.Allocation)
PAYMENT = Mapping(
    Payment,
    payment_pb2.Payment,
    read_only={"number", "state", "unapplied", "remittance_id", "reversed_time"},
    special={
        "allocations": Special(read=lambda e: [ALLOCATION.message(row) for row in e.allocations]),
        "reversal_reason": Special(None),
    },
)
ADJUSTMENT = Mapping(Adjustment, payment_pb2.Adjustment)

ENTRY = Mapping(Entry, ledger_pb2.Entry)
JOURNAL = Mapping(
    Journal,
    ledger_pb2.Journal,
    special={"entries": Special(read=lambda e: [ENTRY.message(entry) for entry in e.entries])},
)
REMITTANCE_POSTING = Mapping(RemittancePosting, ledger_pb2.RemittancePosting)
