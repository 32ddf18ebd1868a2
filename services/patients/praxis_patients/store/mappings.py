"""How the resources of patients correspond to their messages, declared once for replies and events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, cast, func, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from praxis.patients.v1 import (
    alert_pb2,
    coverage_pb2,
    custom_field_pb2,
    facility_pb2,
    household_pb2,
    measurement_pb2,
    merge_pb2,
    party_pb2,
    patient_group_pb2,
    patient_pb2,
    practice_pb2,
    practitioner_pb2,
    task_pb2,
)
from praxis_chassis.mapping import Mapping, Special
from praxis_chassis.reading import Children, Reading
from praxis_patients.store.annotations import Alert, CustomField, Household, PatientGroup
from praxis_patients.store.measurements import Measurement
from praxis_patients.store.merges import MergeAcknowledgment, PatientMerge
from praxis_patients.store.models import (
    Coverage,
    Facility,
    Location,
    Party,
    Patient,
    PatientReference,
    Practice,
    Practitioner,
    Referrer,
    Responsibility,
)
from praxis_patients.store.tasks import PatientTask


def _human(patient: Patient) -> patient_pb2.HumanProfile | None:
    """Return the profile with what has columns of its own; of the government number only the end is shown."""
    if patient.human is None:
        return None
    profile = patient_pb2.HumanProfile()
    profile.CopyFrom(patient.human)
    profile.party_id = str(patient.party_id or "")
    profile.government_id_last_four = patient.government_id.last_four if patient.government_id else ""
    return profile


def _set_human(patient: Patient, profile: patient_pb2.HumanProfile | None) -> None:
    if profile is None:
        patient.human = None
        return
    stored = patient_pb2.HumanProfile()
    stored.CopyFrom(profile)
    for name in ("government_id", "government_id_last_four", "party_id"):
        stored.ClearField(name)
    patient.human = stored


def _custom_fields(patient: Patient) -> dict[str, str]:
    return patient.custom_fields


def _set_custom_fields(patient: Patient, values: Any) -> None:
    patient.custom_fields = dict(values)


def _references(patient: Patient) -> list[patient_pb2.ExternalReference]:
    return [EXTERNAL_REFERENCE.message(row) for row in patient.references]


def _responsibilities(patient: Patient) -> list[patient_pb2.Responsibility]:
    return [RESPONSIBILITY.message(row) for row in patient.responsibilities]


def _party_name(row: Responsibility) -> str:
    return row.party.display_name


PRACTICE = Mapping(Practice, practice_pb2.Practice)
LOCATION = Mapping(Location, practice_pb2.Location)
PRACTITIONER = Mapping(Practitioner, practitioner_pb2.Practitioner, read_only={"display_name"})
REFERRER = Mapping(Referrer, practitioner_pb2.Referrer, read_only={"display_name"})
FACILITY = Mapping(Facility, facility_pb2.Facility)
PARTY = Mapping(Party, party_pb2.Party, read_only={"state", "display_name", "patient_id"})
EXTERNAL_REFERENCE = Mapping(PatientReference, patient_pb2.ExternalReference)
RESPONSIBILITY = Mapping(
    Responsibility, patient_pb2.Responsibility, special={"party_display_name": Special(read=_party_name)}
)
PATIENT = Mapping(
    Patient,
    patient_pb2.Patient,
    read_only={
        "chart_number",
        "state",
        "display_name",
        "deceased_date",
        "transferred_date",
        "transferred_to",
        "survivor_id",
    },
    special={
        "human": Special(read=_human, write=_set_human),
        "external_refs": Special(read=_references, write=Patient.set_references),
        "responsibilities": Special(read=_responsibilities),
        "warnings": Special(read=None),
        "custom_fields": Special(read=_custom_fields, write=_set_custom_fields),
    },
)
PATIENT_READING = Reading(
    PATIENT,
    columns={
        "custom_fields": Patient.custom_fields,
        "human": type_coerce(
            Patient.human.op("||")(
                func.jsonb_build_object(
                    "party_id", func.coalesce(cast(Patient.party_id, Text), ""),
                    "government_id_last_four", func.coalesce(cast(Patient.government_id, JSONB)["l"].astext, ""),
                )
            ),
            Patient.human.type,
        )
    },
    children={
        "external_refs": Children(
            Reading(EXTERNAL_REFERENCE), parent=PatientReference.patient_id, order=[PatientReference.system]
        ),
        "responsibilities": Children(
            Reading(RESPONSIBILITY, columns={"party_display_name": Party.display_name}, joined=[Responsibility.party]),
            parent=Responsibility.patient_id, order=[Responsibility.position],
        ),
    },
)  # fmt: skip
MEASUREMENT = Mapping(
    Measurement,
    measurement_pb2.Measurement,
    read_only={"kilograms", "pounds", "recorded_by", "replaces_id", "replaced_by_id"},
)
ALERT = Mapping(Alert, alert_pb2.Alert, read_only={"recorded_by"})
PATIENT_GROUP = Mapping(PatientGroup, patient_group_pb2.PatientGroup)
CUSTOM_FIELD = Mapping(CustomField, custom_field_pb2.CustomField)
HOUSEHOLD = Mapping(Household, household_pb2.Household, read_only={"party_ids"})
TASK = Mapping(PatientTask, task_pb2.PatientTask, read_only={"state", "close_time", "closed_by"})
VERIFIED = {"verification_result", "verify_time", "verified_by", "verification_note", "card_front", "card_back"}
COVERAGE = Mapping(Coverage, coverage_pb2.Coverage, read_only={"state", *VERIFIED})
MERGE_ACKNOWLEDGMENT = Mapping(MergeAcknowledgment, merge_pb2.MergeAcknowledgment)
PATIENT_MERGE = Mapping(
    PatientMerge,
    merge_pb2.PatientMerge,
    read_only={"state", "reversal_reason"},
    special={
        "acknowledgments": Special(read=lambda merge: [MERGE_ACKNOWLEDGMENT.message(r) for r in merge.acknowledgments]),
        "complete": Special(read=lambda merge: merge.complete),
    },
)
