"""What claims needs to know before it can bill: payers, and copies of patients, coverages and providers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from praxis.billing.v1 import encounter_pb2
from praxis.billing.v1 import events_pb2 as billing
from praxis.claims.v1 import payer_pb2, payer_service_pb2
from praxis.patients.v1 import coverage_pb2, party_pb2, patient_pb2, practice_pb2, practitioner_pb2
from praxis.patients.v1 import events_pb2 as patients
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.testing import TenantUnderTest
from praxis_chassis.types import new_id

SERVICE_DAY = clock.wall().date() - timedelta(days=20)
SERVICE_DATE = SERVICE_DAY.isoformat()


def identifier() -> str:
    return str(new_id())


def usd(amount: str) -> type_pb2.Money:
    return type_pb2.Money(currency_code="USD", amount=amount)


def address(line: str = "12 Elm Street", postal_code: str = "787011234") -> type_pb2.Address:
    return type_pb2.Address(lines=[line], city="Austin", state="TX", postal_code=postal_code, country_code="US")


def person(given: str = "Ada", family: str = "Lovelace") -> type_pb2.PersonName:
    return type_pb2.PersonName(family=family, given=[given])


@dataclass
class Practice:
    """One practice with a patient, told to claims in any order a test wants."""

    tenant: TenantUnderTest
    practice_id: str = field(default_factory=identifier)
    location_id: str = field(default_factory=identifier)
    practitioner_id: str = field(default_factory=identifier)
    patient_id: str = field(default_factory=identifier)
    coverage_id: str = field(default_factory=identifier)
    payer_id: str = ""
    member_id: str = "PAID0001"
    submitter_id: str = field(default_factory=lambda: f"SUB{new_id().hex[-10:].upper()}")

    def add_payer(self, **more: Any) -> payer_pb2.Payer:
        values: dict[str, Any] = {
            "name": f"Acme Health {new_id().hex[-6:]}",
            "kind": payer_pb2.PAYER_KIND_COMMERCIAL,
            "electronic_id": "60054",
            "claim_filing_indicator": "CI",
            "filing_limit_days": 180,
            "submitter_id": self.submitter_id,
            "receiver_id": "CHSIM",
            "receiver_name": "Test Clearinghouse",
            "test_mode": True,
        }
        request = payer_service_pb2.CreatePayerRequest(payer=payer_pb2.Payer(**(values | more)))
        payer: payer_pb2.Payer = self.tenant.call("CreatePayer", request)
        self.payer_id = payer.id
        return payer

    def tell_practice(self, **more: Any) -> None:
        values: dict[str, Any] = {
            "id": self.practice_id,
            "name": "Elm Street Clinic",
            "npi": "1234567893",
            "tax_id": "741234567",
            "taxonomy_code": "207Q00000X",
            "billing_address": address("1 Main Street", "787021234"),
            "phone": "+15125550100",
        }
        event = patients.PracticeCreated(practice=practice_pb2.Practice(**(values | more)))
        self.tenant.receive(event, self.practice_id)

    def tell_location(self, time_zone: str = "America/Chicago") -> None:
        location = practice_pb2.Location(
            id=self.location_id,
            practice_id=self.practice_id,
            name="Elm Street",
            address=address("1 Main Street", "787021234"),
            time_zone=time_zone,
            place_of_service_code="11",
        )
        self.tenant.receive(patients.LocationCreated(location=location), self.location_id)

    def tell_practitioner(self, npi: str = "1245319599") -> None:
        practitioner = practitioner_pb2.Practitioner(
            id=self.practitioner_id, name=person("Grace", "Hopper"), npi=npi, taxonomy_code="207Q00000X"
        )
        self.tenant.receive(patients.PractitionerCreated(practitioner=practitioner), self.practitioner_id)

    def tell_patient(self, **more: Any) -> None:
        values: dict[str, Any] = {
            "name": person(),
            "birth_date": "1980-12-10",
            "sex": party_pb2.SEX_FEMALE,
            "addresses": [address()],
        }
        human = patient_pb2.HumanProfile(**(values | more))
        patient = patient_pb2.Patient(id=self.patient_id, human=human)
        self.tenant.receive(patients.PatientRegistered(patient=patient), self.patient_id)

    def tell_animal(self) -> None:
        animal = patient_pb2.AnimalProfile(name="Rex", species_code="dog")
        patient = patient_pb2.Patient(id=self.patient_id, animal=animal)
        self.tenant.receive(patients.PatientRegistered(patient=patient), self.patient_id)

    def tell_coverage(self, **more: Any) -> None:
        values: dict[str, Any] = {
            "id": self.coverage_id,
            "patient_id": self.patient_id,
            "kind": coverage_pb2.COVERAGE_KIND_MEDICAL,
            "payer_id": self.payer_id,
            "rank": 1,
            "member_id": self.member_id,
            "subscriber_relationship": coverage_pb2.SUBSCRIBER_RELATIONSHIP_SELF,
            "from_date": "2020-01-01",
        }
        event = patients.CoverageAdded(coverage=coverage_pb2.Coverage(**(values | more)))
        self.tenant.receive(event, self.coverage_id)

    def tell_all(self) -> None:
        self.tell_practice()
        self.tell_location()
        self.tell_practitioner()
        self.tell_patient()
        self.tell_coverage()

    def encounter(self, **more: Any) -> encounter_pb2.Encounter:
        values: dict[str, Any] = {
            "id": identifier(),
            "number": "E-1",
            "patient_id": self.patient_id,
            "service_date": SERVICE_DATE,
            "location_id": self.location_id,
            "rendering_practitioner_id": self.practitioner_id,
            "diagnoses": ["E11.9", "I10"],
            "charges": [self.charge("99213", "125.00"), self.charge("36415", "15.50")],
            "state": encounter_pb2.ENCOUNTER_STATE_POSTED,
        }
        return encounter_pb2.Encounter(**(values | more))

    def charge(self, code: str, amount: str, **more: Any) -> encounter_pb2.Charge:
        share = encounter_pb2.Share(
            id=identifier(),
            account_id=identifier(),
            coverage_id=self.coverage_id,
            payer_id=self.payer_id,
            rank=1,
            amount=usd(amount),
        )
        values: dict[str, Any] = {
            "id": identifier(),
            "procedure_code": code,
            "description": f"Service {code}",
            "diagnosis_pointers": [1, 2],
            "units": "1",
            "gross": usd(amount),
            "total": usd(amount),
            "shares": [share],
        }
        return encounter_pb2.Charge(**(values | more))

    def post(self, **more: Any) -> encounter_pb2.Encounter:
        encounter = self.encounter(**more)
        self.tenant.receive(billing.EncounterPosted(encounter=encounter), UUID(encounter.id))
        return encounter
