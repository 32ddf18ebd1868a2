"""What the checks of a claim look at: frozen facts without any storage or wire format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Address:
    lines: tuple[str, ...] = ()
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country_code: str = ""

    @property
    def domestic(self) -> bool:
        return self.country_code in ("", "US")


@dataclass(frozen=True, slots=True)
class Person:
    family: str = ""
    given: str = ""
    birth_date: date | None = None
    sex: str = ""
    address: Address = Address()


@dataclass(frozen=True, slots=True)
class Provider:
    name: str = ""
    npi: str = ""
    taxonomy_code: str = ""
    tax_id: str = ""
    phone: str = ""
    address: Address = Address()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A code as written, and what the release of the date of service says about it."""

    code: str
    known: bool
    billable: bool
    release: str = ""
    outside_release: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    code: str
    modifiers: tuple[str, ...]
    pointers: tuple[int, ...]
    units: Decimal
    charge_minor: int
    service_date: date


@dataclass(frozen=True, slots=True)
class Payer:
    """How the payer wants its claims."""

    electronic_id: str = ""
    submitter_id: str = ""
    receiver_id: str = ""
    filing_indicator: str = ""
    member_id_pattern: str = ""
    retired: bool = False


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """One claim with everything that decides whether it can be sent."""

    today: date
    patient: Person
    subscriber: Person
    relationship: str
    member_id: str
    coverage_from: date | None
    coverage_to: date | None
    payer: Payer
    billing: Provider
    rendering: Provider | None
    referring: Provider | None
    facility: Provider | None
    place_of_service: str
    diagnoses: tuple[Diagnosis, ...]
    lines: tuple[Line, ...]
    total_minor: int
    filing_deadline: date
    # Names of records whose copies have not arrived from the services that own them.
    missing: tuple[str, ...] = ()
    known_places: frozenset[str] = frozenset()

    @property
    def patient_is_subscriber(self) -> bool:
        return self.relationship == "self"
