"""Give charges the shares of those who become responsible for a part of them."""

from __future__ import annotations

from uuid import UUID

from praxis_billing.rules.shares import Part
from praxis_billing.store.models import Charge, CoverageCopy, Encounter, Share
from praxis_chassis.types import Money, new_id


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
