"""Setting up a practice: legal entities, locations, practitioners, referrers and the species list."""

from __future__ import annotations

import re

import pytest
from support.patients_house import House

from praxis.patients.v1 import directory_service_pb2 as pb
from praxis.patients.v1 import events_pb2, facility_pb2, practice_pb2, practitioner_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.testing import Refused, ServiceUnderTest
from praxis_patients.rules import names


def practitioner(npi: str, **fields: object) -> pb.CreatePractitionerRequest:
    name = type_pb2.PersonName(family="Ruiz", given=["Elena"], prefix="Dr")
    kind = practitioner_pb2.PRACTITIONER_KIND_PHYSICIAN
    return pb.CreatePractitionerRequest(
        practitioner=practitioner_pb2.Practitioner(kind=kind, name=name, npi=npi, **fields)
    )


def test_a_practitioner_works_at_a_location(house: House) -> None:
    made = house.call("CreatePractitioner", practitioner("1234567893", bills=True, location_ids=[house.location.id]))
    assert made.display_name == "Dr Elena Ruiz"
    assert made.etag
    listed = house.call("ListPractitioners", pb.ListPractitionersRequest(location_id=house.location.id))
    assert [item.id for item in listed.practitioners] == [made.id]
    assert house.tenant.events(events_pb2.PractitionerCreated)[0].practitioner == made


def test_an_npi_with_a_wrong_check_digit_is_refused(house: House) -> None:
    with pytest.raises(Refused) as refused:
        house.call("CreatePractitioner", practitioner("1234567894"))
    assert refused.value.violations[0][:2] == ("practitioner.npi", "NPI_INVALID")
    assert "NPI registry" in refused.value.violations[0][2]


def test_a_location_needs_a_time_zone_that_exists(house: House) -> None:
    location = practice_pb2.Location(practice_id=house.practice.id, name="North", time_zone="Central")
    with pytest.raises(Refused) as refused:
        house.call("CreateLocation", pb.CreateLocationRequest(location=location))
    assert refused.value.violations[0][:2] == ("location.time_zone", "TIME_ZONE_UNKNOWN")


def test_a_change_touches_what_the_mask_names_and_needs_the_present_etag(house: House) -> None:
    request = pb.UpdatePracticeRequest(
        practice=practice_pb2.Practice(id=house.practice.id, name="Oak Street", etag=house.practice.etag)
    )
    request.update_mask.paths.append("name")
    changed = house.call("UpdatePractice", request)
    assert (changed.name, changed.currency_code) == ("Oak Street", "USD")
    with pytest.raises(Refused) as refused:
        house.call("UpdatePractice", request)
    assert refused.value.reason == "ETAG_MISMATCH"


def test_telephone_numbers_are_kept_in_e164(house: House) -> None:
    fax = type_pb2.Telecom(system=type_pb2.Telecom.SYSTEM_FAX, value="(312) 555-0199")
    referrer = practitioner_pb2.Referrer(organization_name="City Hospital", telecoms=[fax])
    made = house.call("CreateReferrer", pb.CreateReferrerRequest(referrer=referrer))
    assert made.telecoms[0].value == "+13125550199"
    assert house.call("ListReferrers", pb.ListReferrersRequest()).referrers[0].display_name == "City Hospital"


def test_species_come_with_breeds_in_the_callers_language(house: House) -> None:
    species = {item.code: item for item in house.call("ListSpecies", pb.ListSpeciesRequest(), locale="es").species}
    assert species["dog"].title == "Perro"
    assert "VBO:0200800" in {breed.ontology_id for breed in species["dog"].breeds}


def test_another_practice_group_sees_nothing(house: House, patients: ServiceUnderTest) -> None:
    stranger = patients.tenant()
    assert not stranger.call("ListPractices", pb.ListPracticesRequest()).practices
    with pytest.raises(Refused) as refused:
        stranger.call("GetPractice", pb.GetPracticeRequest(id=house.practice.id))
    assert refused.value.reason == "NOT_FOUND"
    assert house.call("GetPractice", pb.GetPracticeRequest(id=house.practice.id)) == house.practice


def facility(**fields: object) -> facility_pb2.Facility:
    address = type_pb2.Address(lines=["1 Hospital Road"], city="Topeka", state="KS", country_code="US")
    return facility_pb2.Facility(**({"name": "Topeka General", "address": address} | fields))


def test_a_facility_is_created_listed_changed_and_set_aside(house: House) -> None:
    said = facility(npi="1234567893", clia_number="17D0123456", phone="785 555 0123", place_of_service_code="21")
    made = house.call("CreateFacility", pb.CreateFacilityRequest(facility=said))
    assert (made.active, made.phone, made.clia_number) == (True, "+17855550123", "17D0123456")
    assert house.call("GetFacility", pb.GetFacilityRequest(id=made.id)) == made
    assert house.tenant.events(events_pb2.FacilityCreated)[0].facility == made
    house.call("CreateFacility", pb.CreateFacilityRequest(facility=facility(name="Airport Clinic")))

    def names(**filters: bool) -> list[str]:
        return [item.name for item in house.call("ListFacilities", pb.ListFacilitiesRequest(**filters)).facilities]

    assert names() == ["Airport Clinic", "Topeka General"]
    aside = pb.UpdateFacilityRequest(facility=facility_pb2.Facility(id=made.id, active=False, etag=made.etag))
    aside.update_mask.paths.append("active")
    changed = house.call("UpdateFacility", aside)
    assert (changed.active, changed.name, changed.npi) == (False, "Topeka General", "1234567893")
    assert names() == ["Airport Clinic"]
    assert names(include_inactive=True) == ["Airport Clinic", "Topeka General"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"npi": "1234567894"}, "facility.npi"),
        ({"clia_number": "17X0123456"}, "facility.clia_number"),
        ({"address": None}, "facility.address"),
        ({"phone": "12"}, "facility.phone"),
    ],
)
def test_a_facility_that_no_claim_could_name_is_refused(house: House, fields: dict[str, object], field: str) -> None:
    with pytest.raises(Refused) as refused:
        house.call("CreateFacility", pb.CreateFacilityRequest(facility=facility(**fields)))
    assert refused.value.violations[0][0] == field


def test_languages_and_countries_are_named_in_the_callers_language(house: House) -> None:
    spoken = {
        locale: {item.code: item for item in house.call("ListLanguages", request, locale=locale).languages}
        for locale, request in dict.fromkeys(["en", "es", "xx"], pb.ListLanguagesRequest()).items()
    }
    assert [spoken[locale]["de"].title for locale in spoken] == ["German", "alemán", "German"]
    assert spoken["en"]["hmn"].title == "Hmong"
    assert len(spoken["en"]) == len(spoken["es"]) > 400
    assert all(re.fullmatch("[a-z]{2,3}", code) for code in spoken["en"]), "as a patient's language is written"
    countries = house.call("ListCountries", pb.ListCountriesRequest(), locale="es-MX").countries
    assert {item.code: item.title for item in countries}["US"] == "Estados Unidos"
    titles = [item.title for item in house.call("ListCountries", pb.ListCountriesRequest()).countries]
    assert titles == sorted(titles, key=names.plain)
    assert len(titles) == 250, "the 249 of ISO 3166-1, and Kosovo under its user-assigned code"
    assert {"EU", "ZZ"}.isdisjoint(item.code for item in countries)
