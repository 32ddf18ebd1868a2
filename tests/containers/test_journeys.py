"""The main job, played against the compose system: the same journeys as on one machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import pytest
from support.composed import Composed
from tests.journeys import test_animal, test_human, test_mixed
from tests.journeys.clinic import Clinic, open_clinic

from praxis_reporting.service import service

JOURNEYS: dict[str, Callable[[Clinic, Clinic], None]] = {
    "harbor": test_human.test_a_day_at_a_medical_practice,
    "willow": test_animal.test_a_day_at_an_animal_hospital,
    "tallgrass": test_mixed.test_a_day_at_a_mixed_practice,
}


@pytest.mark.parametrize("practice", JOURNEYS)
def test_a_day(practice: str, system: Composed, stranger: Clinic) -> None:
    with closing(open_clinic(system, practice)) as clinic:
        JOURNEYS[practice](clinic, stranger)


def digests(system: Composed) -> dict[str, str]:
    """Return a hash of every row of each projection."""
    rows = "SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM {} t"
    return {name: system.rows("reporting", rows.format(name))[0][0] for name in service.projections}


def settled(system: Composed) -> dict[str, str]:
    """Return the digests once nothing arrives any more."""
    last, found = None, digests(system)
    deadline = time.monotonic() + 60
    while last != found:
        assert time.monotonic() < deadline, "reporting does not come to rest"
        time.sleep(3)
        last, found = found, digests(system)
    return found


def test_reports_are_made_anew_out_of_the_logs_of_all_owners(system: Composed) -> None:
    before = settled(system)
    assert len({*before.values()}) > 4, "all projections are empty, so that their digests say nothing"
    said = system.run("reporting-work", "python", "-m", "praxis_reporting", "rebuild")
    assert int(said.split()[0]) > 100, said
    assert settled(system) == before
