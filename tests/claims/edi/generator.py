"""Makes random valid canonical claims from a seed, so that every run judges the same thousand."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from praxis_claims.edi.model import (
    Accident,
    Address,
    Attachment,
    BillingProvider,
    Claim,
    ClaimDates,
    Contact,
    Drug,
    Facility,
    Interchange,
    Organization,
    Patient,
    Payer,
    Person,
    Provider,
    Receiver,
    ServiceLine,
    Submitter,
    Subscriber,
)
from praxis_claims.rules.identifiers import npi_valid

FAMILIES = ("Muñoz", "O'Neil", "Weiß", "Smith", "van der Berg", "Lindqvist-Åberg", "Łukasz", "Nguyễn", "St. John", "Li")
GIVEN = ("José", "Anna", "Zoë", "Bob", "Mary-Ann", "Björn", "Li", "Søren", "Ida", "D'Arcy")
STREETS = ("12 Main St.", "77 Elm Ave; Suite 4", "9 Rue de l'Église", "4 Oak Ct #9", "100 5th Ave")
CITIES = (("Austin", "TX", "787010001"), ("Boise", "ID", "83702-1234"), ("Miami", "FL", "331010005"))
TAXONOMIES = ("207Q00000X", "208D00000X", "225100000X", "363L00000X")
CODES = ("E11.9", "I10", "J06.9", "M54.50", "Z00.00", "S93.401A", "F41.1", "K21.9", "R05.9", "N39.0", "H66.90", "L20.9")
PROCEDURES = ("99213", "99214", "36415", "97110", "G0439", "J1100", "90686", "71046")
MODIFIERS = ("25", "59", "RT", "LT", "76", "GP", "95")
INDICATORS = ("MB", "MC", "CI", "BL", "HM", "12", "CH", "VA")
TODAY = date(2026, 3, 2)

DESK = Contact("Billing Desk", "(512) 555-0100", "12", "", "a@b.co")
SUBMITTER = Submitter(Organization("Praxis Test"), "SUBMIT01", DESK)
RECEIVER = Receiver("Clearing House", "CLEAR01")


def interchange(number: int = 1) -> Interchange:
    """The envelope of a test file."""
    created = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
    return Interchange("SUBMIT01", "CLEAR01", number, number, created, f"B{number:08}")


def claims(seed: int, count: int) -> Iterator[Claim]:
    """Yield `count` valid claims; some neighbors share their billing provider."""
    chance = random.Random(seed)
    billing = billing_provider(chance)
    for index in range(count):
        if chance.random() < 0.3:
            billing = billing_provider(chance)
        yield claim(chance, billing, f"PX{index:012}{chance.randrange(1000):03}A")


def claim(chance: random.Random, billing: BillingProvider, number: str) -> Claim:
    """One valid claim with random situations."""
    place = chance.choice(("11", "11", "11", "02", "12", "21", "22"))
    served = TODAY - timedelta(days=chance.randrange(5, 300))
    diagnoses = tuple(chance.sample(CODES, chance.randint(1, 12)))
    count = chance.choice((1, 1, 2, 3, 6))
    rendering = provider(chance) if chance.random() < 0.6 else None
    frequency = chance.choice("1111178")
    dependent = chance.random() < 0.3
    return Claim(
        number, billing, subscriber(chance, dependent), payer(chance), place, diagnoses,
        tuple(line(chance, number, index, served, len(diagnoses)) for index in range(1, count + 1)),
        patient=patient(chance) if dependent else None,
        frequency=frequency, payer_control_number="ICN12345" if frequency != "1" else "",
        signature_on_file=chance.random() < 0.9, assignment=chance.choice("ABC"),
        benefits_assigned=chance.choice("YYNW"), release=chance.choice("YI"),
        accident=accident(chance, served) if chance.random() < 0.2 else None,
        dates=dates(chance, served, place), delay_reason=chance.choice(("", "", "", "1", "11")),
        patient_paid_cents=chance.choice((0, 0, 2500, 1)),
        prior_authorization=chance.choice(("", "", "AUTH-77")), referral_number=chance.choice(("", "", "R123")),
        clia_number=chance.choice(("", "", "45D1234567")), medical_record_number=chance.choice(("", "MRN88")),
        note=chance.choice(("", "", "Patient seen at home: stable; 50% better")),
        attachments=(Attachment("OZ", "EL", f"ACN{number[-8:]}"),) if chance.random() < 0.15 else (),
        referring=provider(chance, taxonomy=False) if chance.random() < 0.3 else None, rendering=rendering,
        supervising=provider(chance, taxonomy=False) if chance.random() < 0.1 else None,
        facility=Facility("Outpatient Center", npi(chance), address(chance)) if chance.random() < 0.2 else None,
    )  # fmt: skip


def line(chance: random.Random, number: str, index: int, served: date, diagnoses: int) -> ServiceLine:
    """One valid service line."""
    ranged = chance.random() < 0.1
    return ServiceLine(
        f"{number}{index:02}", chance.choice(PROCEDURES), chance.choice((0, 1, 50, 12345, 99999999)) + index,
        Decimal(chance.choice(("1", "2", "10", "1.5"))),
        tuple(chance.sample(range(1, diagnoses + 1), min(diagnoses, chance.randint(1, 4)))), served,
        served + timedelta(days=2) if ranged else None,
        modifiers=tuple(chance.sample(MODIFIERS, chance.choice((0, 0, 1, 2, 4)))),
        description=chance.choice(("", "", "", "Unlisted procedure")),
        unit_code=chance.choice(("UN", "UN", "UN", "MJ")),
        place_of_service=chance.choice(("", "", "11", "22")), emergency=chance.random() < 0.1,
        rendering=provider(chance) if chance.random() < 0.1 else None,
        prior_authorization=chance.choice(("", "", "", "LINEAUTH")),
        note=chance.choice(("", "", "", "Second dose")),
        drug=drug(chance) if chance.random() < 0.15 else None,
    )  # fmt: skip


def drug(chance: random.Random) -> Drug:
    """A drug of a line."""
    return Drug("12345-6789-01", Decimal("2.5"), chance.choice(("ML", "UN", "GR")))


def billing_provider(chance: random.Random) -> BillingProvider:
    """A practice or a person who bills."""
    person = chance.random() < 0.2
    return BillingProvider(
        name(chance) if person else Organization("Café & Søn Family Practice"), npi(chance),
        f"{chance.randrange(100_000_000, 999_999_998)}", address(chance),
        taxonomy=chance.choice((*TAXONOMIES, "")), tax_id_is_ssn=person,
        contact=Contact("Front Desk", "5125550199") if chance.random() < 0.3 else None,
        pay_to=Address("PO Box 55", "Austin", "TX", "787010002") if chance.random() < 0.3 else None,
    )  # fmt: skip


def subscriber(chance: random.Random, dependent: bool) -> Subscriber:
    """The holder of the policy, with what is needed when he is the patient."""
    rank = chance.choice("PPPST")
    group = chance.choice(("", "GRP100", "0012-A"))
    return Subscriber(
        name(chance), f"W{chance.randrange(10**9):09}", rank, chance.choice(INDICATORS), group_number=group,
        plan_name=chance.choice(("", "Gold Plan")), insurance_type="12" if rank != "P" else "",
        address=None if dependent else address(chance),
        birth_date=None if dependent else birth(chance), sex="" if dependent else chance.choice("FMU"),
    )  # fmt: skip


def patient(chance: random.Random) -> Patient:
    """A dependent."""
    relationship = chance.choice(("01", "19", "G8"))
    return Patient(name(chance), relationship, address(chance), birth(chance), chance.choice("FMU"))


def payer(chance: random.Random) -> Payer:
    """A payer, sometimes with its address."""
    where = address(chance) if chance.random() < 0.3 else None
    return Payer("Blue Shield of Süd", f"{chance.randrange(10_000, 99_999)}", where, chance.choice(("", "", "OFF1")))


def provider(chance: random.Random, taxonomy: bool = True) -> Provider:
    """A person who treats."""
    return Provider(name(chance), npi(chance), chance.choice(TAXONOMIES) if taxonomy else "")


def accident(chance: random.Random, served: date) -> Accident:
    """An accident that explains the claim."""
    causes = chance.choice((("AA",), ("EM",), ("OA",), ("AA", "EM")))
    return Accident(causes, served - timedelta(days=4), "TX" if "AA" in causes else "")


def dates(chance: random.Random, served: date, place: str) -> ClaimDates:
    """The dates of a claim, most of them absent."""

    def sometimes(days: int) -> date | None:
        return served - timedelta(days=days) if chance.random() < 0.12 else None

    inpatient = place == "21"
    disabled = chance.random() < 0.1
    return ClaimDates(
        sometimes(9), sometimes(30), sometimes(20), sometimes(60), served if inpatient else None,
        served + timedelta(days=3) if inpatient else None,
        served - timedelta(days=5) if disabled else sometimes(5), served if disabled else sometimes(1),
    )  # fmt: skip


def address(chance: random.Random) -> Address:
    """A street address with a nine-digit ZIP code."""
    city, state, postal_code = chance.choice(CITIES)
    return Address(chance.choice(STREETS), city, state, postal_code, chance.choice(("", "Apt 3")))


def name(chance: random.Random) -> Person:
    """A name full of letters that X12 does not know."""
    family, given = chance.choice(FAMILIES), chance.choice(GIVEN)
    return Person(family, given, chance.choice(("", "Q")), chance.choice(("", "", "Jr")))


def birth(chance: random.Random) -> date:
    """A birth date before every service."""
    return date(1940, 1, 1) + timedelta(days=chance.randrange(30_000))


def npi(chance: random.Random) -> str:
    """A number that passes the check digit."""
    stem = f"1{chance.randrange(10**8):08}"
    return next(f"{stem}{digit}" for digit in range(10) if npi_valid(f"{stem}{digit}"))
