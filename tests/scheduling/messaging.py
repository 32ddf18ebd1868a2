"""A practice that writes to people, through a real mail server and a provider of text messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from tests.scheduling.conftest import ZONE, Practice
from tests.support.mail_server import MailServer
from tests.support.sms_provider import ACCOUNT, SECRET, Texts

from praxis.operations.v1 import operations_service_pb2
from praxis.patients.v1 import events_pb2 as patients
from praxis.patients.v1 import party_pb2, patient_pb2, practice_pb2
from praxis.scheduling.v1 import communication_pb2 as pb
from praxis.scheduling.v1 import communication_service_pb2, reminder_plan_service_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis import events
from praxis_chassis.testing import ServiceUnderTest
from praxis_scheduling import jobs

EMAIL, SMS = pb.COMMUNICATION_CHANNEL_EMAIL, pb.COMMUNICATION_CHANNEL_SMS
PHONE, LETTER = pb.COMMUNICATION_CHANNEL_PHONE, pb.COMMUNICATION_CHANNEL_LETTER
DAY = 24 * 60
NUMBER = "+17855550100"


@dataclass
class Writer(Practice):
    """A practice whose clock is moved, and that plans and sends when it is told."""

    mail: MailServer | None = None
    texts: Texts | None = None
    moved: timedelta = timedelta(0)

    def settle_in(self) -> None:
        """Be a practice with a name, whose clock stands at noon today."""
        practice = practice_pb2.Practice(id=str(uuid4()), name="Elm Street Clinic", locale="en-US")
        self.tenant.receive(patients.PracticeCreated(practice=practice), practice.id)
        place = practice_pb2.Location(
            id=self.location, name="Elm Street", time_zone=ZONE.key, practice_id=practice.id, phone="+17855550101"
        )
        self.tenant.receive(patients.LocationUpdated(location=place), self.location)
        noon = datetime.now(ZONE).replace(hour=12, minute=0, second=0, microsecond=0)
        self.clock_at(noon)

    def clock_at(self, moment: datetime) -> None:
        self.moved = moment - datetime.now(UTC)
        offset = operations_service_pb2.SetClockOffsetRequest(offset_seconds=int(self.moved.total_seconds()))
        self.call("SetClockOffset", offset, kind="system")

    def party(self, *, email: str = "", mobile: str = "", language: str = "", patient: str = "", key: str = "") -> str:
        party = party_pb2.Party(
            id=key or str(uuid4()), display_name="Ada Lovelace", language=language, patient_id=patient
        )
        if email:
            party.telecoms.add(system=type_pb2.Telecom.SYSTEM_EMAIL, value=email)
        if mobile:
            party.telecoms.add(system=type_pb2.Telecom.SYSTEM_MOBILE, value=mobile)
        self.tenant.receive(patients.PartyCreated(party=party), party.id)
        return party.id

    def adult(self, name: str = "Ada Lovelace", born: str = "1984-03-09", **ways: str) -> str:
        key = str(uuid4())
        party = self.party(patient=key, **ways)
        given, _, family = name.partition(" ")
        name_of = type_pb2.PersonName(given=[given], family=family)
        profile = patient_pb2.HumanProfile(name=name_of, birth_date=born)
        self.register(patient_pb2.Patient(id=key, display_name=name, human=profile), {party: "SELF"})
        return key

    def animal(self, owners: dict[str, str], name: str = "Rex", born: str = "", species: str = "dog") -> str:
        profile = patient_pb2.AnimalProfile(name=name, species_code=species, birth_date=born)
        patient = patient_pb2.Patient(id=str(uuid4()), display_name=name, animal=profile)
        self.register(patient, owners)
        return patient.id

    def register(self, patient: patient_pb2.Patient, answering: dict[str, str]) -> None:
        patient.state = patient_pb2.PATIENT_STATE_ACTIVE
        for party, role in answering.items():
            number = patient_pb2.ResponsibilityRole.Value(f"RESPONSIBILITY_ROLE_{role}")
            patient.responsibilities.add(party_id=party, role=number, party_display_name="Ada Lovelace")
        self.tenant.receive(patients.PatientRegistered(patient=patient), patient.id)

    def plan(self, *planned: tuple[int, int], channels: tuple[int, ...] = (EMAIL,), **more: Any) -> pb.ReminderPlan:
        items = [pb.PlannedCommunication(kind=kind, offset_minutes=offset) for kind, offset in planned]
        template = more.pop("template_name", "")
        for item in items:
            item.template_name = template
        plan = pb.ReminderPlan(name="Usual", channels=channels, communications=items, **more)
        request = reminder_plan_service_pb2.CreateReminderPlanRequest(reminder_plan=plan)
        reply: pb.ReminderPlan = self.call("CreateReminderPlan", request)
        return reply

    def settings(self, **values: Any) -> pb.CommunicationSettings:
        request = reminder_plan_service_pb2.UpdateCommunicationSettingsRequest(
            communication_settings=pb.CommunicationSettings(**values), update_mask={"paths": list(values)}
        )
        reply: pb.CommunicationSettings = self.call("UpdateCommunicationSettings", request)
        return reply

    def with_texts(self, **more: Any) -> None:
        self.settings(sms_from=NUMBER, sms_account=ACCOUNT, sms_secret=SECRET, **more)

    def work(self, times: int = 1) -> None:
        """Do what the work process does every two seconds."""
        for _ in range(times):
            with self.tenant.session() as session:
                jobs.communicate(session)
                events.store_recorded(session)

    def sent(self, **filters: Any) -> list[pb.Communication]:
        """Return the communications in order of their due time."""
        request = communication_service_pb2.ListCommunicationsRequest(**filters)
        return list(reversed(self.call("ListCommunications", request).communications))

    def states(self, **filters: Any) -> list[str]:
        return [pb.CommunicationState.Name(item.state)[20:].lower() for item in self.sent(**filters)]

    def resolve(self, item: pb.Communication, decision: Any) -> pb.Communication:
        request = communication_service_pb2.ResolveCommunicationRequest(id=item.id, decision=decision)
        reply: pb.Communication = self.call("ResolveCommunication", request)
        return reply


def writer_of(house: ServiceUnderTest, mail: MailServer | None, texts: Texts | None) -> Writer:
    """Return a fresh practice in Chicago."""
    today = datetime.now(UTC).astimezone(ZONE).date()
    writer = Writer(house.tenant(), today + timedelta(days=14 + (7 - today.weekday()) % 7), mail=mail, texts=texts)
    place = practice_pb2.Location(id=writer.location, name="Main", time_zone=ZONE.key)
    writer.tenant.receive(patients.LocationCreated(location=place), writer.location)
    writer.settle_in()
    return writer
