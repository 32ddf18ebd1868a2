"""Price the charges of an encounter and split them over those who pay; nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.billing.v1 import catalog_pb2, encounter_pb2, errors_pb2
from praxis_billing.rules.fees import Circumstances, select_fee
from praxis_billing.rules.pricing import Price, Tax, price
from praxis_billing.rules.shares import Agreed, Cover, Part, owners_of, split_charges
from praxis_billing.store import queries
from praxis_billing.store.models import (
    CatalogItem,
    Charge,
    CoverageCopy,
    LocationCopy,
    PatientCopy,
    PractitionerCopy,
    ReferrerCopy,
    VisitCopy,
)
from praxis_billing.usecases.shares import agreed_on
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.errors import DomainError, invalid
from praxis_chassis.mapping import read_date, read_decimal, read_money, wire_money
from praxis_chassis.types import Money

LARGEST_CHARGE_MINOR = 10**11
PRICING_PERMISSION = "billing.encounters.reprice"
DISCOUNT_PERMISSION = "billing.encounters.discount"


@dataclass(frozen=True, slots=True)
class Setting:
    """What all charges of an encounter share."""

    service_date: date
    patient: PatientCopy
    location: LocationCopy
    practitioner_id: UUID
    currency: str
    cover: CoverageCopy | None


@dataclass(frozen=True, slots=True)
class Priced:
    """One charge with its figures and its split."""

    charge: Charge
    price: Price
    parts: list[Part]


def setting_of(session: Session, encounter: encounter_pb2.Encounter) -> Setting:
    """Look up patient, place and coverage of an encounter; what billing has not heard of yet is refused."""
    patient = queries.patient(session, uuid_of(encounter.patient_id, "encounter.patient_id"))
    if patient is None:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_NOT_KNOWN_YET, patient_id=encounter.patient_id)
    location = queries.copy_of(session, LocationCopy, uuid_of(encounter.location_id, "encounter.location_id"))
    practice = queries.practice_of(session, location.id) if location else None
    if location is None or practice is None:
        raise DomainError(errors_pb2.ERROR_REASON_LOCATION_NOT_KNOWN_YET, location_id=encounter.location_id)
    day = _service_date(session, encounter, location)
    if patient.deceased_date is not None and day > patient.deceased_date:
        raise DomainError(errors_pb2.ERROR_REASON_PATIENT_DECEASED, date=patient.deceased_date)
    _check_people(session, encounter)
    _check_visit(session, encounter, patient)
    return Setting(
        service_date=day,
        patient=patient,
        location=location,
        practitioner_id=uuid_of(encounter.rendering_practitioner_id, "encounter.rendering_practitioner_id"),
        currency=practice.currency_code,
        cover=None if encounter.self_pay else _first_cover(session, patient, day, encounter.related_cause_id),
    )


def _check_people(session: Session, encounter: encounter_pb2.Encounter) -> None:
    """Refuse practitioners and referrers that nobody has told of, because no claim could ever name them."""
    wanted = {encounter.rendering_practitioner_id, *(charge.rendering_practitioner_id for charge in encounter.charges)}
    for practitioner_id in sorted(wanted - {""}):
        if queries.copy_of(session, PractitionerCopy, uuid_of(practitioner_id)) is None:
            reason = errors_pb2.ERROR_REASON_PRACTITIONER_NOT_KNOWN_YET
            raise DomainError(reason, practitioner_id=practitioner_id)
    referrer_id = encounter.referrer_id
    if referrer_id and queries.copy_of(session, ReferrerCopy, uuid_of(referrer_id)) is None:
        raise DomainError(errors_pb2.ERROR_REASON_REFERRER_NOT_KNOWN_YET, referrer_id=referrer_id)


def _check_visit(session: Session, encounter: encounter_pb2.Encounter, patient: PatientCopy) -> None:
    """Refuse a visit that nobody has told of, and one of another patient, who could not be checked out any more."""
    if not encounter.visit_id:
        return
    visit = queries.copy_of(session, VisitCopy, uuid_of(encounter.visit_id, "encounter.visit_id"))
    if visit is None:
        raise DomainError(errors_pb2.ERROR_REASON_VISIT_NOT_KNOWN_YET, visit_id=encounter.visit_id)
    if visit.patient_id != patient.id:
        raise invalid("encounter.visit_id", "VISIT_OF_ANOTHER")


def _first_cover(session: Session, patient: PatientCopy, day: date, cause_id: str) -> CoverageCopy | None:
    """Return the coverage that is billed first; a person without one must be said to pay alone."""
    cause = uuid_of(cause_id, "encounter.related_cause_id") if cause_id else None
    covers = queries.coverages(session, patient.id, day, cause)
    if not covers and patient.sector == catalog_pb2.SECTOR_HUMAN:
        raise DomainError(errors_pb2.ERROR_REASON_COVERAGE_NOT_KNOWN_YET, patient_id=patient.id, date=day)
    return covers[0] if covers else None


def _service_date(session: Session, encounter: encounter_pb2.Encounter, location: LocationCopy) -> date:
    day = read_date(encounter.service_date, "encounter.service_date")
    if day is None or day > clock.today(session, location.time_zone):
        raise invalid("encounter.service_date", "SERVICE_DATE_IN_FUTURE", date=encounter.service_date)
    return day


def priced_charges(session: Session, encounter: encounter_pb2.Encounter, setting: Setting) -> list[Priced]:
    """Return all charges with price and split."""
    charges, prices = [], []
    for place, asked in enumerate(encounter.charges):
        _check_pointers(asked, len(encounter.diagnoses), place)
        charge, figures = _charge(session, asked, setting, place)
        charges.append(charge)
        prices.append(figures)
    agreed = _agreed(session, setting)
    owners = [owners_of(agreed, charge.revenue_group) for charge in charges]
    parts = split_charges([figures.total for figures in prices], owners, _cover(setting))
    return [Priced(*item) for item in zip(charges, prices, parts, strict=True)]


def _check_pointers(asked: encounter_pb2.Charge, diagnoses: int, place: int) -> None:
    beyond = [pointer for pointer in asked.diagnosis_pointers if pointer > diagnoses]
    if beyond:
        path = f"encounter.charges[{place}].diagnosis_pointers"
        raise invalid(path, "DIAGNOSIS_POINTER_BEYOND_LIST", pointer=beyond[0], count=diagnoses)


def _item(session: Session, asked: encounter_pb2.Charge, setting: Setting, place: int) -> CatalogItem:
    if asked.catalog_item_id:
        item: CatalogItem | None = fetch(session, CatalogItem, asked.catalog_item_id)
    elif asked.procedure_code:
        item = queries.item_by_code(session, asked.code_system, asked.procedure_code)
    else:
        raise invalid(f"encounter.charges[{place}].catalog_item_id", "ITEM_OR_CODE_NEEDED")
    if item is None:
        raise DomainError(errors_pb2.ERROR_REASON_ITEM_NOT_FOUND, code=asked.procedure_code)
    if item.retired:
        raise DomainError(errors_pb2.ERROR_REASON_ITEM_RETIRED, item=item.name)
    if item.sector not in (catalog_pb2.SECTOR_ALL, setting.patient.sector):
        raise DomainError(errors_pb2.ERROR_REASON_ITEM_NOT_FOR_PATIENT, item=item.name)
    return item


def _charge(session: Session, asked: encounter_pb2.Charge, setting: Setting, place: int) -> tuple[Charge, Price]:
    path = f"encounter.charges[{place}]"
    item = _item(session, asked, setting, place)
    units = _units(asked, path)
    unit_price = _unit_price(session, asked, item, setting, path)
    rates = queries.tax_rates(
        session, item.tax_class, setting.patient.sector, setting.location.id, setting.service_date
    )
    discount = _discount(session, asked, setting, path)
    figures = price(
        unit_price,
        units,
        [rate.rate() for rate in rates],
        basis_points=asked.discount_basis_points,
        discount=discount,
    )
    if figures.gross.minor > LARGEST_CHARGE_MINOR:
        raise invalid(path, "CHARGE_TOO_LARGE", largest=Money(setting.currency, LARGEST_CHARGE_MINOR))
    return _entity(asked, item, units, unit_price, figures, place), figures


def _units(asked: encounter_pb2.Charge, path: str) -> Decimal:
    units = read_decimal(asked.units, f"{path}.units")
    if units is not None and units <= 0:
        raise invalid(f"{path}.units", "UNITS_NOT_POSITIVE")
    return Decimal(1) if units is None else units


def _discount(session: Session, asked: encounter_pb2.Charge, setting: Setting, path: str) -> Money | None:
    given = asked.HasField("discount") or asked.discount_basis_points
    if given and DISCOUNT_PERMISSION not in context_of(session).permissions:
        raise DomainError(errors_pb2.ERROR_REASON_DISCOUNT_NEEDS_PERMISSION, permission=DISCOUNT_PERMISSION)
    if not asked.HasField("discount"):
        return None
    discount = _in_currency(read_money(asked.discount, f"{path}.discount"), setting)
    if discount.minor < 0 or asked.discount_basis_points:
        raise invalid(f"{path}.discount", "DISCOUNT_ONCE_AND_POSITIVE")
    return discount


def _in_currency(amount: Money, setting: Setting) -> Money:
    if amount.currency != setting.currency:
        raise DomainError(
            errors_pb2.ERROR_REASON_CURRENCY_MISMATCH, currency=amount.currency, expected=setting.currency
        )
    return amount


def _unit_price(session: Session, asked: encounter_pb2.Charge, item: CatalogItem, setting: Setting, path: str) -> Money:
    wanted = Circumstances(
        service_date=setting.service_date,
        payer_id=setting.cover.payer_id if setting.cover else None,
        location_id=setting.location.id,
        practitioner_id=UUID(asked.rendering_practitioner_id)
        if asked.rendering_practitioner_id
        else setting.practitioner_id,
        modifiers=list(asked.modifiers),
    )
    options = [fee.option() for fee in queries.fees_of(session, item.id, setting.service_date)]
    fee = select_fee(options, wanted)
    if asked.HasField("unit_price"):
        return _price_by_hand(session, asked, fee.amount if fee else None, setting, path)
    if fee is None:
        raise DomainError(errors_pb2.ERROR_REASON_FEE_MISSING, item=item.name, date=setting.service_date)
    return _in_currency(fee.amount, setting)


def _price_by_hand(
    session: Session, asked: encounter_pb2.Charge, listed: Money | None, setting: Setting, path: str
) -> Money:
    amount = _in_currency(read_money(asked.unit_price, f"{path}.unit_price"), setting)
    if amount.minor < 0:
        raise invalid(f"{path}.unit_price", "AMOUNT_NOT_POSITIVE")
    if amount != listed and PRICING_PERMISSION not in context_of(session).permissions:
        raise DomainError(errors_pb2.ERROR_REASON_PRICE_NEEDS_PERMISSION, permission=PRICING_PERMISSION)
    return amount


def _entity(
    asked: encounter_pb2.Charge, item: CatalogItem, units: Decimal, unit_price: Money, figures: Price, place: int
) -> Charge:
    return Charge(
        position=place,
        catalog_item_id=item.id,
        code_system=item.code_system,
        procedure_code=item.code,
        description=item.name,
        modifiers=list(asked.modifiers),
        diagnosis_pointers=list(asked.diagnosis_pointers),
        units=units,
        currency_code=unit_price.currency,
        unit_price_minor=unit_price.minor,
        gross_minor=figures.gross.minor,
        discount_basis_points=asked.discount_basis_points,
        discount_minor=figures.discount.minor,
        taxes=[_tax_line(tax) for tax in figures.taxes],
        tax_minor=figures.tax.minor,
        total_minor=figures.total.minor,
        rendering_practitioner_id=UUID(asked.rendering_practitioner_id) if asked.rendering_practitioner_id else None,
        revenue_group=item.revenue_group,
        ndc=item.ndc,
    )


def _tax_line(tax: Tax) -> encounter_pb2.TaxLine:
    return encounter_pb2.TaxLine(
        tax_rate_id=str(tax.rate.id),
        name=tax.rate.name,
        jurisdiction=tax.rate.jurisdiction,
        percent=f"{tax.rate.percent.normalize():f}",
        inclusive=tax.rate.inclusive,
        amount=wire_money(tax.amount),
    )


def _agreed(session: Session, setting: Setting) -> Sequence[Agreed]:
    agreed, missing = agreed_on(session, setting.patient.id, setting.service_date)
    if not agreed or missing:
        raise DomainError(
            errors_pb2.ERROR_REASON_NO_RESPONSIBLE_ACCOUNT, date=setting.service_date, patient_id=setting.patient.id
        )
    return agreed


def _cover(setting: Setting) -> Cover | None:
    cover = setting.cover
    if cover is None:
        return None
    copay = cover.copay
    usable = copay is not None and copay.currency == setting.currency and copay.minor > 0
    return Cover(cover.id, cover.payer_id, cover.rank, copay if usable else None)
