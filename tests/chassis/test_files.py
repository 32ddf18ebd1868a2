"""Stored files share the fate of the transaction that stores or gives them up, and nothing unreferenced stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from praxis_chassis import files as stored
from praxis_chassis import subjects
from praxis_chassis.errors import DomainError
from praxis_chassis.files import UPLOADS, TenantFiles, files
from praxis_chassis.jobs import OWN, Ticker
from praxis_chassis.testing import ServiceUnderTest, TenantUnderTest
from praxis_chassis.types import new_id


class Stop(Exception):
    """Ends a transaction without its effects."""


@contextmanager
def broken_off(tenant: TenantUnderTest) -> Iterator[Session]:
    """A transaction that never comes to stand."""
    with suppress(Stop), tenant.session() as session:
        yield session
        raise Stop


def put(tenant: TenantUnderTest, data: bytes, *about: UUID) -> str:
    with tenant.session() as session:
        return files(session).put(data, "text/plain", "note.txt", subject_ids=about).file_id


def path_of(tenant: TenantUnderTest, file_id: str, area: str = "claims") -> Path:
    runtime = tenant.under_test.runtime
    return Path(
        runtime.settings.files_dir, TenantFiles(runtime.objects, runtime.keys, tenant.id, area).key_of(UUID(file_id))
    )


def run_jobs(tenant: TenantUnderTest) -> None:
    """Do what the work process does in time, for this tenant alone."""
    for name in ("sweep_files", "remove_deleted_files"):
        with tenant.session() as session:
            next(item for item in Ticker(tenant.under_test.runtime).jobs if item.name == name).function(session)


def age(path: Path) -> None:
    two_days_ago = path.stat().st_mtime - 2 * 86400
    os.utime(path, (two_days_ago, two_days_ago))


def test_an_erasure_that_is_rolled_back_loses_no_file_and_may_be_repeated(claims: ServiceUnderTest) -> None:
    tenant, patient = claims.tenant(), new_id()
    file_id = put(tenant, b"a letter", patient)
    with broken_off(tenant) as session:
        subjects.forget(session, patient)
    run_jobs(tenant)
    with tenant.session() as session:
        assert files(session).get(file_id) == b"a letter"
    with tenant.session() as session:
        subjects.forget(session, patient)
    with tenant.session() as session, pytest.raises(DomainError):
        files(session).get(file_id)
    run_jobs(tenant)
    assert not path_of(tenant, file_id).exists()


def test_the_same_content_stored_again_outlives_its_deletion(claims: ServiceUnderTest) -> None:
    tenant = claims.tenant()
    file_id = put(tenant, b"twice")
    with tenant.session() as session:
        files(session).delete(file_id)
    assert put(tenant, b"twice") == file_id
    run_jobs(tenant)
    with tenant.session() as session:
        assert files(session).get(file_id) == b"twice"


def test_objects_of_broken_transactions_are_swept_and_no_others(claims: ServiceUnderTest) -> None:
    tenant = claims.tenant()
    kept = put(tenant, b"kept")
    with broken_off(tenant) as session:
        lost = files(session).put(b"lost", "text/plain").file_id
    with broken_off(tenant) as session:
        fresh = files(session).put(b"fresh", "text/plain").file_id
    age(path_of(tenant, kept))
    age(path_of(tenant, lost))
    run_jobs(tenant)
    there = {name: path_of(tenant, name).exists() for name in (kept, lost, fresh)}
    assert there == {kept: True, lost: False, fresh: True}


def test_an_upload_that_nobody_took_over_is_swept(claims: ServiceUnderTest) -> None:
    tenant, runtime = claims.tenant(), claims.runtime
    uploads = TenantFiles(runtime.objects, runtime.keys, tenant.id, UPLOADS)
    taken, left = (uploads.put(data, "text/plain").file_id for data in (b"taken", b"left"))
    with tenant.session() as session:
        files(session).put(files(session).uploaded(taken), "text/plain")
    for file_id in (taken, left):
        age(path_of(tenant, file_id, UPLOADS))
    run_jobs(tenant)
    assert not path_of(tenant, left, UPLOADS).exists()
    with tenant.session() as session:
        assert files(session).uploaded(taken) == b"taken"
        with pytest.raises(DomainError):
            files(session).uploaded(left)


def test_the_work_process_runs_these_jobs() -> None:
    assert {stored.sweep, stored.remove_deleted} <= {item.function for item in OWN}
