"""The same request twice is one effect: sent twice at once, or again because the first answer never came."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from praxis.patients.v1 import events_pb2, patient_pb2
from praxis.patients.v1.patient_service_pb2 import RegisterPatientRequest, RegisterPatientResponse
from praxis_chassis.testing import Refused, ServiceUnderTest, TenantUnderTest
from praxis_chassis.types import new_id

METHOD = "/praxis.patients.v1.PatientService/RegisterPatient"


def request(number: int) -> RegisterPatientRequest:
    patient = patient_pb2.Patient()
    patient.human.name.family = f"Twin{number}"
    patient.human.name.given.append("Ada")
    patient.human.birth_date = f"19{50 + number % 50}-01-0{1 + number % 9}"
    return RegisterPatientRequest(patient=patient)


def ask_again(tenant: TenantUnderTest, number: int, key: str) -> str:
    """Ask as a caller does: a service that is too busy to answer is asked again under the same key."""
    for _ in range(20):
        try:
            return str(tenant.call("RegisterPatient", request(number), key=key).patient.id)
        except Refused as refused:
            if refused.code != grpc.StatusCode.UNAVAILABLE:
                raise
    raise AssertionError("no answer in twenty calls")


def registered(tenant: TenantUnderTest) -> list[str]:
    found: list[Any] = tenant.events(events_pb2.PatientRegistered)
    return sorted(event.patient.human.name.family for event in found)


@pytest.mark.timeout(900)
def test_a_double_submit_is_one_effect(patients: ServiceUnderTest, long: bool) -> None:
    tenant, pairs = patients.tenant(), 1000 if long else 40

    def submit(number: int) -> set[str]:
        key = str(new_id())
        with ThreadPoolExecutor(2) as twins:
            both = [twins.submit(ask_again, tenant, number, key) for _ in range(2)]
            return {twin.result() for twin in both}

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(submit, range(pairs)))
    assert all(len(ids) == 1 for ids in answers), "two answers to one request differ"
    assert registered(tenant) == sorted(f"Twin{number}" for number in range(pairs))


@pytest.mark.timeout(900)
def test_a_request_whose_answer_never_came_is_one_effect(patients: ServiceUnderTest, long: bool) -> None:
    """The caller hangs up at a random moment of the call and asks again under the same key."""
    tenant, pairs, chance = patients.tenant(), 1000 if long else 40, random.Random(13)
    done_before = 0
    for number in range(pairs):
        key = str(new_id())
        done_before += hang_up(tenant, number, key, chance.uniform(0, 0.03))
        ask_again(tenant, number, key)
    print(f"{pairs} calls given up, {done_before} of them after their answer was on its way")
    assert registered(tenant) == sorted(f"Twin{number}" for number in range(pairs))
    other = tenant.call("RegisterPatient", request(0), key=str(new_id()))
    assert other.patient.id, "under another key the same words are another request"
    assert registered(tenant).count("Twin0") == 2


def hang_up(tenant: TenantUnderTest, number: int, key: str, seconds: float) -> bool:
    under = tenant.under_test
    token = under.minter.mint(
        tenant_id=tenant.id, subject="00000000-0000-7000-8000-000000000001", kind="user",
        permissions=["patients.patients.write"],
    )  # fmt: skip
    metadata = (("authorization", f"Bearer {token}"), ("x-idempotency-key", key))
    invoke = under.channel.unary_unary(
        METHOD, RegisterPatientRequest.SerializeToString, RegisterPatientResponse.FromString
    )
    call: grpc.Future = invoke.future(request(number), metadata=metadata, timeout=20)
    time.sleep(seconds)
    return not call.cancel()
