"""A practice group with one practice and one location."""

from __future__ import annotations

import pytest
from support.patients_house import House

from praxis.patients.v1 import directory_service_pb2, practice_pb2
from praxis_chassis.testing import ServiceUnderTest


@pytest.fixture
def house(patients: ServiceUnderTest) -> House:
    """A fresh practice group in the United States."""
    tenant = patients.tenant()
    practice = practice_pb2.Practice(
        name="Elm Street", kind=practice_pb2.PRACTICE_KIND_MIXED, country_code="US", currency_code="USD", locale="en-US"
    )
    practice = tenant.call("CreatePractice", directory_service_pb2.CreatePracticeRequest(practice=practice))
    location = practice_pb2.Location(practice_id=practice.id, name="Main", time_zone="America/Chicago")
    location = tenant.call("CreateLocation", directory_service_pb2.CreateLocationRequest(location=location))
    return House(tenant, practice, location)
