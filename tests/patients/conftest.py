"""A practice group with one practice and one location."""

from __future__ import annotations

import pytest
from support.patients_house import House

from praxis_chassis.testing import ServiceUnderTest


@pytest.fixture
def house(patients: ServiceUnderTest) -> House:
    """A fresh practice group in the United States."""
    return House.founded(patients.tenant())
