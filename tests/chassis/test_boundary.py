"""The boundary over real gRPC: repeats, stale etags, denials and strangers, and what each leaves in the audit log."""

from __future__ import annotations

import dataclasses
import threading
import time
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import grpc
import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from praxis.patients.v1 import directory_service_pb2 as directory
from praxis.patients.v1 import events_pb2, patient_pb2, patient_service_pb2, practice_pb2
from praxis.policy.v1 import policy_pb2
from praxis.scheduling.v1 import appointment_service_pb2
from praxis.scheduling.v1 import errors_pb2 as scheduling_errors
from praxis_chassis import audit, tables
from praxis_chassis.boundary import TRIES, Patience, as_refusal
from praxis_chassis.errors import DomainError
from praxis_chassis.testing import Refused, ServiceUnderTest, TenantUnderTest
from praxis_chassis.types import new_id

NPI = "1234567893"


def practice(name: str = "Harbor Clinic") -> practice_pb2.Practice:
    new = practice_pb2.Practice(name=name, kind=practice_pb2.PRACTICE_KIND_HUMAN, currency_code="USD")
    new.country_code, new.locale = "US", "en-US"
    return new


def create(tenant: TenantUnderTest, name: str = "Harbor Clinic", key: str = "") -> practice_pb2.Practice:
    made: practice_pb2.Practice = tenant.call(
        "CreatePractice", directory.CreatePracticeRequest(practice=practice(name)), key=key
    )
    return made


def counted(tenant: TenantUnderTest, table: object) -> int:
    with tenant.session() as session:
        return int(session.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[call-overload]


def test_a_repeated_request_is_answered_again_and_done_once(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    assert create(tenant, key="k-1") == create(tenant, key="k-1")
    assert len(tenant.events(events_pb2.PracticeCreated)) == 1


def test_who_gets_an_answer_again_is_written_down_with_whom_it_shows(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    patient = patient_pb2.Patient()
    patient.human.name.family, patient.human.birth_date = "Harper", "1980-02-03"
    patient.human.name.given.append("Ada")
    request = patient_service_pb2.RegisterPatientRequest(patient=patient)
    first, again = (tenant.call("RegisterPatient", request, key="k-2") for _ in range(2))
    assert first == again
    with tenant.session() as session:
        written = session.execute(
            select(tables.audit.c.outcome, tables.audit.c.patient_ids).order_by(tables.audit.c.id)
        )
        rows = [tuple(row) for row in written]
    assert [outcome for outcome, _ in rows] == ["ok", "replayed"]
    assert UUID(first.patient.id) in rows[1][1] == rows[0][1]


def test_a_key_belongs_to_one_request(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    create(tenant, key="k-1")
    with pytest.raises(Refused) as refused:
        create(tenant, "Another Clinic", key="k-1")
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"


def test_twins_in_flight_have_one_effect_and_one_answer(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    answers: list[practice_pb2.Practice] = []
    threads = [threading.Thread(target=lambda: answers.append(create(tenant, key="twin"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len({answer.id for answer in answers}) == 1
    assert len(tenant.events(events_pb2.PracticeCreated)) == 1


def test_a_stale_etag_is_refused_and_a_fresh_one_is_not(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    made = create(tenant)
    made.name = "Renamed"
    changed = tenant.call("UpdatePractice", directory.UpdatePracticeRequest(practice=made))
    assert changed.etag != made.etag
    with pytest.raises(Refused) as refused:
        tenant.call("UpdatePractice", directory.UpdatePracticeRequest(practice=made))
    assert refused.value.code is grpc.StatusCode.ABORTED
    assert refused.value.reason == "ETAG_MISMATCH"


def test_another_tenant_sees_nothing_and_the_owner_does(patients: ServiceUnderTest) -> None:
    mine, theirs = patients.tenant(), patients.tenant()
    made = create(mine)
    assert mine.call("GetPractice", directory.GetPracticeRequest(id=made.id)).id == made.id
    with pytest.raises(Refused) as refused:
        theirs.call("GetPractice", directory.GetPracticeRequest(id=made.id))
    assert refused.value.code is grpc.StatusCode.NOT_FOUND
    assert not theirs.call("ListPractices", directory.ListPracticesRequest()).practices


def test_who_lacks_the_permission_is_refused_and_written_down(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    with pytest.raises(Refused) as refused:
        tenant.call("ListPractices", directory.ListPracticesRequest(), permissions=["patients.patients.read"])
    assert refused.value.reason == "PERMISSION_DENIED"
    assert refused.value.metadata["permission"] == "patients.practices.read"
    with tenant.session() as session:
        outcome = session.execute(select(tables.audit.c.outcome)).scalars().all()
    assert outcome == ["denied"]


def test_a_call_without_a_token_is_refused(patients: ServiceUnderTest) -> None:
    method = patients.methods["ListPractices"]
    invoke = patients.channel.unary_unary(
        f"/{method.full_name}", directory.ListPracticesRequest.SerializeToString, method.reply.FromString
    )
    with pytest.raises(grpc.RpcError) as failure:
        invoke(directory.ListPracticesRequest(), timeout=5)
    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_all_violations_are_told_at_once_with_their_fields(patients: ServiceUnderTest) -> None:
    wrong = practice("")
    wrong.currency_code = "dollars"
    with pytest.raises(Refused) as refused:
        patients.tenant().call("CreatePractice", directory.CreatePracticeRequest(practice=wrong))
    assert {field for field, _, _ in refused.value.violations} >= {"practice.name", "practice.currency_code"}


def register(tenant: TenantUnderTest, family: str) -> patient_pb2.Patient:
    patient = patient_pb2.Patient()
    patient.human.name.family = family
    patient.human.name.given.append("Ada")
    patient.human.birth_date = "1980-02-03"
    request = patient_service_pb2.RegisterPatientRequest(patient=patient)
    registered: patient_pb2.Patient = tenant.call("RegisterPatient", request).patient
    return registered


def test_reads_and_changes_of_a_patient_are_audited_with_the_patients_id(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    patient = register(tenant, "Canary")
    tenant.call("GetPatient", patient_service_pb2.GetPatientRequest(id=patient.id))
    tenant.call("ListPatients", patient_service_pb2.ListPatientsRequest(query="canary"))
    with tenant.session() as session:
        rows = session.execute(select(tables.audit.c["class"], tables.audit.c.patient_ids)).all()
    assert sorted(row[0] for row in rows) == ["change", "read", "read"]
    assert all(patient.id in map(str, row[1]) for row in rows)


def _sealed(service: ServiceUnderTest, tenant: TenantUnderTest) -> int:
    """Seal unless the service's own worker is at it, and return how many rows of a tenant are in its chain."""
    with service.runtime.relay_database.engine.begin() as connection:
        audit.seal(connection)
    with tenant.session() as session:
        chained = tables.audit.c.sequence.is_not(None)
        return session.execute(select(func.count()).select_from(tables.audit).where(chained)).scalar_one()


def test_the_audit_chain_shows_what_was_tampered_with(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    for number in range(4):
        create(tenant, f"Clinic {number}")
    deadline = time.monotonic() + 20
    while _sealed(patients, tenant) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with tenant.session() as session:
        assert audit.verify(session) == []
    with patients.runtime.relay_database.engine.begin() as connection:
        wrong = text("UPDATE audit SET hash = '\\x00' WHERE tenant_id = :tenant AND sequence = 2")
        connection.execute(wrong, {"tenant": tenant.id})
    with tenant.session() as session:
        faults = audit.verify(session)
    assert any("row 2" in fault for fault in faults)


@pytest.mark.parametrize("table", ["audit", "events"])
def test_the_app_role_cannot_change_history(patients: ServiceUnderTest, table: str) -> None:
    tenant = patients.tenant()
    create(tenant)
    for statement in (f"UPDATE {table} SET actor = 'user:nobody'", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(Exception, match="permission denied"), tenant.session() as session:
            session.execute(text(statement))
    assert counted(tenant, tables.events) == 1


def test_bodies_about_a_person_are_sealed_in_the_event_log(patients: ServiceUnderTest) -> None:
    tenant = patients.tenant()
    register(tenant, "Zanzibarova")
    with tenant.session() as session:
        stored = session.execute(select(tables.events.c.payload)).scalars().all()
    assert not any(b"anzibarov" in payload for payload in stored)
    opened = tenant.events(events_pb2.PatientRegistered)
    assert [event.patient.human.name.family for event in opened] == ["Zanzibarova"]  # type: ignore[attr-defined]


def guard(under: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    """Give one RPC a stricter policy."""
    method = under.methods["ListPractices"]
    policy = type(method.policy)(**fields)
    policy.MergeFrom(method.policy)
    guarded = {method.full_name: dataclasses.replace(method, policy=policy)}
    monkeypatch.setattr(under.server.boundary, "methods", under.server.boundary.methods | guarded)


def test_an_rpc_for_some_purposes_is_closed_for_the_others(
    patients: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard(patients, monkeypatch, purposes=[policy_pb2.PURPOSE_EMERGENCY])
    tenant = patients.tenant()
    tenant.call("ListPractices", directory.ListPracticesRequest(), purpose="emergency")
    with pytest.raises(Refused) as refused:
        tenant.call("ListPractices", directory.ListPracticesRequest(), purpose="operations")
    assert refused.value.reason == "PERMISSION_DENIED"


def test_an_rpc_that_asks_for_a_second_factor_is_closed_until_it_was_proven(
    patients: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard(patients, monkeypatch, step_up=True)
    tenant = patients.tenant()
    with pytest.raises(Refused) as refused:
        tenant.call("ListPractices", directory.ListPracticesRequest())
    assert refused.value.reason == "STEP_UP_REQUIRED"
    tenant.call("ListPractices", directory.ListPracticesRequest(), factor_time=time.time() - 10)
    with pytest.raises(Refused):
        tenant.call("ListPractices", directory.ListPracticesRequest(), factor_time=time.time() - 301)


def test_what_cannot_be_reckoned_is_a_refusal_and_a_fault_of_ours_is_none() -> None:
    with pytest.raises(OverflowError) as failure:
        date.max + timedelta(days=1)
    refusal = as_refusal(failure.value, {}, "appointment")
    assert refusal is not None
    assert [item.reason for item in refusal.violations] == ["OUT_OF_REACH"]
    assert as_refusal(ValueError("ours"), {}, "appointment") is None


def test_who_waited_for_an_event_is_still_tried_again_after_a_collision() -> None:
    named = appointment_service_pb2.GetAppointmentRequest(id=str(new_id()))
    patience = Patience(scheduling_errors.ErrorReason, named, "command", 5.0)
    for _ in range(2 * TRIES):
        assert patience.worth_repeating(DomainError(scheduling_errors.ERROR_REASON_AUTHORIZATION_UNKNOWN))
    deadlock = OperationalError("", {}, DeadlockDetected())
    assert [patience.worth_repeating(deadlock) for _ in range(TRIES)] == [*[True] * (TRIES - 1), False]


@pytest.mark.parametrize(("remaining", "waits"), [(0.4, False), (30.0, True)])
def test_who_waits_for_an_event_answers_before_the_caller_gives_up(remaining: float, waits: bool) -> None:
    named = appointment_service_pb2.GetAppointmentRequest(id=str(new_id()))
    patience = Patience(scheduling_errors.ErrorReason, named, "query", remaining)
    pending = DomainError(scheduling_errors.ERROR_REASON_AUTHORIZATION_UNKNOWN)
    assert (patience.until - time.monotonic() > 0.75 * 0.4) is waits
    until = time.monotonic() + 0.9 * 0.4
    while time.monotonic() < until and patience.worth_repeating(pending):
        pass
    assert waits or not patience.worth_repeating(pending)
