"""The species and breeds that are shipped."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from typing import Any

from praxis.patients.v1 import species_pb2
from praxis_chassis.errors import Violation


@lru_cache(maxsize=1)
def _shipped() -> list[dict[str, Any]]:
    text = resources.files("praxis_patients").joinpath("reference/species.json").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)["species"]
    return found


@lru_cache(maxsize=1)
def _breed_codes() -> dict[str, frozenset[str]]:
    return {item["code"]: frozenset(breed["code"] for breed in item["breeds"]) for item in _shipped()}


def listed(locale: str) -> list[species_pb2.Species]:
    """Return all species with titles in a language, by title; English stands in for what is not translated."""
    language = locale.split("-", maxsplit=1)[0]
    found = [
        species_pb2.Species(
            code=item["code"],
            title=item["title"].get(language, item["title"]["en"]),
            scientific_name=item["scientific_name"],
            taxonomy_id=item["taxonomy_id"],
            breeds=[species_pb2.Breed(**breed) for breed in item["breeds"]],
        )
        for item in _shipped()
    ]
    return sorted(found, key=lambda species: species.title)


def violations(species_code: str, breed_codes: list[str], path: str) -> list[Violation]:
    """Return what is wrong with a species and the breeds said with it."""
    known = _breed_codes().get(species_code)
    if known is None:
        return [Violation(f"{path}.species_code", "SPECIES_UNKNOWN", {"code": species_code})]
    return [
        Violation(f"{path}.breed_codes[{index}]", "BREED_UNKNOWN", {"code": code, "species": species_code})
        for index, code in enumerate(breed_codes)
        if code not in known
    ]
