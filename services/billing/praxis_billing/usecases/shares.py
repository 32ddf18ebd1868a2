"""Give charges the shares of those who become responsible for a part of them."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from praxis_billing.rules.shares import Agreed, Part
from praxis_billing.store import queries
from praxis_billing.store.models import Charge, CoverageCopy, Encounter, Share
from praxis_chassis.types import Money, new_id


def agreed_on(session: Session, patient_id: UUID, day: date) -> tuple[list[Agreed], int]:
    """Return who pays for a patient on a day by which account, and how many of them have no account yet."""
    found = queries.responsible(session, patient_id, day)
    accounts = [(queries.account_of_party(session, item.party_id), item) for item in found]
    agreed = [
        Agreed(account.id, item.basis_points, frozenset(item.revenue_groups))
        for account, item in accounts
        if account is not None
    ]
    return agreed, len(found) - len(agreed)


def new_share(encounter: Encounter, charge: Charge, part: Part) -> Share:
    """Add a share without money to a charge; the ledger assigns its amount."""
    share = Share(
        id=new_id(),
        encounter_id=encounter.id,
        charge_id=charge.id,
        account_id=part.account_id,
        coverage_id=part.coverage_id,
        payer_id=part.payer_id,
        rank=part.rank,
        patient_id=encounter.patient_id,
        location_id=encounter.location_id,
        service_date=encounter.service_date,
        currency_code=encounter.currency_code,
        amount_minor=0,
        paid_minor=0,
        adjusted_minor=0,
    )
    charge.shares.append(share)
    return share


def share_for(encounter: Encounter, charge: Charge, account_id: UUID, cover: CoverageCopy | None) -> Share:
    """Return the charge's share for an account or a coverage, adding one when there is none."""
    coverage_id = cover.id if cover else None
    for share in charge.shares:
        same_account = cover is not None or share.account_id == account_id
        if share.coverage_id == coverage_id and same_account:
            return share
    part = Part(account_id, Money.zero(encounter.currency_code))
    if cover is not None:
        part = Part(account_id, part.amount, cover.id, cover.payer_id, cover.rank)
    return new_share(encounter, charge, part)
