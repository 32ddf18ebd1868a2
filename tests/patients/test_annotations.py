"""Alerts, groups by color, fields of the practice, and who belongs to one household."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.patients_house import House
from tests.patients.test_changes import traces

from praxis.patients.v1 import (
    alert_pb2,
    alert_service_pb2,
    custom_field_pb2,
    custom_field_service_pb2,
    events_pb2,
    household_pb2,
    household_service_pb2,
    patient_group_pb2,
    patient_group_service_pb2,
    patient_pb2,
)
from praxis.patients.v1 import patient_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis.testing import Refused

DANGER = alert_pb2.ALERT_SEVERITY_DANGER
BOOKING, CHECK_IN = alert_pb2.ALERT_PLACE_BOOKING, alert_pb2.ALERT_PLACE_CHECK_IN
TEXT, NUMBER, DATE, BOOLEAN, CHOICE = (
    custom_field_pb2.CUSTOM_FIELD_TYPE_TEXT,
    custom_field_pb2.CUSTOM_FIELD_TYPE_NUMBER,
    custom_field_pb2.CUSTOM_FIELD_TYPE_DATE,
    custom_field_pb2.CUSTOM_FIELD_TYPE_BOOLEAN,
    custom_field_pb2.CUSTOM_FIELD_TYPE_CHOICE,
)


def dog(house: House, **more: Any) -> patient_pb2.Patient:
    return house.animal("Rex", (house.party("Ann"), 10_000), **more).patient


def alert(house: House, patient: patient_pb2.Patient, text: str, **more: Any) -> alert_pb2.Alert:
    said = alert_pb2.Alert(patient_id=patient.id, severity=DANGER, text=text, **more)
    return house.call("CreateAlert", alert_service_pb2.CreateAlertRequest(alert=said))


def shown(house: House, patient: patient_pb2.Patient, **more: Any) -> list[str]:
    request = alert_service_pb2.ListAlertsRequest(patient_id=patient.id, **more)
    return [item.text for item in house.call("ListAlerts", request).alerts]


def field(house: House, name: str, kind: Any = TEXT, **more: Any) -> custom_field_pb2.CustomField:
    said = custom_field_pb2.CustomField(name=name, title=name.title(), type=kind, **more)
    return house.call("CreateCustomField", custom_field_service_pb2.CreateCustomFieldRequest(custom_field=said))


def write(house: House, patient: patient_pb2.Patient, **values: str) -> patient_pb2.Patient:
    request = pb.UpdatePatientRequest(patient=patient_pb2.Patient(id=patient.id, custom_fields=values))
    request.update_mask.paths.append("custom_fields")
    return house.call("UpdatePatient", request)


def test_an_alert_is_shown_where_and_when_it_counts(house: House) -> None:
    patient = dog(house)
    past, future = ((datetime.now(UTC) + timedelta(days=days)).date().isoformat() for days in (-9, 9))
    biting = alert(house, patient, "bites when cornered")
    alert(house, patient, "allergic to latex", places=[CHECK_IN], from_date=past)
    alert(house, patient, "in heat until then", to_date=past)
    alert(house, patient, "needs a muzzle then", from_date=future)
    assert biting.recorded_by == "user:00000000-0000-7000-8000-000000000001"
    assert shown(house, patient) == ["bites when cornered", "allergic to latex"]
    assert shown(house, patient, place=BOOKING) == ["bites when cornered"]
    assert len(shown(house, patient, all_dates=True)) == 4
    biting.text = "bites at night"
    request = alert_service_pb2.UpdateAlertRequest(alert=biting)
    request.update_mask.paths.append("text")
    assert house.call("UpdateAlert", request).text == "bites at night"
    ended = house.call("EndAlert", alert_service_pb2.EndAlertRequest(id=biting.id), key="k")
    assert house.call("EndAlert", alert_service_pb2.EndAlertRequest(id=biting.id), key="k") == ended
    assert shown(house, patient) == ["allergic to latex"]
    assert house.tenant.events(events_pb2.AlertRaised)[0].alert.text == "bites when cornered"
    assert house.tenant.events(events_pb2.AlertChanged)[-1].alert == ended


def test_an_alert_that_cannot_be_is_refused(house: House) -> None:
    patient, other = dog(house), dog(house)
    with pytest.raises(Refused) as refused:
        alert(house, patient, "bites", from_date="2026-02-02", to_date="2026-02-01")
    assert refused.value.violations[0][:2] == ("alert.to_date", "DATES_REVERSED")
    with pytest.raises(Refused) as refused:
        alert(house, patient, " . ")
    assert refused.value.violations[0][0] == "alert.text"
    known = alert(house, patient, "bites")
    known.patient_id = other.id
    request = alert_service_pb2.UpdateAlertRequest(alert=known)
    request.update_mask.paths.append("patient_id")
    with pytest.raises(Refused) as refused:
        house.call("UpdateAlert", request)
    assert refused.value.violations[0][:2] == ("alert.patient_id", "ALERT_PATIENT_FIXED")
    with pytest.raises(Refused, match="NOT_FOUND"):
        alert(house, patient_pb2.Patient(id=house.location.id), "bites")


def test_a_group_has_a_color_and_its_own_tag(house: House) -> None:
    said = patient_group_pb2.PatientGroup(tag="fractious", title="Afraid or angry", color="#B3261E")
    request = patient_group_service_pb2.CreatePatientGroupRequest(patient_group=said)
    group = house.call("CreatePatientGroup", request)
    assert (group.active, group.color) == (True, "#B3261E")
    with pytest.raises(Refused) as refused:
        house.call("CreatePatientGroup", request)
    assert refused.value.reason == "PATIENT_GROUP_TAKEN"
    group.color, group.active = "#00639B", False
    changed = house.call("UpdatePatientGroup", patient_group_service_pb2.UpdatePatientGroupRequest(patient_group=group))
    assert (changed.color, changed.active) == ("#00639B", False)
    assert house.tenant.events(events_pb2.PatientGroupUpdated)[0].patient_group == changed
    changed.tag = "other"
    with pytest.raises(Refused) as refused:
        house.call("UpdatePatientGroup", patient_group_service_pb2.UpdatePatientGroupRequest(patient_group=changed))
    assert refused.value.violations[0][:2] == ("patient_group.tag", "PATIENT_GROUP_FIXED")
    request.patient_group.color = "red"
    with pytest.raises(Refused) as refused:
        house.call("CreatePatientGroup", request)
    assert refused.value.violations[0][0] == "patient_group.color"
    listed = house.call("ListPatientGroups", patient_group_service_pb2.ListPatientGroupsRequest()).patient_groups
    assert [item.tag for item in listed] == ["fractious"]


def test_a_record_holds_the_fields_of_the_practice(house: House) -> None:
    field(house, "stall", kinds=[custom_field_pb2.CUSTOM_FIELD_KIND_ANIMAL])
    field(house, "height", NUMBER)
    field(house, "bought", DATE)
    field(house, "insured", BOOLEAN)
    field(house, "feed", CHOICE, choices=["hay", "oats"])
    values = {"stall": "B 7", "height": "1.65", "bought": "2024-02-29", "insured": "true", "feed": "hay"}
    patient = write(house, dog(house), **values)
    assert dict(patient.custom_fields) == values
    assert house.get(patient.id) == patient
    assert dict(house.tenant.events(events_pb2.PatientUpdated)[-1].patient.custom_fields) == values
    assert dict(write(house, patient, stall="C 1").custom_fields) == {"stall": "C 1"}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("height", "1,65", "CUSTOM_FIELD_MISFIT"),
        ("bought", "2023-02-29", "CUSTOM_FIELD_MISFIT"),
        ("insured", "yes", "CUSTOM_FIELD_MISFIT"),
        ("feed", "meat", "CUSTOM_FIELD_MISFIT"),
        ("stall", "B 7", "CUSTOM_FIELD_UNKNOWN"),
        ("nobody", "x", "CUSTOM_FIELD_UNKNOWN"),
    ],
)
def test_values_that_do_not_fit_are_refused(house: House, name: str, value: str, reason: str) -> None:
    field(house, "stall", kinds=[custom_field_pb2.CUSTOM_FIELD_KIND_HUMAN])
    field(house, "height", NUMBER)
    field(house, "bought", DATE)
    field(house, "insured", BOOLEAN)
    field(house, "feed", CHOICE, choices=["hay", "oats"])
    patient = dog(house)
    with pytest.raises(Refused) as refused:
        write(house, patient, **{name: value})
    assert [item[:2] for item in refused.value.violations] == [(f"patient.custom_fields.{name}", reason)]
    assert house.get(patient.id) == patient


def test_a_needed_field_is_asked_for_and_an_old_one_rests(house: House) -> None:
    patient = dog(house)
    needed = field(house, "stall", required=True)
    with pytest.raises(Refused) as refused:
        dog(house)
    assert refused.value.violations[0][:2] == ("patient.custom_fields.stall", "CUSTOM_FIELD_REQUIRED")
    assert not patient.custom_fields
    needed.active = False
    house.call("UpdateCustomField", custom_field_service_pb2.UpdateCustomFieldRequest(custom_field=needed))
    assert dog(house).id
    for change, path in (({"type": NUMBER}, "type"), ({"name": "box"}, "name")):
        other = custom_field_pb2.CustomField(id=needed.id, title="Stall", **{"name": "stall", "type": TEXT, **change})
        with pytest.raises(Refused) as refused:
            house.call("UpdateCustomField", custom_field_service_pb2.UpdateCustomFieldRequest(custom_field=other))
        assert refused.value.violations[0][:2] == (f"custom_field.{path}", "CUSTOM_FIELD_FIXED")
    with pytest.raises(Refused) as refused:
        field(house, "stall")
    assert refused.value.reason == "CUSTOM_FIELD_TAKEN"
    for kind, choices in ((CHOICE, []), (TEXT, ["hay"])):
        with pytest.raises(Refused) as refused:
            field(house, "feed", kind, choices=choices)
        assert refused.value.violations[0][:2] == ("custom_field.choices", "CUSTOM_FIELD_CHOICES")


def test_a_household_shows_all_its_patients(house: House) -> None:
    mother = house.human("Miller", "Anna").patient
    father, stranger = house.party("Miller", "Carl"), house.party("Stone", "Eva")
    guarantor = patient_pb2.Responsibility(
        party_id=father.id, role=patient_pb2.RESPONSIBILITY_ROLE_GUARANTOR, share_basis_points=10_000
    )
    house.human("Miller", "Tom", responsibilities=[guarantor])
    house.animal("Rex", (father, 10_000))
    house.animal("Other", (stranger, 10_000))
    said = household_pb2.Household(party_ids=[mother.human.party_id, father.id])
    home = house.call("CreateHousehold", household_service_pb2.CreateHouseholdRequest(household=said))
    request = household_service_pb2.ListHouseholdPatientsRequest(id=home.id)
    found = house.call("ListHouseholdPatients", request).patients
    assert [item.display_name for item in found] == ["Anna Miller", "Tom Miller", "Rex"]
    with pytest.raises(Refused) as refused:
        house.call(
            "CreateHousehold",
            household_service_pb2.CreateHouseholdRequest(household=household_pb2.Household(party_ids=[father.id])),
        )
    assert (refused.value.reason, refused.value.metadata["household_id"]) == ("HOUSEHOLD_TAKEN", home.id)
    home.party_ids[:] = [father.id, stranger.id]
    changed = house.call("UpdateHousehold", household_service_pb2.UpdateHouseholdRequest(household=home))
    assert list(changed.party_ids) == [father.id, stranger.id]
    listed = household_service_pb2.ListHouseholdsRequest(party_id=mother.human.party_id)
    assert not house.call("ListHouseholds", listed).households
    assert house.tenant.events(events_pb2.HouseholdUpdated)[0].household == changed


def test_an_erased_patient_leaves_nothing_of_all_this(house: House) -> None:
    field(house, "nickname")
    name = type_pb2.PersonName(family="Miller", given=["Anna"])
    patient = house.register(
        human=patient_pb2.HumanProfile(name=name), custom_fields={"nickname": "Xylophanes"}
    ).patient
    alert(house, patient, "Xylophanes shouts")
    said = household_pb2.Household(party_ids=[patient.human.party_id, house.party("Ben").id])
    home = house.call("CreateHousehold", household_service_pb2.CreateHouseholdRequest(household=said))
    assert {"patients: Xylophanes", "alerts: Xylophanes"} <= set(traces(house, "Xylophanes"))
    house.call("ErasePatient", pb.ErasePatientRequest(id=patient.id, reason="asked for it"))
    assert traces(house, "Xylophanes") == []
    left = house.call("GetHousehold", household_service_pb2.GetHouseholdRequest(id=home.id))
    assert list(left.party_ids) == said.party_ids[1:]
