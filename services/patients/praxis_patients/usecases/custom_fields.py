"""Keeps the fields that the practice adds to records, and holds records against them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.patients.v1 import custom_field_pb2
from praxis.patients.v1 import custom_field_service_pb2 as pb
from praxis.patients.v1 import events_pb2 as happened
from praxis_chassis.database import enum_words, fetch
from praxis_chassis.errors import Violation, invalid
from praxis_chassis.events import record
from praxis_patients.rules import custom_fields as rules
from praxis_patients.store.annotations import CustomField
from praxis_patients.store.mappings import CUSTOM_FIELD
from praxis_patients.store.models import Patient
from praxis_patients.usecases import contacts

_TYPES = enum_words(custom_field_pb2.CustomFieldType)[0]
_KINDS = enum_words(custom_field_pb2.CustomFieldKind)[0]
_CHOICE = custom_field_pb2.CUSTOM_FIELD_TYPE_CHOICE


def create(session: Session, said: custom_field_pb2.CustomField) -> CustomField:
    field: CustomField = CUSTOM_FIELD.new(said)
    field.active = said.active if said.HasField("active") else True
    _check_choices(field)
    session.add(field)
    record(session, happened.CustomFieldCreated, field)
    return field


def update(session: Session, request: pb.UpdateCustomFieldRequest) -> CustomField:
    field = fetch(session, CustomField, request.custom_field.id, lock=True, etag=request.custom_field.etag)
    before = (field.name, field.type)
    CUSTOM_FIELD.apply(field, request.custom_field, request.update_mask.paths)
    if (field.name, field.type) != before:
        raise invalid("custom_field.name" if field.name != before[0] else "custom_field.type", "CUSTOM_FIELD_FIXED")
    field.active = field.active is not False
    _check_choices(field)
    record(session, happened.CustomFieldUpdated, field)
    return field


def check(session: Session, patient: Patient) -> None:
    """Refuse values that have no field of the practice or do not fit it, and records that lack what must be there."""
    known = {field.name: field for field in session.scalars(select(CustomField)) if field.active}
    mine = {name: field for name, field in known.items() if _is_for(field, patient)}
    wrong = [
        Violation(f"patient.custom_fields.{name}", "CUSTOM_FIELD_UNKNOWN", {"name": name})
        for name in patient.custom_fields
        if name not in mine
    ]
    wrong += [_misfit(mine[name]) for name, value in patient.custom_fields.items() if name in mine
              and not rules.fits(_TYPES[mine[name].type], value, mine[name].choices)]  # fmt: skip
    wrong += [
        Violation(f"patient.custom_fields.{name}", "CUSTOM_FIELD_REQUIRED", {"title": field.title})
        for name, field in mine.items()
        if field.required and name not in patient.custom_fields
    ]
    contacts.refuse_all(wrong)


def _misfit(field: CustomField) -> Violation:
    facts = {"title": field.title, "type": _TYPES[field.type], "choices": ", ".join(field.choices) or "-"}
    return Violation(f"patient.custom_fields.{field.name}", "CUSTOM_FIELD_MISFIT", facts)


def _is_for(field: CustomField, patient: Patient) -> bool:
    return not field.kinds or patient.kind in {_KINDS[kind] for kind in field.kinds}


def _check_choices(field: CustomField) -> None:
    if (field.type == _CHOICE) != bool(field.choices):
        raise invalid("custom_field.choices", "CUSTOM_FIELD_CHOICES")
