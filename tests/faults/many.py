"""Very many patients in the owner's event log, put there by hand, and what a projection must make of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.faults.world import World

from praxis.patients.v1 import events_pb2, patient_pb2
from praxis_chassis import clock
from praxis_chassis.events import event_type
from praxis_chassis.keys import NONCE
from praxis_chassis.subjects import PURPOSE
from praxis_chassis.types import new_id
from praxis_local.provision import database_url

KIND = event_type(events_pb2.PatientRegistered.DESCRIPTOR)
KEYS = b"COPY subject_keys (tenant_id, subject_id, sealed_key) FROM STDIN"
EVENTS = (
    b"COPY events (tenant_id, id, tenant_sequence, aggregate, aggregate_id, epoch, version, type, subject, subject_id,"
    b" payload, actor, origin, correlation_id, causation_id, traceparent, occurred_at, recorded_at, published_at)"
    b" FROM STDIN"
)
SHOWN = (
    b"SELECT count(*), md5(string_agg(p.patient_id || p.chart_number || n.display_name, ',' ORDER BY p.patient_id))"
    b" FROM patients p JOIN patient_names n USING (tenant_id, patient_id) WHERE tenant_id = %s"
)


@dataclass
class Many:
    """A tenant whose patients were each registered once; their events count as published long ago."""

    world: World
    count: int
    tenant: UUID = field(default_factory=new_id)
    patients: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.patients = sorted(new_id() for _ in range(self.count))
        with psycopg.connect(database_url(self.world.postgres.admin_url, "patients")) as connection:
            keys = {patient: secrets.token_bytes(32) for patient in self.patients}
            for statement, rows in ((KEYS, self._keys(keys)), (EVENTS, self._events(keys))):
                with connection.cursor() as cursor, cursor.copy(statement) as copy:
                    for row in rows:
                        copy.write_row(row)

    def _keys(self, keys: dict[UUID, bytes]) -> Iterator[tuple[Any, ...]]:
        ring = self.world.runtimes["patients"].keys
        for patient, key in keys.items():
            yield self.tenant, patient, ring.seal(self.tenant, PURPOSE, key, patient.bytes)

    def _events(self, keys: dict[UUID, bytes]) -> Iterator[tuple[Any, ...]]:
        now = clock.wall()
        for number, (patient, key) in enumerate(keys.items()):
            body = patient_pb2.Patient(id=str(patient), chart_number=str(number), display_name=f"Name {number}")
            body.human.birth_date = "1980-01-01"
            nonce, message = secrets.token_bytes(NONCE), events_pb2.PatientRegistered(patient=body)
            sealed = nonce + AESGCM(key).encrypt(nonce, message.SerializeToString(), patient.bytes)
            facts = (KIND.aggregate, patient, 1, 1, KIND.name, KIND.subject, patient, sealed)
            yield self.tenant, new_id(), number + 1, *facts, "system:test", "system:test", "", "", "", now, now, now

    def expected(self) -> tuple[int, str]:
        """Return how many patients reporting must know, and the digest of what it calls them."""
        shown = ",".join(f"{patient}{number}Name {number}" for number, patient in enumerate(self.patients))
        return self.count, hashlib.md5(shown.encode(), usedforsecurity=False).hexdigest()

    def found(self) -> tuple[int, str]:
        """Return the same of what reporting knows."""
        with psycopg.connect(database_url(self.world.postgres.admin_url, "reporting")) as connection:
            row = connection.execute(SHOWN, [self.tenant]).fetchone()
        assert row
        return int(row[0]), str(row[1])
