"""The three practices of the demo: invented names, places, people, prices and payers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Place:
    """A location in its own time zone."""

    name: str
    line: str
    city: str
    state: str
    postal_code: str
    time_zone: str
    phone: str


@dataclass(frozen=True)
class Clinician:
    """Somebody with a calendar."""

    given: str
    family: str
    kind: str
    taxonomy_code: str
    specialty: str
    color: str
    place: int
    treats: str


@dataclass(frozen=True)
class Item:
    """Something that is charged."""

    name: str
    code: str
    price: str
    revenue_group: str
    sector: str
    code_system: str = "internal"
    kind: str = "service"
    tax_class: str = ""


@dataclass(frozen=True)
class VisitType:
    """A kind of appointment."""

    name: str
    minutes: int
    patient_kinds: Sequence[str]
    color: str


@dataclass(frozen=True)
class PracticeSpec:
    """Everything that makes one practice of the demo."""

    key: str
    name: str
    kind: str
    tax_id: str
    taxonomy_code: str
    npi_stem: int
    tax_percent: str
    places: Sequence[Place]
    clinicians: Sequence[Clinician]
    people: int
    animals: int
    items: Sequence[Item] = field(default_factory=tuple)
    visit_types: Sequence[VisitType] = field(default_factory=tuple)


HUMAN_ITEMS = (
    Item("Check-in by telephone, brief", "G2012", "74.00", "visits", "human", "hcpcs"),
    Item("Clinic visit, assessment and management", "G0463", "118.00", "visits", "human", "hcpcs"),
    Item("Wellness visit, subsequent", "G0439", "172.00", "visits", "human", "hcpcs"),
    Item("Wellness visit, first", "G0438", "149.00", "visits", "human", "hcpcs"),
    Item("Electrocardiogram, screening, with report", "G0403", "42.00", "diagnostics", "human", "hcpcs"),
    Item("Blood in stool, immunoassay", "G0328", "9.50", "lab", "human", "hcpcs", "lab"),
    Item("Drawing of venous blood", "G0471", "12.00", "lab", "human", "hcpcs", "lab"),
)
ANIMAL_ITEMS = (
    Item("Wellness examination", "EXAM", "68.00", "visits", "animal", tax_class="service"),
    Item("Examination, sick patient", "EXAM-SICK", "84.00", "visits", "animal", tax_class="service"),
    Item("Rabies vaccination", "VAC-RAB", "32.00", "vaccines", "animal", tax_class="service"),
    Item("Combination vaccination", "VAC-COMBO", "39.00", "vaccines", "animal", tax_class="service"),
    Item("Dental cleaning under anesthesia", "DENTAL", "412.00", "dentistry", "animal", tax_class="service"),
    Item("Blood count and chemistry", "LAB-CBC", "126.00", "lab", "animal", kind="lab", tax_class="service"),
    Item("Flea and tick tablets, three months", "PROD-FLEA", "58.50", "products", "animal", kind="product",
         tax_class="goods"),
    Item("Boarding, per night", "BOARD", "44.00", "boarding", "animal", kind="boarding", tax_class="service"),
)  # fmt: skip
HUMAN_VISITS = (
    VisitType("Follow-up", 20, ("human",), "#4c8dae"),
    VisitType("New patient", 40, ("human",), "#7a5ea8"),
    VisitType("Annual check", 30, ("human",), "#3f9c6d"),
)
ANIMAL_VISITS = (
    VisitType("Wellness check", 20, ("animal",), "#3f9c6d"),
    VisitType("Sick pet", 30, ("animal",), "#c4682f"),
    VisitType("Vaccination", 15, ("animal",), "#4c8dae"),
)

FAMILY, NURSE, VET = "207Q00000X", "363LF0000X", "174M00000X"

PRACTICES = (
    PracticeSpec(
        key="harbor", name="Harbor Lane Family Medicine", kind="human", tax_id="04-7716204", taxonomy_code=FAMILY,
        npi_stem=178301100, tax_percent="0", people=42, animals=0, items=HUMAN_ITEMS, visit_types=HUMAN_VISITS,
        places=(
            Place("Harbor Lane", "18 Harbor Lane", "Portland", "ME", "04101-2417", "America/New_York", "+12075550142"),
            Place("Lakeside", "905 Lakeside Court", "Madison", "WI", "53703-2417", "America/Chicago", "+16085550177"),
        ),
        clinicians=(
            Clinician("Amara", "Whitfield", "physician", FAMILY, "Family medicine", "#2266aa", 0, "human"),
            Clinician("Jonas", "Feldmann", "physician", FAMILY, "Family medicine", "#aa4422", 0, "human"),
            Clinician("Priya", "Raman", "advanced_practice", NURSE, "Family nurse", "#33885a", 1, "human"),
        ),
    ),
    PracticeSpec(
        key="willow", name="Willow Bend Animal Hospital", kind="animal", tax_id="84-3310957", taxonomy_code=VET,
        npi_stem=178301200, tax_percent="4.5", people=0, animals=42, items=ANIMAL_ITEMS, visit_types=ANIMAL_VISITS,
        places=(
            Place("Willow Bend", "4410 Willow Bend Road", "Boulder", "CO", "80301-2417", "America/Denver",
                  "+13035550133"),
            Place("Saguaro", "77 Saguaro Way", "Mesa", "AZ", "85201-2417", "America/Phoenix", "+14805550155"),
        ),
        clinicians=(
            Clinician("Greta", "Lindqvist", "veterinarian", VET, "Small animals", "#2266aa", 0, "animal"),
            Clinician("Marcus", "Odell", "veterinarian", VET, "Small animals", "#aa4422", 0, "animal"),
            Clinician("Tomoko", "Hayashi", "veterinarian", VET, "Dentistry", "#33885a", 1, "animal"),
        ),
    ),
    PracticeSpec(
        key="tallgrass", name="Tallgrass Community Care", kind="mixed", tax_id="43-5528816", taxonomy_code=FAMILY,
        npi_stem=178301300, tax_percent="6.25", people=22, animals=22,
        items=HUMAN_ITEMS + ANIMAL_ITEMS, visit_types=HUMAN_VISITS + ANIMAL_VISITS,
        places=(
            Place("Tallgrass", "210 Prairie Street", "Lawrence", "KS", "66044-2417", "America/Chicago", "+17855550119"),
            Place("Cottonwood", "6 Cottonwood Square", "Boise", "ID", "83702-2417", "America/Boise", "+12085550164"),
        ),
        clinicians=(
            Clinician("Leona", "Marchetti", "physician", FAMILY, "Family medicine", "#2266aa", 0, "human"),
            Clinician("Samuel", "Okafor", "veterinarian", VET, "Small animals", "#aa4422", 0, "animal"),
            Clinician("Ingrid", "Bauer", "veterinarian", VET, "Small animals", "#33885a", 1, "animal"),
        ),
    ),
)  # fmt: skip

# Names of payers are invented; the simulator decides by the member id, not by the payer.
PAYERS = (
    ("Meadowlark Health Plan", "commercial", "MDWLK01", "CI"),
    ("Northfield Mutual", "commercial", "NRTHF01", "CI"),
    ("Cedar State Medicaid", "medicaid", "CEDAR01", "MC"),
)
# How often each answer of the simulated clearinghouse comes up, by the beginning of the member id.
MEMBER_PREFIXES = (
    "PAID", "PAID", "PAID", "PAID", "COPAY", "COINS", "DEDUCT", "PART", "DENY-50", "DENY-197", "CA-A3", "LATE-9",
)  # fmt: skip
DIAGNOSES = ("J069", "E119", "I10", "M5450", "R059", "K219", "J309", "N390")
USERS = (
    ("owner", "Rita Calloway"),
    ("front_desk", "Omar Destry"),
    ("provider", "Noor Abbasi"),
    ("biller", "Selma Hartwig"),
)
