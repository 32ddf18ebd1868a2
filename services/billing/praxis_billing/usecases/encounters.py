"""Post encounters to the ledger, take them back, and move responsibility for their charges."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.billing.v1 import encounter_pb2, encounter_service_pb2, errors_pb2, events_pb2, ledger_pb2, payment_pb2
from praxis_billing.rules.chart import LedgerCode, receivable, revenue
from praxis_billing.rules.ledger import Dimensions, Effect, Line
from praxis_billing.store import queries
from praxis_billing.store.models import (
    Account,
    Adjustment,
    Charge,
    CoverageCopy,
    Encounter,
    Journal,
    Share,
)
from praxis_billing.usecases import adjustments, allocations, civil_dates, missed_charges, transfers
from praxis_billing.usecases.checkout import Priced, Setting, priced_charges, setting_of
from praxis_billing.usecases.ledger import Heading, lock_shares, post
from praxis_billing.usecases.shares import new_share, share_for
from praxis_chassis import clock
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, not_found
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date, read_money
from praxis_chassis.numbers import next_number
from praxis_chassis.types import Money, new_id


def post_encounter(session: Session, asked: encounter_pb2.Encounter) -> Encounter:
    """Price, split and post an encounter in one step."""
    setting = setting_of(session, asked)
    _refuse_twins(session, asked)
    encounter = assemble(asked, setting, priced_charges(session, asked, setting))
    encounter.number = f"E{next_number(session, 'encounter_number', 100001)}"
    encounter.posted_time = clock.now(session)
    session.add(encounter)
    session.flush()
    heading = Heading(
        kind=ledger_pb2.JOURNAL_KIND_ENCOUNTER,
        key=f"encounter:{encounter.id}",
        effective_date=encounter.service_date,
        source_type="encounter",
        source_id=encounter.id,
    )
    post(session, heading, _lines(encounter))
    record(session, events_pb2.EncounterPosted, encounter)
    return encounter


def preview(session: Session, asked: encounter_pb2.Encounter) -> Encounter:
    """Return the encounter as it would be posted; it never enters the session."""
    setting = setting_of(session, asked)
    with session.no_autoflush:
        encounter = assemble(asked, setting, priced_charges(session, asked, setting))
    for share in encounter.shares:
        share.amount_minor = share.assigned_at_first
    return encounter


def _refuse_twins(session: Session, asked: encounter_pb2.Encounter) -> None:
    if asked.visit_id and queries.posted_encounter_of_visit(session, UUID(asked.visit_id)):
        raise DomainError(errors_pb2.ERROR_REASON_VISIT_ALREADY_POSTED, visit_id=asked.visit_id)
    reference = asked.external_reference
    if reference and session.scalars(select(Encounter.id).where(Encounter.external_reference == reference)).first():
        raise DomainError(errors_pb2.ERROR_REASON_EXTERNAL_REFERENCE_TAKEN, reference=reference)


def assemble(asked: encounter_pb2.Encounter, setting: Setting, priced: Sequence[Priced]) -> Encounter:
    """Return the encounter with its charges and shares, not yet in the session."""
    encounter = Encounter(
        id=new_id(),
        number="",
        patient_id=setting.patient.id,
        visit_id=UUID(asked.visit_id) if asked.visit_id else None,
        service_date=setting.service_date,
        location_id=setting.location.id,
        rendering_practitioner_id=setting.practitioner_id,
        referrer_id=UUID(asked.referrer_id) if asked.referrer_id else None,
        diagnoses=[code.replace(".", "") for code in asked.diagnoses],
        self_pay=asked.self_pay,
        place_of_service_code=asked.place_of_service_code or setting.location.place_of_service_code,
        authorization_number=asked.authorization_number,
        related_cause=asked.related_cause,
        related_date=read_date(asked.related_date, "encounter.related_date"),
        related_cause_id=UUID(asked.related_cause_id) if asked.related_cause_id else None,
        external_reference=asked.external_reference,
        state=encounter_pb2.ENCOUNTER_STATE_POSTED,
        total_minor=sum(item.price.total.minor for item in priced),
        currency_code=setting.currency,
        reversal_reason="",
    )
    for item in priced:
        _attach(encounter, item)
    return encounter


def _attach(encounter: Encounter, priced: Priced) -> None:
    charge = priced.charge
    charge.id = new_id()
    charge.encounter_id = encounter.id
    encounter.charges.append(charge)
    for part in priced.parts:
        share = new_share(encounter, charge, part)
        share.assigned_at_first = part.amount.minor


def _lines(encounter: Encounter) -> list[Line]:
    return [line for charge in encounter.charges for line in _charge_lines(encounter, charge)]


def _charge_lines(encounter: Encounter, charge: Charge) -> list[Line]:
    about = Dimensions(
        patient_id=encounter.patient_id,
        location_id=encounter.location_id,
        encounter_id=encounter.id,
        charge_id=charge.id,
    )
    included = sum((_tax_minor(tax) for tax in charge.taxes if tax.inclusive), 0)
    income = [
        Line(revenue(charge.revenue_group), Money(charge.currency_code, included - charge.gross_minor), about),
        Line(LedgerCode.DISCOUNTS, charge.discount, about),
        Line(LedgerCode.TAX, -charge.tax, about),
    ]
    owed = [
        Line(
            receivable(share.payer_id),
            Money(charge.currency_code, share.assigned_at_first),
            share.dimensions(),
            Effect.ASSIGNED,
        )
        for share in charge.shares
    ]
    return [*owed, *income]


def _tax_minor(tax: encounter_pb2.TaxLine) -> int:
    return Money.parse(tax.amount.currency_code, tax.amount.amount).minor


def reverse(session: Session, request: encounter_service_pb2.ReverseEncounterRequest) -> Encounter:
    """Take the charges back; what accounts paid becomes unapplied, what an insurer paid must be taken back before."""
    queries.lock_payments_for(session, [uuid_of(request.id)])
    encounter = fetch(session, Encounter, request.id, lock=True, etag=request.etag)
    if encounter.state == encounter_pb2.ENCOUNTER_STATE_REVERSED:
        raise DomainError(errors_pb2.ERROR_REASON_ENCOUNTER_ALREADY_REVERSED, number=encounter.number)
    lock_shares(session, [share.id for share in encounter.shares])
    if any(share.payer_id and (share.paid_minor or share.adjusted_minor) for share in encounter.shares):
        raise DomainError(errors_pb2.ERROR_REASON_INSURER_HAS_PAID, number=encounter.number)
    today = civil_dates.today_at(session, encounter.location_id)
    day = max(today, encounter.service_date)
    missed_charges.reconsider(session, encounter)
    allocations.take_back_all(session, encounter.shares, day)
    _reverse_adjustments(session, encounter, day)
    _post_reversal(session, encounter, day)
    encounter.state = encounter_pb2.ENCOUNTER_STATE_REVERSED
    encounter.reversed_time = clock.now(session)
    encounter.reversal_reason = request.reason
    record(session, events_pb2.EncounterReversed, encounter, effective_date=day)
    return encounter


def _reverse_adjustments(session: Session, encounter: Encounter, day: date) -> None:
    posted = payment_pb2.ADJUSTMENT_STATE_POSTED
    query = select(Adjustment).where(Adjustment.encounter_id == encounter.id, Adjustment.state == posted)
    for adjustment in session.scalars(query):
        adjustments.undo(session, adjustment, day)


def _post_reversal(session: Session, encounter: Encounter, day: date) -> None:
    """Write the income off again and take from each share what it holds now, wherever transfers left it."""
    first = [line for line in _lines(encounter) if line.effect is None]
    owed = [
        Line(receivable(share.payer_id), -share.amount, share.dimensions(), Effect.ASSIGNED)
        for share in encounter.shares
    ]
    heading = Heading(
        kind=ledger_pb2.JOURNAL_KIND_ENCOUNTER_REVERSAL,
        key=f"encounter:{encounter.id}:reversal",
        effective_date=day,
        source_type="encounter",
        source_id=encounter.id,
        reverses_id=_journal_of(session, encounter),
    )
    income = [Line(line.ledger_account, -line.amount, line.dimensions) for line in first]
    post(session, heading, [*owed, *income])


def _journal_of(session: Session, encounter: Encounter) -> UUID | None:
    key = f"encounter:{encounter.id}"
    return session.scalars(select(Journal.id).where(Journal.idempotency_key == key)).one_or_none()


def transfer(session: Session, request: encounter_service_pb2.TransferResponsibilityRequest) -> Encounter:
    """Move a part of a share to another account or coverage because a person decided so."""
    encounter = fetch(session, Encounter, request.id, lock=True, etag=request.etag)
    shares = lock_shares(session, [share.id for share in encounter.shares])
    source = shares.get(UUID(request.share_id))
    if source is None:
        raise not_found("share", request.share_id)
    amount = read_money(request.amount, "amount")
    _check_transfer(source, amount)
    target = _target(session, encounter, source, request)
    if target.id == source.id:
        raise DomainError(errors_pb2.ERROR_REASON_TRANSFER_TO_SAME)
    session.flush()
    day = civil_dates.today_at(session, encounter.location_id)
    move = transfers.Move(source, target, amount, request.reason)
    transfers.post_moves(session, encounter, [move], day, key=f"transfer:{new_id()}")
    return encounter


def _check_transfer(source: Share, amount: Money) -> None:
    if amount.currency != source.currency_code:
        raise DomainError(
            errors_pb2.ERROR_REASON_CURRENCY_MISMATCH, currency=amount.currency, expected=source.currency_code
        )
    if not 0 < amount.minor <= source.open.minor:
        raise DomainError(errors_pb2.ERROR_REASON_TRANSFER_EXCEEDS_SHARE, open=source.open)


def _target(
    session: Session,
    encounter: Encounter,
    source: Share,
    request: encounter_service_pb2.TransferResponsibilityRequest,
) -> Share:
    account_id = fetch(session, Account, request.to_account_id).id if request.to_account_id else source.account_id
    cover = _valid_cover(session, encounter, request.to_coverage_id) if request.to_coverage_id else None
    return share_for(encounter, source.charge, account_id, cover)


def _valid_cover(session: Session, encounter: Encounter, coverage_id: str) -> CoverageCopy:
    for cover in queries.coverages_of(session, encounter):
        if str(cover.id) == coverage_id:
            return cover
    raise DomainError(errors_pb2.ERROR_REASON_COVERAGE_NOT_VALID, date=encounter.service_date)
