"""A small practice with two providers, two rooms and a machine, as scheduling sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from tests.support.mail_server import MailServer, mail_server
from tests.support.platform import Platform
from tests.support.sms_provider import Texts, sms_provider

from praxis.patients.v1 import events_pb2 as patients_events
from praxis.patients.v1 import patient_pb2, practice_pb2, practitioner_pb2
from praxis.scheduling.v1 import (
    appointment_pb2,
    appointment_service_pb2,
    appointment_type_pb2,
    appointment_type_service_pb2,
    resource_pb2,
    resource_service_pb2,
    template_pb2,
    template_service_pb2,
)
from praxis.type.v1 import type_pb2
from praxis_chassis.mapping import instant
from praxis_chassis.messaging import Worker
from praxis_chassis.testing import Refused, ServiceUnderTest, TenantUnderTest
from praxis_scheduling.rules.hours import instant_of, minute_of_day
from praxis_scheduling.service import service

ZONE = ZoneInfo("America/Chicago")
WEEKDAYS = range(1, 6)


@dataclass
class Practice:
    """A tenant with a location in Chicago; days are counted from a Monday about two weeks ahead."""

    tenant: TenantUnderTest
    monday: date
    location: str = field(default_factory=lambda: str(uuid4()))

    def call(self, name: str, request: Any, **options: Any) -> Any:
        return self.tenant.call(name, request, **options)

    def at(self, wall: str, day: int = 0) -> datetime:
        return instant_of(self.monday + timedelta(days=day), minute_of_day(wall), ZONE)

    def now(self) -> datetime:
        """Return this minute: who comes to the door has an appointment today."""
        return datetime.now(UTC).replace(second=0, microsecond=0)

    def patient(self, name: str = "Ada Lovelace") -> str:
        key = str(uuid4())
        human = patient_pb2.HumanProfile(name=type_pb2.PersonName(family=name))
        patient = patient_pb2.Patient(id=key, display_name=name, human=human)
        self.tenant.receive(patients_events.PatientRegistered(patient=patient), key)
        return key

    def practitioner(self, name: str) -> str:
        key = str(uuid4())
        known = practitioner_pb2.Practitioner(id=key, display_name=name)
        self.tenant.receive(patients_events.PractitionerCreated(practitioner=known), key)
        return key

    def resource(self, name: str, kind: Any = resource_pb2.RESOURCE_KIND_PROVIDER, **more: Any) -> Any:
        provider = kind == resource_pb2.RESOURCE_KIND_PROVIDER
        resource = resource_pb2.Resource(
            name=name,
            kind=kind,
            location_id=more.pop("location_id", self.location),
            practitioner_id=self.practitioner(name) if provider else "",
            **more,
        )
        return self.call("CreateResource", resource_service_pb2.CreateResourceRequest(resource=resource))

    def open_provider(self, name: str = "Dr Lee", hours: tuple[str, str] = ("08:00", "17:00"), **more: Any) -> Any:
        resource = self.resource(name, **more)
        self.template(resource.id, [block(day, *hours) for day in WEEKDAYS])
        return resource

    def template(self, resource_id: str, blocks: list[Any], since: str = "2026-01-01", until: str = "") -> Any:
        template = template_pb2.Template(
            resource_id=resource_id, valid_from_date=since, valid_until_date=until, blocks=blocks
        )
        return self.call("CreateTemplate", template_service_pb2.CreateTemplateRequest(template=template))

    def type(self, name: str = "Check", minutes: int = 30, **more: Any) -> Any:
        more.setdefault("channels", [appointment_type_pb2.CHANNEL_BOOKING])
        kind = appointment_type_pb2.AppointmentType(name=name, duration_minutes=minutes, **more)
        request = appointment_type_service_pb2.CreateAppointmentTypeRequest(appointment_type=kind)
        return self.call("CreateAppointmentType", request)

    def book(self, kind: Any, start: datetime, *resources: Any, patient: str = "", **more: Any) -> Any:
        options = {name: more.pop(name) for name in ("permissions", "key", "locale") if name in more}
        appointment = appointment_pb2.Appointment(
            patient_id=patient or self.patient(),
            appointment_type_id=kind.id,
            location_id=more.pop("location_id", self.location),
            start_time=instant(start),
            resource_ids=[resource.id for resource in resources],
            **more,
        )
        request = appointment_service_pb2.CreateAppointmentRequest(appointment=appointment)
        return self.call("CreateAppointment", request, **options)

    def slots(self, kind: Any, start: datetime, until: datetime, **more: Any) -> list[Any]:
        request = appointment_service_pb2.FindSlotsRequest(
            appointment_type_id=kind.id, from_time=instant(start), until_time=instant(until), **more
        )
        return list(self.call("FindSlots", request).slots)


def block(weekday: Any, start: str, end: str, kind: Any = template_pb2.BLOCK_KIND_OPEN, **more: Any) -> Any:
    return template_pb2.Block(weekday=weekday, local_start=start, local_end=end, kind=kind, **more)


def alternatives(refused: Refused) -> list[str]:
    """Return the local starts that a refusal offers."""
    from praxis.scheduling.v1 import errors_pb2

    detail = errors_pb2.SlotAlternatives()
    assert refused.others[0].Unpack(detail)
    return [slot.local_start for slot in detail.slots]


@pytest.fixture
def practice(scheduling: ServiceUnderTest) -> Practice:
    return open_practice(scheduling)


def open_practice(scheduling: ServiceUnderTest) -> Practice:
    """Return a fresh practice with one location."""
    today = datetime.now(UTC).astimezone(ZONE).date()
    practice = Practice(scheduling.tenant(), today + timedelta(days=14 + (7 - today.weekday()) % 7))
    location = practice_pb2.Location(id=practice.location, name="Main", time_zone=ZONE.key)
    practice.tenant.receive(patients_events.LocationCreated(location=location), practice.location)
    return practice


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mail")) as server:
        yield server


@pytest.fixture(scope="module")
def texts() -> Iterator[Texts]:
    with sms_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def house(scheduling: ServiceUnderTest, platform: Platform, mail: MailServer, texts: Texts) -> Iterator[Any]:
    """The service with ways of sending; its work is done when a test says so, and by nobody else meanwhile."""
    assert scheduling.worker is not None
    scheduling.worker.stop()
    more = {**mail.settings, "sms_url": texts.url, "public_url": "https://front.example"}
    under = ServiceUnderTest(
        service, platform.settings(service.settings, "scheduling", **more), platform.private_key, work=False
    )
    yield under
    under.close()
    scheduling.worker = Worker(scheduling.runtime)
    scheduling.worker.start()


@pytest.fixture
def writer(house: ServiceUnderTest, mail: MailServer, texts: Texts) -> Any:
    """A practice that writes to people."""
    from tests.scheduling.messaging import writer_of  # which is made of what stands above

    return writer_of(house, mail, texts)
