"""The chart of accounts: which accounts the ledger has and how money that comes in reaches them."""

from __future__ import annotations

from enum import StrEnum


class LedgerCode(StrEnum):
    """Accounts that every practice has; revenue has one account for each group besides."""

    CASH = "cash_drawer"
    CARD = "card_clearing"
    BANK = "bank_clearing"
    AR_PATIENT = "ar_patient"
    AR_PAYER = "ar_payer"
    AR_THIRD_PARTY = "ar_third_party"
    AR_COLLECTIONS = "ar_collections"
    UNAPPLIED = "unapplied_credits"
    DEPOSITS = "deposits_held"
    REFUNDS = "refunds_payable"
    SUSPENSE = "remittance_suspense"
    TAX = "tax_payable"
    DISCOUNTS = "discounts"
    CONTRACTUAL = "contractual_adjustments"
    WRITE_OFFS = "write_offs"
    PROVIDER_ADJUSTMENTS = "provider_adjustments"


RECEIVABLES = frozenset(
    {LedgerCode.AR_PATIENT, LedgerCode.AR_PAYER, LedgerCode.AR_THIRD_PARTY, LedgerCode.AR_COLLECTIONS}
)

MONEY_IN = {
    "cash": LedgerCode.CASH,
    "card": LedgerCode.CARD,
    "check": LedgerCode.BANK,
    "bank_transfer": LedgerCode.BANK,
    "non_payment": LedgerCode.BANK,
}


def revenue(group: str) -> str:
    """Return the revenue account of a group."""
    return f"revenue.{group}"


def receivable(payer_id: object | None) -> LedgerCode:
    """Return the control account of a share: insurers and accounts have one each."""
    return LedgerCode.AR_PAYER if payer_id else LedgerCode.AR_PATIENT
