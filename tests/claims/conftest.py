"""A practice that claims knows, fresh for every test."""

from __future__ import annotations

import pytest
from tests.claims.builders import Practice

from praxis_chassis.testing import ServiceUnderTest


@pytest.fixture
def practice(claims: ServiceUnderTest) -> Practice:
    """A practice with a payer and nothing else told yet."""
    practice = Practice(claims.tenant())
    practice.add_payer()
    return practice
