"""Weights in any unit, the heads of a herd, and how a wrong reading is put right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from support.patients_house import House, shared

from praxis.patients.v1 import events_pb2, measurement_pb2, patient_pb2
from praxis.patients.v1 import measurement_service_pb2 as pb
from praxis.patients.v1 import patient_service_pb2 as patients
from praxis_chassis.testing import Refused
from praxis_patients.rules import measures

KG, G, LB, OZ, HEAD = (
    measurement_pb2.MEASUREMENT_UNIT_KG,
    measurement_pb2.MEASUREMENT_UNIT_G,
    measurement_pb2.MEASUREMENT_UNIT_LB,
    measurement_pb2.MEASUREMENT_UNIT_OZ,
    measurement_pb2.MEASUREMENT_UNIT_HEAD,
)
HEAD_COUNT = measurement_pb2.MEASUREMENT_KIND_HEAD_COUNT
IN_KG = {
    "kg": Fraction(1), "g": Fraction(1, 1000), "lb": Fraction(45359237, 10**8), "oz": Fraction(45359237, 16 * 10**8)
}  # fmt: skip


def stamp(moment: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(moment)
    return found


def history(house: House, patient: patient_pb2.Patient, **more: Any) -> list[measurement_pb2.Measurement]:
    request = pb.ListMeasurementsRequest(patient_id=patient.id, **more)
    return list(house.call("ListMeasurements", request).measurements)


def dog(house: House, **profile: Any) -> patient_pb2.Patient:
    return house.animal("Rex", (house.party("Ann"), 10_000), **profile).patient


def herd(house: House, heads: int = 120) -> patient_pb2.Patient:
    group = patient_pb2.AnimalGroupProfile(
        name="Dairy", species_code="cattle", head_count=heads, production_type="dairy", premises_id="US123"
    )
    return house.register(animal_group=group, responsibilities=shared((house.party("Farm"), 10_000))).patient


@given(st.integers(1, 999_999_999), st.sampled_from(sorted(IN_KG)))
def test_conversion_is_exact(thousandths: int, unit: str) -> None:
    value = Decimal(thousandths) / 1000
    exact = Fraction(value) * IN_KG[unit]
    weight, pounds = measures.kilograms(value, unit), measures.pounds(value, unit)
    assert weight is not None
    assert Fraction(weight) == exact
    assert pounds is not None
    assert abs(Fraction(pounds) - exact / IN_KG["lb"]) <= Fraction(1, 20_000)


@pytest.mark.parametrize(
    ("value", "unit", "kilograms", "pounds"),
    [
        ("52.5", LB, "23.813599425", "52.5"),
        ("25", KG, "25", "55.1156"),
        ("8", OZ, "0.226796185", "0.5"),
        ("850", G, "0.85", "1.8739"),
    ],
)
def test_a_weight_is_shown_in_both_units(house: House, value: str, unit: Any, kilograms: str, pounds: str) -> None:
    weight = house.weigh(dog(house), value, unit)
    assert (weight.value, weight.kilograms, weight.pounds) == (value, kilograms, pounds)
    assert weight.recorded_by == "user:00000000-0000-7000-8000-000000000001"
    assert house.tenant.events(events_pb2.MeasurementRecorded)[0].measurement == weight


def test_a_wrong_weight_stays_and_another_one_takes_its_place(house: House) -> None:
    patient = dog(house)
    yesterday = stamp(datetime.now(UTC) - timedelta(days=1))
    earlier = house.weigh(patient, "24", measure_time=yesterday)
    wrong = house.weigh(patient, "255", note="in a hurry")
    request = pb.CorrectMeasurementRequest(id=wrong.id, value="25.5", note="point forgotten", etag=wrong.etag)
    right = house.call("CorrectMeasurement", request, key="k")
    assert house.call("CorrectMeasurement", request, key="k") == right
    assert (right.value, right.unit, right.measure_time, right.replaces_id) == (
        "25.5",
        KG,
        wrong.measure_time,
        wrong.id,
    )
    assert history(house, patient) == [right, earlier]
    kept = house.call("GetMeasurement", pb.GetMeasurementRequest(id=wrong.id))
    assert (kept.value, kept.note, kept.replaced_by_id) == ("255", "in a hurry", right.id)
    assert {item.id for item in history(house, patient, with_corrected=True)} == {right.id, wrong.id, earlier.id}
    with pytest.raises(Refused) as refused:
        house.call("CorrectMeasurement", pb.CorrectMeasurementRequest(id=wrong.id, value="26"))
    assert refused.value.reason == "MEASUREMENT_CORRECTED"
    assert right.id in str(refused.value)
    assert house.tenant.events(events_pb2.MeasurementCorrected)[0].measurement == kept


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"value": "0.000"}, "measurement.value", "MEASURE_NOT_POSITIVE"),
        ({"value": "12345678"}, "measurement.value", "MEASURE_TOO_FINE"),
        ({"unit": HEAD}, "measurement.unit", "MEASURE_UNIT"),
        ({"kind": HEAD_COUNT, "unit": HEAD}, "measurement.kind", "HEAD_COUNT_OF_GROUP"),
        ({"measure_time": stamp(datetime.now(UTC) + timedelta(hours=2))}, "measurement.measure_time", "MEASURE_TIME"),
        ({"measure_time": stamp(datetime(2019, 12, 30, tzinfo=UTC))}, "measurement.measure_time", "MEASURE_TIME"),
    ],
)
def test_what_no_scales_show_is_refused(house: House, fields: dict[str, Any], field: str, reason: str) -> None:
    patient = dog(house, birth_date="2020-01-01")
    with pytest.raises(Refused) as refused:
        house.weigh(patient, **{"value": "25", **fields})
    assert [item[:2] for item in refused.value.violations] == [(field, reason)]
    assert len(refused.value.violations[0][2]) > 20
    assert history(house, patient) == []


def test_nobody_is_weighed_after_death(house: House) -> None:
    patient = dog(house)
    died = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
    house.call("MarkPatientDeceased", patients.MarkPatientDeceasedRequest(id=patient.id, deceased_date=died))
    with pytest.raises(Refused) as refused:
        house.weigh(patient, "25")
    assert refused.value.violations[0][1] == "MEASURE_TIME"
    assert house.weigh(patient, "25", measure_time=stamp(datetime.now(UTC) - timedelta(days=5))).value == "25"


def test_a_herd_is_counted_and_its_history_kept(house: House) -> None:
    cows = herd(house)
    counted = house.weigh(cows, "118", HEAD, kind=HEAD_COUNT)
    assert (counted.kilograms, counted.pounds) == ("", "")
    assert house.get(cows.id).animal_group.head_count == 118
    changed = patient_pb2.Patient(id=cows.id, animal_group=house.get(cows.id).animal_group)
    changed.animal_group.head_count = 117
    request = patients.UpdatePatientRequest(patient=changed)
    request.update_mask.paths.append("animal_group")
    house.call("UpdatePatient", request)
    house.call("UpdatePatient", request)
    assert [item.value for item in history(house, cows, kind=HEAD_COUNT)] == ["117", "118", "120"]
    latest = history(house, cows)[0]
    house.call("CorrectMeasurement", pb.CorrectMeasurementRequest(id=latest.id, value="116"))
    assert house.get(cows.id).animal_group.head_count == 116
    late = stamp(datetime.now(UTC) - timedelta(days=30))
    house.weigh(cows, "110", HEAD, kind=HEAD_COUNT, measure_time=late)
    assert house.get(cows.id).animal_group.head_count == 116
    for value in ("1.5", "0"):
        with pytest.raises(Refused):
            house.weigh(cows, value, HEAD, kind=HEAD_COUNT)
    assert house.weigh(cows, "650").kilograms == "650"


def test_weights_are_for_who_may_read_them(house: House) -> None:
    patient = dog(house)
    house.weigh(patient, "25")
    request = pb.ListMeasurementsRequest(patient_id=patient.id)
    with pytest.raises(Refused, match="PERMISSION_DENIED"):
        house.call("ListMeasurements", request, permissions=["patients.patients.read"])
    allowed = house.call("ListMeasurements", request, permissions=["patients.measurements.read"])
    assert len(allowed.measurements) == 1
