"""Events are kept for ever: what was published once is read and applied by today's code."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from tests.contracts import corpus

from praxis_chassis import tables
from praxis_chassis.events import event_type, message_class
from praxis_chassis.testing import ServiceUnderTest

ENTRIES = corpus.entries()


def test_every_event_type_has_an_entry() -> None:
    missing = corpus.event_types().keys() - ENTRIES.keys()
    assert not missing, f"run `python -m tests.contracts.corpus` and commit the file: {sorted(missing)}"
    gone = ENTRIES.keys() - corpus.event_types().keys()
    assert not gone, f"events of these types are in logs and streams, so their messages must stay: {sorted(gone)}"


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_old_bytes_still_mean_the_same(name: str) -> None:
    body, means = ENTRIES[name]
    message = message_class(name)()
    message.ParseFromString(body)
    assert corpus.meaning(message) == means
    assert message.SerializeToString(deterministic=True) == body


def test_bytes_of_another_shape_are_noticed() -> None:
    """The comparison can fail: one event's bytes read as another's mean something else."""
    body, means = ENTRIES["praxis.patients.v1.PracticeCreated"]
    message = message_class("praxis.patients.v1.PracticeUpdated")()
    message.ParseFromString(body)
    assert corpus.meaning(message) == means  # they have one shape
    body = body.replace(b"US", b"CA")
    message.ParseFromString(body)
    assert corpus.meaning(message) != means


@pytest.mark.parametrize("consumer", ["scheduling", "billing", "claims", "reporting"])
def test_old_events_are_still_applied(consumer: str, running: Any) -> None:
    service: ServiceUnderTest = running(consumer)
    tenant, applied = service.tenant(), 0
    for name, (body, _) in ENTRIES.items():
        if name not in service.service.reaction_table.functions or event_type(message_class(name).DESCRIPTOR).erases:
            continue
        message = message_class(name)()
        message.ParseFromString(body)
        tenant.receive(message, UUID(corpus.identity(event_type(message.DESCRIPTOR).aggregate)))
        applied += 1
    with tenant.session() as session:
        assert session.execute(select(func.count()).select_from(tables.inbox)).scalar_one() == applied > 5
