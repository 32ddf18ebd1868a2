"""An erased person leaves ids, money, codes and days in the event log, and no word."""

from __future__ import annotations

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from praxis.billing.v1 import encounter_pb2
from praxis.billing.v1 import events_pb2 as billing
from praxis.claims.v1 import claim_pb2
from praxis.claims.v1 import events_pb2 as claims
from praxis.patients.v1 import events_pb2 as patients
from praxis.patients.v1 import patient_pb2
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis.type.v1 import type_pb2
from praxis_chassis.remains import remains_of

CANARY = "Featherstone"
EVENTS = (
    patients.PatientRegistered,
    patients.CoverageAdded,
    scheduling.AppointmentBooked,
    scheduling.VisitArrived,
    billing.EncounterPosted,
    billing.AdjustmentPosted,
    claims.ClaimCreated,
)


def filled(message: Message, depth: int = 6) -> Message:
    """Put the canary into every word of a message that a person could have written."""
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof and message.WhichOneof(field.containing_oneof.name):
            continue
        if field.message_type and depth and not field.message_type.GetOptions().map_entry:
            part = getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name)
            part.SetInParent()
            filled(part, depth - 1)
        elif field.type == FieldDescriptor.TYPE_STRING and not field.name.endswith(("_id", "_ids", "_code", "_date")):
            if field.is_repeated:
                getattr(message, field.name).append(CANARY)
            elif field.name not in {"id", "amount", "units", "percent"}:
                setattr(message, field.name, CANARY)
    return message


def test_no_word_of_a_person_stays() -> None:
    for kind in EVENTS:
        body = filled(kind()).SerializeToString()
        assert CANARY.encode() in body
        assert CANARY.encode() not in remains_of(kind.DESCRIPTOR.full_name, body), kind


def test_marked_fields_go_whatever_they_are_called() -> None:
    profile = patient_pb2.HumanProfile(birth_date="1980-01-01", government_id="123-45-6789", party_id="p")
    event = patients.PatientRegistered(patient=patient_pb2.Patient(id="x", human=profile))
    left = patients.PatientRegistered.FromString(remains_of(event.DESCRIPTOR.full_name, event.SerializeToString()))
    assert left.patient == patient_pb2.Patient(id="x", human=patient_pb2.HumanProfile(party_id="p"))
    claim = claim_pb2.Claim(
        id="c", subscriber=claim_pb2.ClaimSubscriber(member_id="M1"), state=claim_pb2.CLAIM_STATE_READY
    )
    told = claims.ClaimReady(claim=claim)
    kept = claims.ClaimReady.FromString(remains_of(told.DESCRIPTOR.full_name, told.SerializeToString()))
    assert kept.claim == claim_pb2.Claim(id="c", state=claim_pb2.CLAIM_STATE_READY)


def test_money_and_ids_stay_and_gone_bodies_stay_gone() -> None:
    money = type_pb2.Money(currency_code="USD", amount="12.50")
    share = encounter_pb2.Share(id="s", account_id="a", payer_id="p", amount=money)
    charge = encounter_pb2.Charge(id="c", procedure_code="99213", units="2", total=money, shares=[share])
    kept = encounter_pb2.Encounter(id="e", patient_id="x", service_date="2026-03-02", total=money, charges=[charge])
    kept.posted_time.seconds = 5
    told = encounter_pb2.Encounter()
    told.CopyFrom(kept)
    told.diagnoses.append("J069")
    told.charges[0].description = "Counselling"
    name = billing.EncounterPosted.DESCRIPTOR.full_name
    left = remains_of(name, billing.EncounterPosted(encounter=told).SerializeToString())
    assert billing.EncounterPosted.FromString(left).encounter == kept
    assert remains_of(name, b"") == b""
