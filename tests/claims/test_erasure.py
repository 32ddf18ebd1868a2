"""Erasing a patient: nothing personal stays in tables, events or files, and other people's evidence is kept."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from tests.claims.builders import Practice, address, identifier, person
from tests.claims.test_submissions import Desk

from praxis.claims.v1 import claim_pb2, events_pb2
from praxis.claims.v1 import claim_service_pb2 as pb
from praxis.claims.v1 import submission_service_pb2 as submissions_pb
from praxis.patients.v1 import events_pb2 as patients
from praxis_chassis.errors import DomainError
from praxis_chassis.files import files
from praxis_claims.store.models import Base

CANARY = "Canarius"


def neighbor(practice: Practice) -> Practice:
    """Another patient of the same practice, in the same files."""
    other = Practice(practice.tenant, practice.practice_id, practice.location_id, practice.practitioner_id)
    other.patient_id, other.coverage_id = identifier(), identifier()
    other.payer_id, other.member_id, other.submitter_id = practice.payer_id, "PAID0002", practice.submitter_id
    other.tell_patient(name=person("Bob", "Neighbor"), addresses=[address("9 Oak Street")])
    other.tell_coverage()
    return other


def rows_with(practice: Practice, word: str) -> list[str]:
    """Return every table of claims in which a word stands, the chassis' own included."""
    found = []
    with practice.tenant.session() as session:
        names = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        for name in names:
            if name.startswith("diagnosis_") or name == "alembic_version":
                continue
            query = text(f"SELECT count(*) FROM {name} AS row WHERE row::text ILIKE :word")
            if session.execute(query, {"word": f"%{word}%"}).scalar():
                found.append(name)
    return found


def test_nothing_personal_stays_and_everything_else_does(practice: Practice, tmp_path: Path) -> None:
    practice.member_id = "CANARYMEMBER1"
    desk = Desk(practice, tmp_path)
    practice.tell_patient(name=person("Ada", CANARY), addresses=[address("77 Canary Row")])
    claim = desk.tenant.call("ScrubClaim", pb.ScrubClaimRequest(id=desk.claim.id))
    neighbor(practice).post()
    alone = desk.tenant.call("GetClaimX12", pb.GetClaimX12Request(id=claim.id))
    submission = desk.tenant.call("SubmitClaims", pb.SubmitClaimsRequest()).submissions[0]
    assert submission.claim_count == 2
    assert CANARY.upper().encode() in desk.stored(submission.file.file_id)
    assert rows_with(practice, CANARY), "the search must find what is there"

    desk.tenant.receive(patients.PatientErased(patient_id=practice.patient_id), practice.patient_id)

    for word in (CANARY, "CANARYMEMBER1", "Canary Row"):
        assert rows_with(practice, word) == []
    blank = desk.tenant.call("GetClaim", pb.GetClaimRequest(id=claim.id))
    assert not blank.HasField("patient")
    assert (blank.charge_amount.amount, blank.claim_number, blank.state) == (
        "140.50",
        claim.claim_number,
        claim_pb2.CLAIM_STATE_BATCHED,
    )
    kept = desk.tenant.call("GetSubmission", submissions_pb.GetSubmissionRequest(id=submission.id))
    data = desk.stored(kept.file.file_id)
    assert b"CANAR" not in data.upper()
    assert b"NEIGHBOR*BOB" in data
    assert claim.claim_number.encode() in data
    assert not exists(desk, alone.file_id)
    assert not exists(desk, submission.file.file_id)
    bodies = [event for event in desk.tenant.events(events_pb2.ClaimCreated) if CANARY in str(event)]
    assert bodies == []


def test_a_shared_file_that_is_missing_keeps_nobody_from_being_erased(practice: Practice, tmp_path: Path) -> None:
    desk = Desk(practice, tmp_path)
    practice.tell_patient(name=person("Ada", CANARY), addresses=[address("77 Canary Row")])
    neighbor(practice).post()
    submission = desk.tenant.call("SubmitClaims", pb.SubmitClaimsRequest()).submissions[0]
    with desk.tenant.session() as session:
        mine = files(session)
        mine.store.delete_object(mine.key_of(UUID(submission.file.file_id)))
    desk.tenant.receive(patients.PatientErased(patient_id=practice.patient_id), practice.patient_id)
    assert rows_with(practice, CANARY) == []


def exists(desk: Desk, file_id: str) -> Any:
    with desk.tenant.session() as session, contextlib.suppress(DomainError):
        return files(session).get(file_id)
    return None


def test_all_columns_with_a_patient_are_in_the_merge_manifest() -> None:
    for table in Base.metadata.tables.values():
        for column in table.columns:
            if column.name in {"patient_id", "survivor_id"}:
                assert column.info.get("patient"), f"{table.name}.{column.name}"
