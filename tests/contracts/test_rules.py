"""Rules of the contracts that people meet: forms come with an example, reasons in words, names on one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor

from praxis.billing.v1 import encounter_pb2, encounter_service_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis.contracts import refuse_violations
from praxis_chassis.errors import DomainError
from praxis_chassis.texts import Catalog
from praxis_gateway import contracts

ID = "019ad2b5-7c00-7000-8000-000000000001"


def strings(message: Descriptor, seen: set[str]) -> Iterator[tuple[str, validate_pb2.StringRules]]:
    """Yield the rules of every text in a message and in the messages it holds."""
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        rules = field.GetOptions().Extensions[validate_pb2.field]
        yield field.full_name, rules.repeated.items.string if rules.HasField("repeated") else rules.string
        if field.message_type is not None:
            yield from strings(field.message_type, seen)


def test_every_form_has_an_example_that_fits_it() -> None:
    seen: set[str] = set()
    found = [item for operation in contracts.load().operations for item in strings(operation.method.input_type, seen)]
    formed = [(name, rules) for name, rules in found if rules.pattern]
    assert len(formed) > 50
    for name, rules in formed:
        assert rules.example, name
        for example in rules.example:
            assert re.search(rules.pattern, example), name


def refused(message: object) -> list[tuple[str, str, str]]:
    try:
        refuse_violations(message)  # type: ignore[arg-type]
    except DomainError as refusal:
        return [(item.path, item.reason, item.arguments.get("example", "")) for item in refusal.violations]
    return []


def test_a_text_of_the_wrong_form_is_told_by_example() -> None:
    assert refused(type_pb2.Money(currency_code="USD", amount="12.50")) == []
    wrong = type_pb2.Money(currency_code="US$", amount="12,50")
    assert refused(wrong) == [("currency_code", "STRING_PATTERN", "USD"), ("amount", "STRING_PATTERN", "12.50")]


@pytest.mark.parametrize(
    ("field", "value", "reason", "words"),
    [
        ("patient_id", "", "STRING_UUID_EMPTY", "This is missing. Take the id"),
        ("patient_id", "Rosa", "STRING_UUID", "This is not an id."),
        ("diagnoses", ["J069", "J069"], "REPEATED_UNIQUE", "The same entry is here twice."),
        ("charges", [], "REPEATED_MIN_ITEMS", "Entries needed: 1 or more."),
    ],
)
def test_what_is_missing_or_twice_is_told_in_words_for_people(field: str, value: Any, reason: str, words: str) -> None:
    charge = encounter_pb2.Charge(catalog_item_id=ID)
    good = {"patient_id": ID, "location_id": ID, "rendering_practitioner_id": ID, "service_date": "2026-03-01"}
    asked = encounter_pb2.Encounter(**{**good, "charges": [charge], field: value})
    with pytest.raises(DomainError) as refusal:
        refuse_violations(asked)
    [found] = [item for item in refusal.value.violations if item.path == field]
    assert (found.reason, found.text) == (reason, "")
    assert words in Catalog(None).render("en", found.reason, found.arguments)
    assert words not in Catalog(None).render("es", found.reason, found.arguments)


@pytest.mark.parametrize("reason", ["wrong patient", "A–B–C", "李小龍", "no1"])
def test_a_reason_in_words_is_taken(reason: str) -> None:
    assert refused(encounter_service_pb2.ReverseEncounterRequest(id=ID, reason=reason)) == []


@pytest.mark.parametrize("reason", ["     ", " . - ", "ab   ", "\u200b\u200b\u200b"])
def test_a_reason_without_words_is_refused(reason: str) -> None:
    request = encounter_service_pb2.ReverseEncounterRequest(id=ID, reason=reason)
    assert refused(request) == [("reason", "STRING_WORDS", "")]


@pytest.mark.parametrize("name", ["O'Neill-Żak", "李小龍", "می\u200cخواهم", "4H Club", "Ångström, Jr."])
def test_a_name_on_one_line_is_taken(name: str) -> None:
    assert refused(type_pb2.PersonName(family=name, given=[name])) == []


@pytest.mark.parametrize("name", ["Mil\r\nler", "Mil\x07ler", "Mil\u202eler", "\u200b\u200d", "\u2028", "--"])
def test_a_name_that_hides_something_is_refused(name: str) -> None:
    violations = refused(type_pb2.PersonName(family=name, given=["Ann", name]))
    assert violations == [("family", "STRING_LINE", ""), ("given[1]", "STRING_LINE", "")]
