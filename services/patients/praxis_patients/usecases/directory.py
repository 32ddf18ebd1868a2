"""Keeps who the practice is: legal entities, locations, practitioners, referrers, facilities."""

from __future__ import annotations

from zoneinfo import available_timezones

from sqlalchemy.orm import Session

from praxis.patients.v1 import directory_service_pb2 as pb
from praxis.patients.v1 import events_pb2 as happened
from praxis.type.v1 import type_pb2
from praxis_chassis.database import fetch
from praxis_chassis.errors import invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date
from praxis_patients.rules import identifiers, names
from praxis_patients.store.mappings import FACILITY, LOCATION, PRACTICE, PRACTITIONER, REFERRER
from praxis_patients.store.models import Facility, Location, Practice, Practitioner, Referrer
from praxis_patients.usecases import contacts

_OFFICE = "11"


def create_practice(session: Session, request: pb.CreatePracticeRequest) -> Practice:
    practice: Practice = PRACTICE.new(request.practice)
    _settle_practice(session, practice)
    record(session, happened.PracticeCreated, practice)
    return practice


def update_practice(session: Session, request: pb.UpdatePracticeRequest) -> Practice:
    practice = fetch(session, Practice, request.practice.id, lock=True, etag=request.practice.etag)
    PRACTICE.apply(practice, request.practice, request.update_mask.paths)
    _settle_practice(session, practice)
    record(session, happened.PracticeUpdated, practice)
    return practice


def _settle_practice(session: Session, practice: Practice) -> None:
    _check_npi(practice.npi, "practice.npi")
    practice.tax_id = practice.tax_id.replace("-", "")
    practice.phone = contacts.phone(session, practice.phone, "practice.phone", practice.country_code)


def create_location(session: Session, request: pb.CreateLocationRequest) -> Location:
    location: Location = LOCATION.new(request.location)
    _settle_location(session, location)
    record(session, happened.LocationCreated, location)
    return location


def update_location(session: Session, request: pb.UpdateLocationRequest) -> Location:
    location = fetch(session, Location, request.location.id, lock=True, etag=request.location.etag)
    LOCATION.apply(location, request.location, request.update_mask.paths)
    _settle_location(session, location)
    record(session, happened.LocationUpdated, location)
    return location


def _settle_location(session: Session, location: Location) -> None:
    practice = fetch(session, Practice, location.practice_id)
    if location.time_zone not in available_timezones():
        raise invalid("location.time_zone", "TIME_ZONE_UNKNOWN", time_zone=location.time_zone)
    _check_npi(location.npi, "location.npi")
    location.phone = contacts.phone(session, location.phone, "location.phone", practice.country_code)
    location.place_of_service_code = location.place_of_service_code or _OFFICE


def create_practitioner(session: Session, request: pb.CreatePractitionerRequest) -> Practitioner:
    practitioner: Practitioner = PRACTITIONER.new(request.practitioner)
    _settle_practitioner(session, practitioner)
    record(session, happened.PractitionerCreated, practitioner)
    return practitioner


def update_practitioner(session: Session, request: pb.UpdatePractitionerRequest) -> Practitioner:
    practitioner = fetch(session, Practitioner, request.practitioner.id, lock=True, etag=request.practitioner.etag)
    PRACTITIONER.apply(practitioner, request.practitioner, request.update_mask.paths)
    _settle_practitioner(session, practitioner)
    record(session, happened.PractitionerUpdated, practitioner)
    return practitioner


def _settle_practitioner(session: Session, practitioner: Practitioner) -> None:
    _check_npi(practitioner.npi, "practitioner.npi")
    for index, license_ in enumerate(practitioner.licenses):
        read_date(license_.expire_date, f"practitioner.licenses[{index}].expire_date")
    for location_id in practitioner.location_ids:
        fetch(session, Location, location_id)
    practitioner.display_name = display_name(practitioner.name)
    practitioner.sort_name = names.person_sort_name(practitioner.name.family, practitioner.name.given)
    if not practitioner.sort_name:
        raise invalid("practitioner.name", "NAME_REQUIRED")


def create_referrer(session: Session, request: pb.CreateReferrerRequest) -> Referrer:
    referrer: Referrer = REFERRER.new(request.referrer)
    _settle_referrer(session, referrer)
    record(session, happened.ReferrerCreated, referrer)
    return referrer


def update_referrer(session: Session, request: pb.UpdateReferrerRequest) -> Referrer:
    referrer = fetch(session, Referrer, request.referrer.id, lock=True, etag=request.referrer.etag)
    REFERRER.apply(referrer, request.referrer, request.update_mask.paths)
    _settle_referrer(session, referrer)
    record(session, happened.ReferrerUpdated, referrer)
    return referrer


def _settle_referrer(session: Session, referrer: Referrer) -> None:
    _check_npi(referrer.npi, "referrer.npi")
    person = display_name(referrer.name) if referrer.name else ""
    referrer.display_name = ", ".join(part for part in (person, referrer.organization_name.strip()) if part)
    if not referrer.display_name:
        raise invalid("referrer.name", "NAME_REQUIRED")
    by_family = names.person_sort_name(referrer.name.family, referrer.name.given) if referrer.name else ""
    referrer.sort_name = by_family or names.plain(referrer.organization_name)
    referrer.telecoms = contacts.telecoms(session, referrer.telecoms, "referrer.telecoms")


def create_facility(session: Session, request: pb.CreateFacilityRequest) -> Facility:
    said = request.facility
    facility: Facility = FACILITY.new(said)
    facility.active = said.active if said.HasField("active") else True
    _settle_facility(session, facility)
    record(session, happened.FacilityCreated, facility)
    return facility


def update_facility(session: Session, request: pb.UpdateFacilityRequest) -> Facility:
    facility = fetch(session, Facility, request.facility.id, lock=True, etag=request.facility.etag)
    FACILITY.apply(facility, request.facility, request.update_mask.paths)
    facility.active = facility.active is not False
    _settle_facility(session, facility)
    record(session, happened.FacilityUpdated, facility)
    return facility


def _settle_facility(session: Session, facility: Facility) -> None:
    _check_npi(facility.npi, "facility.npi")
    country = facility.address.country_code
    facility.phone = contacts.phone(session, facility.phone, "facility.phone", country)


def display_name(name: type_pb2.PersonName) -> str:
    return names.person_display_name(name.family, name.given, name.prefix, name.suffix)


def _check_npi(npi: str, path: str) -> None:
    if npi and not identifiers.npi_is_valid(npi):
        raise invalid(path, "NPI_INVALID", npi=npi)
