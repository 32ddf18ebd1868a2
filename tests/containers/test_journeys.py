"""The main job, played against the compose system: the same journeys as on one machine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest
from support.composed import Composed
from tests.journeys import test_animal, test_human, test_mixed
from tests.journeys.clinic import Clinic, open_clinic

JOURNEYS: dict[str, Callable[[Clinic, Clinic], None]] = {
    "harbor": test_human.test_a_day_at_a_medical_practice,
    "willow": test_animal.test_a_day_at_an_animal_hospital,
    "tallgrass": test_mixed.test_a_day_at_a_mixed_practice,
}


@pytest.mark.parametrize("practice", JOURNEYS)
def test_a_day(practice: str, system: Composed, stranger: Clinic) -> None:
    with closing(open_clinic(system, practice)) as clinic:
        JOURNEYS[practice](clinic, stranger)
