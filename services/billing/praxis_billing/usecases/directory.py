"""Keep local copies of patients, parties, coverages, insurers and practices, and blank them on erasure."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from praxis.billing.v1 import catalog_pb2
from praxis.claims.v1 import payer_pb2
from praxis.patients.v1 import coverage_pb2, party_pb2, patient_pb2, practice_pb2
from praxis.scheduling.v1 import appointment_type_pb2, visit_pb2
from praxis.type.v1 import type_pb2
from praxis_billing.store.models import (
    Account,
    Adjustment,
    AppointmentTypeCopy,
    CoverageCopy,
    Encounter,
    LocationCopy,
    MissedChargeDismissal,
    PartyCopy,
    PatientCopy,
    PayerCopy,
    Payment,
    PracticeCopy,
    PractitionerCopy,
    ReferrerCopy,
    ResponsibilityCopy,
    Statement,
    VisitCopy,
)
from praxis_billing.usecases import missed_charges
from praxis_billing.usecases.accounts import open_for_party
from praxis_chassis.context import context_of
from praxis_chassis.files import files
from praxis_chassis.mapping import read_date, read_money

NOT_BILLED = {coverage_pb2.COVERAGE_KIND_PET}


def copy_patient(session: Session, patient: patient_pb2.Patient) -> None:
    """Keep who a patient is and who pays for it; whoever pays gets an account."""
    profile = patient.WhichOneof("profile")
    if profile is None:
        erase_patient(session, UUID(patient.id))
        return
    session.merge(
        PatientCopy(
            tenant_id=context_of(session).tenant,
            id=UUID(patient.id),
            display_name=patient.display_name,
            sector=catalog_pb2.SECTOR_HUMAN if profile == "human" else catalog_pb2.SECTOR_ANIMAL,
            deceased_date=read_date(patient.deceased_date, "deceased_date"),
            statements_held=patient.statements_held,
        )
    )
    patient_id = UUID(patient.id)
    session.execute(delete(ResponsibilityCopy).where(ResponsibilityCopy.patient_id == patient_id))
    for place, item in enumerate(patient.responsibilities):
        session.add(_responsibility(patient_id, place, item))
        if item.share_basis_points:
            open_for_party(session, UUID(item.party_id))


def join(session: Session, absorbed_id: UUID, survivor_id: UUID | None) -> None:
    """Keep who a patient is now."""
    session.flush()
    session.execute(update(PatientCopy).where(PatientCopy.id == absorbed_id).values(survivor_id=survivor_id))


def _responsibility(patient_id: UUID, place: int, item: patient_pb2.Responsibility) -> ResponsibilityCopy:
    return ResponsibilityCopy(
        patient_id=patient_id,
        position=place,
        party_id=UUID(item.party_id),
        basis_points=item.share_basis_points,
        from_date=read_date(item.from_date, "from_date"),
        to_date=read_date(item.to_date, "to_date"),
        revenue_groups=list(item.revenue_groups),
    )


def copy_party(session: Session, party: party_pb2.Party) -> None:
    """Keep the name, the language and the addresses that statements need."""
    session.merge(
        PartyCopy(
            tenant_id=context_of(session).tenant,
            id=UUID(party.id),
            patient_id=UUID(party.patient_id) if party.patient_id else None,
            display_name=party.display_name,
            language=party.language,
            addresses=list(party.addresses),
        )
    )


def copy_coverage(session: Session, coverage: coverage_pb2.Coverage) -> None:
    """Keep which insurer is asked first, and the copay; insurers of animals pay their owners and are not asked."""
    copay = read_money(coverage.copay, "copay") if coverage.HasField("copay") else None
    session.merge(
        CoverageCopy(
            tenant_id=context_of(session).tenant,
            id=UUID(coverage.id),
            patient_id=UUID(coverage.patient_id),
            payer_id=UUID(coverage.payer_id),
            rank=coverage.rank,
            billed=coverage.kind not in NOT_BILLED,
            related_cause_id=UUID(coverage.related_cause_id) if coverage.related_cause_id else None,
            from_date=read_date(coverage.from_date, "from_date"),
            to_date=read_date(coverage.to_date, "to_date"),
            copay_minor=copay.minor if copay else None,
            currency_code=copay.currency if copay else "USD",
        )
    )


def copy_visit(session: Session, visit: visit_pb2.Visit) -> None:
    """Keep whose visit it is, what it is for and how far it is; a merge may have given it another patient since."""
    copy = session.get(VisitCopy, (context_of(session).tenant, UUID(visit.id)))
    if copy is None:
        copy = VisitCopy(id=UUID(visit.id), patient_id=UUID(visit.patient_id))
        session.add(copy)
    if copy.state in missed_charges.AT_CHECKOUT and visit.state not in missed_charges.AT_CHECKOUT:
        missed_charges.forget(session, copy.id)
    copy.state, copy.local_date = visit.state, read_date(visit.local_date, "local_date")
    copy.location_id = UUID(visit.location_id) if visit.location_id else None
    copy.practitioner_id = UUID(visit.practitioner_id) if visit.practitioner_id else None
    copy.appointment_type_id = UUID(visit.appointment_type_id) if visit.appointment_type_id else None


def copy_appointment_type(session: Session, kind: appointment_type_pb2.AppointmentType) -> None:
    """Keep what is usually charged for a kind of appointment."""
    items = [UUID(item) for item in kind.default_catalog_item_ids]
    tenant = context_of(session).tenant
    session.merge(
        AppointmentTypeCopy(tenant_id=tenant, id=UUID(kind.id), name=kind.name, default_catalog_item_ids=items)
    )


def copy_payer(session: Session, payer: payer_pb2.Payer) -> None:
    """Keep the name of an insurer."""
    session.merge(PayerCopy(tenant_id=context_of(session).tenant, id=UUID(payer.id), name=payer.name))


def copy_practice(session: Session, practice: practice_pb2.Practice) -> None:
    """Keep the letterhead, the currency and the language of a practice."""
    session.merge(
        PracticeCopy(
            tenant_id=context_of(session).tenant,
            id=UUID(practice.id),
            name=practice.name,
            phone=practice.phone,
            currency_code=practice.currency_code,
            locale=practice.locale,
            billing_address=practice.billing_address,
        )
    )


def copy_location(session: Session, location: practice_pb2.Location) -> None:
    """Keep where a location is in time and for claims."""
    session.merge(
        LocationCopy(
            tenant_id=context_of(session).tenant,
            id=UUID(location.id),
            practice_id=UUID(location.practice_id),
            name=location.name,
            time_zone=location.time_zone,
            place_of_service_code=location.place_of_service_code,
        )
    )


def copy_practitioner(session: Session, practitioner_id: UUID) -> None:
    """Keep that a practitioner exists."""
    session.merge(PractitionerCopy(tenant_id=context_of(session).tenant, id=practitioner_id))


def copy_referrer(session: Session, referrer_id: UUID) -> None:
    """Keep that a referrer exists."""
    session.merge(ReferrerCopy(tenant_id=context_of(session).tenant, id=referrer_id))


def erase_patient(session: Session, patient_id: UUID) -> None:
    """Blank everything that says who the patient was; ids and money stay."""
    blank = {"display_name": "", "deceased_date": None}
    session.execute(update(PatientCopy).where(PatientCopy.id == patient_id).values(**blank))
    session.execute(
        update(Encounter)
        .where(Encounter.patient_id == patient_id)
        .values(reversal_reason="", authorization_number="", external_reference="")
    )
    session.execute(update(Adjustment).where(Adjustment.patient_id == patient_id).values(note=""))
    # Locked, so that somebody who dismisses something of a visit at this moment is waited for.
    visits = session.scalars(select(VisitCopy.id).where(VisitCopy.patient_id == patient_id).with_for_update()).all()
    session.execute(update(MissedChargeDismissal).where(MissedChargeDismissal.visit_id.in_(visits)).values(reason=""))
    for party_id in session.scalars(select(PartyCopy.id).where(PartyCopy.patient_id == patient_id)):
        erase_party(session, party_id)
    for statement in session.scalars(select(Statement).where(Statement.patient_ids.contains([patient_id]))):
        files(session).delete(statement.file.file_id)


def erase_party(session: Session, party_id: UUID) -> None:
    """Blank the name and the addresses of somebody who paid."""
    nothing: list[type_pb2.Address] = []
    blank = {"display_name": "", "addresses": nothing, "language": ""}
    session.execute(update(PartyCopy).where(PartyCopy.id == party_id).values(**blank))
    account = select(Account.id).where(Account.party_id == party_id).scalar_subquery()
    session.execute(update(Payment).where(Payment.account_id == account).values(reversal_reason=""))
