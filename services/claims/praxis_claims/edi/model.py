"""The canonical professional claim: everything an 837P or a CMS-1500 says, as frozen dataclasses without storage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; the postal code may hold a hyphen, the country is empty for the United States."""

    line1: str
    city: str
    state: str
    postal_code: str
    line2: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody whom the receiver can call or write to; at least one number or address is needed."""

    name: str = ""
    phone: str = ""
    extension: str = ""
    fax: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Organization:
    """The name of an organization."""

    name: str


@dataclass(frozen=True, slots=True)
class Person:
    """The name of a person."""

    last: str
    first: str = ""
    middle: str = ""
    suffix: str = ""


PartyName = Organization | Person


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who sends the file: name, the identifier agreed with the receiver, and a contact."""

    name: PartyName
    identifier: str
    contact: Contact


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who gets the file."""

    name: str
    identifier: str


@dataclass(frozen=True, slots=True)
class BillingProvider:
    """Who bills: street address with nine-digit ZIP code, and either EIN or social security number."""

    name: PartyName
    npi: str
    tax_id: str
    address: Address
    taxonomy: str = ""
    tax_id_is_ssn: bool = False
    contact: Contact | None = None
    pay_to: Address | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """A rendering, referring, supervising provider."""

    name: PartyName
    npi: str
    taxonomy: str = ""


@dataclass(frozen=True, slots=True)
class Facility:
    """Where the service happened when that is not the billing address."""

    name: str
    npi: str
    address: Address


@dataclass(frozen=True, slots=True)
class Payer:
    """The destination payer."""

    name: str
    identifier: str
    address: Address | None = None
    claim_office: str = ""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who holds the policy; address, birth date and sex are sent only when the subscriber is the patient."""

    name: PartyName
    member_id: str
    # P primary, S secondary, T tertiary, and so on.
    rank: str
    filing_indicator: str
    group_number: str = ""
    plan_name: str = ""
    insurance_type: str = ""
    address: Address | None = None
    birth_date: date | None = None
    sex: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient when that is not the subscriber; relationship as in PAT01, such as 01 spouse or 19 child."""

    name: Person
    relationship: str
    address: Address
    birth_date: date
    sex: str


@dataclass(frozen=True, slots=True)
class Drug:
    """The drug of a line: NDC of eleven digits, quantity and unit (F2, GR, ME, ML or UN)."""

    ndc: str
    quantity: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One service; pointers count the diagnoses of the claim from 1."""

    control_number: str
    procedure: str
    charge_cents: int
    units: Decimal
    pointers: tuple[int, ...]
    service_from: date
    service_to: date | None = None
    modifiers: tuple[str, ...] = ()
    description: str = ""
    # UN units, MJ minutes of anesthesia.
    unit_code: str = "UN"
    place_of_service: str = ""
    emergency: bool = False
    rendering: Provider | None = None
    prior_authorization: str = ""
    note: str = ""
    drug: Drug | None = None


@dataclass(frozen=True, slots=True)
class Accident:
    """Why the claim is related to an accident: AA auto (with the state), EM employment, OA other."""

    causes: tuple[str, ...]
    happened_on: date | None = None
    state: str = ""


@dataclass(frozen=True, slots=True)
class ClaimDates:
    """Dates that some claims need."""

    onset: date | None = None
    initial_treatment: date | None = None
    last_seen: date | None = None
    last_menstrual_period: date | None = None
    admission: date | None = None
    discharge: date | None = None
    disability_from: date | None = None
    disability_to: date | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """Paperwork that goes with the claim: report type, transmission code and the number printed on it."""

    report_type: str
    transmission: str
    control_number: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim to one payer."""

    control_number: str
    billing: BillingProvider
    subscriber: Subscriber
    payer: Payer
    place_of_service: str
    diagnoses: tuple[str, ...]
    lines: tuple[ServiceLine, ...]
    patient: Patient | None = None
    # 1 original, 7 replacement, 8 void; the last two need the payer's control number.
    frequency: str = "1"
    payer_control_number: str = ""
    signature_on_file: bool = True
    # A assigned, B clinical laboratory services only, C not assigned.
    assignment: str = "A"
    benefits_assigned: str = "Y"
    release: str = "Y"
    accident: Accident | None = None
    dates: ClaimDates = ClaimDates()
    delay_reason: str = ""
    patient_paid_cents: int = 0
    prior_authorization: str = ""
    referral_number: str = ""
    clia_number: str = ""
    medical_record_number: str = ""
    note: str = ""
    attachments: tuple[Attachment, ...] = ()
    referring: Provider | None = None
    rendering: Provider | None = None
    supervising: Provider | None = None
    facility: Facility | None = None

    @property
    def charge_cents(self) -> int:
        """The total charge, which is always the sum of the lines."""
        return sum(line.charge_cents for line in self.lines)


@dataclass(frozen=True, slots=True)
class Interchange:
    """How a file is addressed and numbered; numbers come from counters that never give one twice."""

    sender_id: str
    receiver_id: str
    control_number: int
    group_control_number: int
    created: datetime
    batch_reference: str
    sender_qualifier: str = "ZZ"
    receiver_qualifier: str = "ZZ"
    group_sender: str = ""
    group_receiver: str = ""
    transaction_control_number: str = "0001"
    production: bool = False
    acknowledgment_requested: bool = False
