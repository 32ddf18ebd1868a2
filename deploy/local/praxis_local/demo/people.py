"""Invented people and animals, the same for the same seed, with identifiers that pass their checks."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

# ruff: noqa: SIM905 -- words in a row read better than lists of quotes
GIVEN_FEMALE = "Ada Beatriz Clara Dana Elena Fatima Grace Hana Iris June Keiko Lucia Mira Nadia Opal Rosa".split()
GIVEN_MALE = "Aaron Bruno Caleb Diego Emil Felix Gavin Hugo Ivan Jasper Kofi Leo Mateo Nils Oscar Ravi".split()
FAMILIES = (
    "Abernathy Bellweather Castellano Drummond Ellsworth Fairbanks Greenlaw Holloway Ibarra Jankowski Kessler "
    "Lindgren Montoya Nakagawa Osterman Pemberton Quintero Rosenthal Santangelo Thackeray Underhill Vasquez "
    "Whitlock Yamada Zeller"
).split()
PETS = "Biscuit Clover Dodger Ember Figaro Ginger Hazel Indie Jasper Kiwi Luna Maple Nugget Olive Pepper Rusty".split()
STREETS = ("Alder Street", "Birch Avenue", "Canal Road", "Dover Place", "Elm Court", "Foundry Lane")
BREEDS = {"dog": ("beagle", "border_collie", "boston_terrier"), "cat": ()}
COLORS = ("black", "brown and white", "gray tabby", "cream", "tricolor")


def npi(stem: int) -> str:
    """Return a National Provider Identifier: nine digits and the Luhn digit over them with the prefix 80840."""
    digits = [int(character) for character in f"80840{stem:09d}"]
    doubled = [digit * 2 if index % 2 == 0 else digit for index, digit in enumerate(reversed(digits))]
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return f"{stem:09d}{-total % 10}"


def address(random: Random, city: str, state: str, postal_code: str) -> dict[str, Any]:
    line = f"{random.randint(10, 980)} {random.choice(STREETS)}"
    return {
        "use": "home", "lines": [line], "city": city, "state": state, "postal_code": postal_code, "country_code": "US",
    }  # fmt: skip


def telecoms(random: Random, area: str, given: str, family: str) -> list[dict[str, Any]]:
    number = f"+1{area}55501{random.randint(0, 99):02d}"  # numbers that are kept free for fiction
    mail = f"{given}.{family}{random.randint(1, 99)}@mail.example".lower()
    return [
        {"system": "mobile", "value": number, "preferred": True},
        {"system": "email", "value": mail, "preferred": False},
    ]


def person(random: Random, today: date, *, minor: bool = False) -> dict[str, Any]:
    """Return name, date of birth and sex."""
    sex = random.choice(("female", "male"))
    years = random.randint(1, 16) if minor else random.randint(19, 88)
    birth = today - timedelta(days=years * 365 + random.randint(0, 364))
    given = random.choice(GIVEN_FEMALE if sex == "female" else GIVEN_MALE)
    return {
        "name": {"use": "official", "family": random.choice(FAMILIES), "given": [given]},
        "birth_date": birth.isoformat(),
        "sex": sex,
    }


def animal(random: Random, today: date) -> dict[str, Any]:
    """Return the profile of a dog or a cat."""
    species = random.choice(("dog", "dog", "cat"))
    birth = today - timedelta(days=random.randint(120, 5200))
    profile: dict[str, Any] = {
        "name": random.choice(PETS),
        "species_code": species,
        "sex": random.choice(("male", "male_neutered", "female", "female_spayed")),
        "color": random.choice(COLORS),
        "birth_date": birth.isoformat(),
        "birth_date_precision": "day",
        "microchips": [f"985{random.randint(0, 2**38 - 1):012d}"],
    }
    if BREEDS[species]:
        profile["breed_codes"] = [random.choice(BREEDS[species])]
    else:
        profile["breed_text"] = "Domestic shorthair"
    return profile
