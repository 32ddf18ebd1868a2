"""Makes random valid claims as the service stores them, so that its own mapping to X12 is judged too."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import UUID

from tests.claims.edi.generator import (
    CITIES,
    CODES,
    FAMILIES,
    GIVEN,
    INDICATORS,
    MODIFIERS,
    PROCEDURES,
    STREETS,
    TAXONOMIES,
    TODAY,
    npi,
)

from praxis.claims.v1 import claim_pb2
from praxis.type.v1 import type_pb2
from praxis_claims.rules import claim_numbers
from praxis_claims.store.models import Claim, Payer

RELATIONSHIPS = ("self", "self", "spouse", "child", "life_partner", "employee", "other")
SEXES = (claim_pb2.CLAIM_SEX_FEMALE, claim_pb2.CLAIM_SEX_MALE, claim_pb2.CLAIM_SEX_UNKNOWN)
CAUSES = (
    claim_pb2.CLAIM_CAUSE_EMPLOYMENT,
    claim_pb2.CLAIM_CAUSE_AUTO_ACCIDENT,
    claim_pb2.CLAIM_CAUSE_OTHER_ACCIDENT,
)
TENANT = UUID(int=837)


def payer(chance: random.Random) -> Payer:
    """A payer that is set up for electronic claims; all are reached through one receiver."""
    return Payer(
        id=UUID(int=chance.getrandbits(128)),
        name=chance.choice(("Blue Shield of Süd", "Acme Health")),
        electronic_id=f"{chance.randrange(10_000, 99_999)}",
        claim_filing_indicator=chance.choice(INDICATORS),
        submitter_id="SUBMIT01",
        receiver_id="CLEAR01",
        receiver_name="Clearing House",
        test_mode=True,
    )


def claims(seed: int, count: int) -> Iterator[tuple[Claim, Payer]]:
    """Yield `count` claims with their payers; neighbors often have the same practice."""
    chance = random.Random(seed)
    practice = billing_provider(chance)
    for _ in range(count):
        if chance.random() < 0.3:
            practice = billing_provider(chance)
        yield claim(chance, practice)


def claim(chance: random.Random, practice: claim_pb2.ClaimProvider) -> tuple[Claim, Payer]:
    """One claim of a patient or a dependent, to the first or a later insurer, with whatever else may be known."""
    insurer, claim_id = payer(chance), UUID(int=chance.getrandbits(128))
    number = claim_numbers.claim_number(TENANT, claim_id, 1)
    served = TODAY - timedelta(days=chance.randrange(5, 300))
    diagnoses = chance.sample(CODES, chance.randint(1, 12))
    lines = [
        line(chance, number, place, served, len(diagnoses)) for place in range(1, chance.choice((1, 1, 2, 3, 6)) + 1)
    ]
    patient, relationship = person(chance), chance.choice(RELATIONSHIPS)
    subscriber = claim_pb2.ClaimSubscriber(
        person=patient if relationship == "self" else person(chance),
        relationship=relationship,
        member_id=f"W{chance.randrange(10**9):09}",
        group_number=chance.choice(("", "GRP100", "0012-A")),
        plan_name=chance.choice(("", "Gold Plan")),
    )
    cause = chance.choice(CAUSES) if chance.random() < 0.3 else claim_pb2.CLAIM_CAUSE_UNSPECIFIED
    dated = cause or chance.random() < 0.2
    place = chance.choice(("11", "11", "02", "12", "22"))
    made = Claim(
        id=claim_id,
        claim_number=number,
        payer_id=insurer.id,
        coverage_rank=chance.choice((1, 1, 1, 2, 3)),
        patient=patient,
        subscriber=subscriber,
        billing_provider=practice,
        rendering_provider=clinician(chance) if chance.random() < 0.8 else practice,
        referring_provider=clinician(chance) if chance.random() < 0.3 else None,
        service_facility=facility(chance) if place != "12" and chance.random() < 0.3 else None,
        place_of_service_code=place,
        diagnosis_codes=diagnoses,
        lines=lines,
        prior_authorization_number=chance.choice(("", "", "AUTH-77 B")),
        referral_number=chance.choice(("", "", "R123.4")),
        related_cause=cause,
        related_date=served - timedelta(days=4) if dated else None,
        benefits_not_assigned=chance.random() < 0.2,
    )
    return made, insurer


def line(chance: random.Random, number: str, position: int, served: date, diagnoses: int) -> claim_pb2.ClaimLine:
    """One service."""
    cents = chance.choice((0, 1, 50, 12345, 99999999)) + position
    return claim_pb2.ClaimLine(
        line_number=position,
        procedure_code=chance.choice(PROCEDURES),
        modifiers=chance.sample(MODIFIERS, chance.choice((0, 0, 1, 2, 4))),
        diagnosis_pointers=chance.sample(range(1, diagnoses + 1), min(diagnoses, chance.randint(1, 4))),
        units=chance.choice(("1", "2", "10", "1.5")),
        charge=type_pb2.Money(currency_code="USD", amount=f"{cents // 100}.{cents % 100:02}"),
        service_date=served.isoformat(),
        control_number=claim_numbers.line_control_number(number, position),
    )


def person(chance: random.Random) -> claim_pb2.ClaimPerson:
    """Somebody who was born before every service."""
    born = date(1940, 1, 1) + timedelta(days=chance.randrange(30_000))
    return claim_pb2.ClaimPerson(
        name=name(chance), birth_date=born.isoformat(), sex=chance.choice(SEXES), address=address(chance)
    )


def billing_provider(chance: random.Random) -> claim_pb2.ClaimProvider:
    """A practice, or a person who bills alone."""
    alone = chance.random() < 0.2
    return claim_pb2.ClaimProvider(
        organization_name="" if alone else "Café & Søn Family Practice",
        person_name=name(chance) if alone else None,
        npi=npi(chance),
        taxonomy_code=chance.choice((*TAXONOMIES, "")),
        tax_id=f"{chance.randrange(100_000_000, 999_999_998)}",
        address=address(chance),
        phone="+15125550199",
    )


def clinician(chance: random.Random) -> claim_pb2.ClaimProvider:
    """A person who treats or refers."""
    return claim_pb2.ClaimProvider(person_name=name(chance), npi=npi(chance), taxonomy_code=chance.choice(TAXONOMIES))


def facility(chance: random.Random) -> claim_pb2.ClaimProvider:
    """A place elsewhere, with a number of its own or without one."""
    own = npi(chance) if chance.random() < 0.5 else ""
    return claim_pb2.ClaimProvider(organization_name="Outpatient Center", npi=own, address=address(chance))


def address(chance: random.Random) -> type_pb2.Address:
    """A street address with a nine-digit ZIP code."""
    city, state, postal_code = chance.choice(CITIES)
    lines = [chance.choice(STREETS), *chance.choice(((), ("Apt 3",)))]
    return type_pb2.Address(lines=lines, city=city, state=state, postal_code=postal_code, country_code="US")


def name(chance: random.Random) -> type_pb2.PersonName:
    """A name full of letters that X12 does not know."""
    given = [chance.choice(GIVEN), *chance.choice(((), ("Quentin",)))]
    return type_pb2.PersonName(family=chance.choice(FAMILIES), given=given, suffix=chance.choice(("", "", "Jr")))
