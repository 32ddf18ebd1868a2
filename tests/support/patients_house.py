"""What a receptionist does with patients, in one line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from praxis.claims.v1 import events_pb2 as claims_events
from praxis.claims.v1 import payer_pb2
from praxis.patients.v1 import (
    coverage_pb2,
    coverage_service_pb2,
    directory_service_pb2,
    measurement_pb2,
    measurement_service_pb2,
    party_pb2,
    party_service_pb2,
    patient_pb2,
    patient_service_pb2,
    practice_pb2,
)
from praxis.type.v1 import type_pb2
from praxis_chassis.testing import TenantUnderTest
from praxis_chassis.types import new_id


@dataclass
class House:
    """What a receptionist does, in one line each."""

    tenant: TenantUnderTest
    practice: practice_pb2.Practice
    location: practice_pb2.Location

    @classmethod
    def founded(cls, tenant: TenantUnderTest) -> House:
        """Set a practice with one location up, in the United States."""
        practice = practice_pb2.Practice(
            name="Elm Street",
            kind=practice_pb2.PRACTICE_KIND_MIXED,
            country_code="US",
            currency_code="USD",
            locale="en-US",
        )
        practice = tenant.call("CreatePractice", directory_service_pb2.CreatePracticeRequest(practice=practice))
        location = practice_pb2.Location(practice_id=practice.id, name="Main", time_zone="America/Chicago")
        location = tenant.call("CreateLocation", directory_service_pb2.CreateLocationRequest(location=location))
        return cls(tenant, practice, location)

    def call(self, name: str, request: Any, **options: Any) -> Any:
        return self.tenant.call(name, request, **options)

    def party(self, family: str, *given: str, phone: str = "", **more: Any) -> party_pb2.Party:
        telecoms = [type_pb2.Telecom(system=type_pb2.Telecom.SYSTEM_MOBILE, value=phone)] if phone else []
        person = party_pb2.Person(name=type_pb2.PersonName(family=family, given=given))
        party = party_pb2.Party(person=person, telecoms=telecoms, **more)
        return self.call("CreateParty", party_service_pb2.CreatePartyRequest(party=party))

    def human(
        self,
        family: str,
        *given: str,
        responsibilities: Any = (),
        external_refs: Any = (),
        phone: str = "",
        **profile: Any,
    ) -> patient_service_pb2.RegisterPatientResponse:
        if phone:
            profile["telecoms"] = [type_pb2.Telecom(system=type_pb2.Telecom.SYSTEM_PHONE, value=phone)]
        human = patient_pb2.HumanProfile(name=type_pb2.PersonName(family=family, given=given), **profile)
        return self.register(human=human, responsibilities=responsibilities, external_refs=external_refs)

    def animal(self, name: str, *owners: Any, species: str = "dog", **profile: Any) -> Any:
        """Register an animal; owners are (party, share) pairs."""
        animal = patient_pb2.AnimalProfile(name=name, species_code=species, **profile)
        return self.register(animal=animal, responsibilities=shared(*owners))

    def register(self, **fields: Any) -> patient_service_pb2.RegisterPatientResponse:
        patient = patient_pb2.Patient(**fields)
        return self.call("RegisterPatient", patient_service_pb2.RegisterPatientRequest(patient=patient))

    def get(self, patient_id: str) -> patient_pb2.Patient:
        return self.call("GetPatient", patient_service_pb2.GetPatientRequest(id=patient_id))

    def find(self, query: str, **filters: Any) -> list[str]:
        """Return the names of the patients that a query finds."""
        request = patient_service_pb2.ListPatientsRequest(query=query, **filters)
        return [patient.display_name for patient in self.call("ListPatients", request).patients]

    def weigh(
        self, patient: patient_pb2.Patient, value: str, unit: Any = measurement_pb2.MEASUREMENT_UNIT_KG, **fields: Any
    ) -> measurement_pb2.Measurement:
        fields.setdefault("kind", measurement_pb2.MEASUREMENT_KIND_WEIGHT)
        measured = measurement_pb2.Measurement(patient_id=patient.id, value=value, unit=unit, **fields)
        return self.call("CreateMeasurement", measurement_service_pb2.CreateMeasurementRequest(measurement=measured))

    def payer(self) -> str:
        """Return a payer that claims has told of."""
        key = str(new_id())
        self.tenant.receive(claims_events.PayerCreated(payer=payer_pb2.Payer(id=key, name="Cedar State")), key)
        return key

    def cover(self, patient: patient_pb2.Patient, rank: int = 1, **fields: Any) -> coverage_pb2.Coverage:
        values = {
            "patient_id": patient.id,
            "kind": coverage_pb2.COVERAGE_KIND_MEDICAL,
            "payer_id": fields.get("payer_id") or self.payer(),
            "rank": rank,
            "member_id": f"W{rank}",
            "subscriber_relationship": coverage_pb2.SUBSCRIBER_RELATIONSHIP_SELF,
        }
        coverage = coverage_pb2.Coverage(**(values | fields))
        return self.call("CreateCoverage", coverage_service_pb2.CreateCoverageRequest(coverage=coverage))


def shared(*owners: tuple[party_pb2.Party, int]) -> list[patient_pb2.Responsibility]:
    """Return owners with their shares, the first one the main owner."""
    roles = [patient_pb2.RESPONSIBILITY_ROLE_OWNER] + [patient_pb2.RESPONSIBILITY_ROLE_CO_OWNER] * len(owners)
    return [
        patient_pb2.Responsibility(party_id=party.id, role=role, share_basis_points=share)
        for (party, share), role in zip(owners, roles, strict=False)
    ]
