"""Whom to write to about a patient, on which way, and what stands against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from praxis.patients.v1 import contact_preferences_pb2 as preferences
from praxis.patients.v1 import party_pb2, patient_pb2, practice_pb2
from praxis.scheduling.v1 import appointment_type_pb2
from praxis.scheduling.v1 import communication_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.context import context_of
from praxis_chassis.database import enum_words
from praxis_chassis.mapping import read_date
from praxis_chassis.sealing import blind_index
from praxis_scheduling.rules.quiet import QuietHours
from praxis_scheduling.rules.recipients import Answering, candidates
from praxis_scheduling.store.communications import Communication, ContactBlock, PartyCopy, PracticeCopy
from praxis_scheduling.store.models import PatientCopy

EMAIL, SMS = int(pb.COMMUNICATION_CHANNEL_EMAIL), int(pb.COMMUNICATION_CHANNEL_SMS)
BY_PERSON = (pb.COMMUNICATION_CHANNEL_PHONE, pb.COMMUNICATION_CHANNEL_LETTER)
SYSTEMS: dict[int, tuple[int, ...]] = {
    EMAIL: (type_pb2.Telecom.SYSTEM_EMAIL,),
    SMS: (type_pb2.Telecom.SYSTEM_MOBILE,),
    pb.COMMUNICATION_CHANNEL_PHONE: (type_pb2.Telecom.SYSTEM_MOBILE, type_pb2.Telecom.SYSTEM_PHONE),
}
CONTACT_CHANNELS: dict[int, int] = {
    EMAIL: preferences.CONTACT_CHANNEL_EMAIL,
    SMS: preferences.CONTACT_CHANNEL_SMS,
    pb.COMMUNICATION_CHANNEL_PHONE: preferences.CONTACT_CHANNEL_PHONE,
    pb.COMMUNICATION_CHANNEL_LETTER: preferences.CONTACT_CHANNEL_MAIL,
}
APPOINTMENTS, RECALLS = int(preferences.CONTACT_PURPOSE_APPOINTMENTS), int(preferences.CONTACT_PURPOSE_RECALLS)
PURPOSES: dict[int, int] = {
    pb.COMMUNICATION_KIND_RECALL: RECALLS,
    pb.COMMUNICATION_KIND_FOLLOW_UP: preferences.CONTACT_PURPOSE_CARE,
}
ROLES = enum_words(patient_pb2.ResponsibilityRole)[0]
LABELS = {EMAIL: "scheduling.email", SMS: "scheduling.sms"}


@dataclass(frozen=True, slots=True)
class Reach:
    """A recipient with the way to reach them, or what stands against every way."""

    channel: int
    party: PartyCopy | None = None
    address: str = ""
    problem: int = pb.COMMUNICATION_PROBLEM_UNSPECIFIED


def reach(
    session: Session, patient: PatientCopy, channels: Sequence[int], day: date, purpose: int = APPOINTMENTS
) -> Reach:
    """Return the first recipient and channel that can be used, else the first channel with its problem.

    What a recipient prefers goes before the order of the practice.
    """
    parties = recipients(session, patient, day)
    if not parties:
        return Reach(channels[0], problem=pb.COMMUNICATION_PROBLEM_NO_RECIPIENT)
    found = [_reached(session, party, channel, purpose) for party in parties for channel in _preferred(party, channels)]
    return next((item for item in found if not item.problem), found[0])


def recipients(session: Session, patient: PatientCopy, day: date) -> list[PartyCopy]:
    """Return the parties to write to about a patient, as far as scheduling knows them."""
    answering = [
        Answering(
            item.party_id, ROLES[item.role], item.share_basis_points,
            read_date(item.from_date, "from_date"), read_date(item.to_date, "to_date"),
        )
        for item in patient.responsibilities
    ]  # fmt: skip
    human = patient.kind == appointment_type_pb2.PATIENT_KIND_HUMAN
    wanted = [UUID(key) for key in candidates(answering, human=human, born=patient.birth_date, day=day)]
    query = select(PartyCopy).where(PartyCopy.id.in_(wanted), PartyCopy.erased.is_(False))
    known = {party.id: party for party in session.scalars(query)}
    return [known[key] for key in wanted if key in known]


def _preferred(party: PartyCopy, channels: Sequence[int]) -> list[int]:
    first = party.preferences.preferred_channel if party.preferences else 0
    return sorted(channels, key=lambda channel: CONTACT_CHANNELS[channel] != first)


def _reached(session: Session, party: PartyCopy, channel: int, purpose: int) -> Reach:
    if not _allowed(party, channel, purpose):
        return Reach(channel, party, problem=pb.COMMUNICATION_PROBLEM_OPTED_OUT)
    if channel == pb.COMMUNICATION_CHANNEL_LETTER:
        return Reach(channel, party)
    address = address_of(party, channel)
    if not address:
        return Reach(channel, party, problem=pb.COMMUNICATION_PROBLEM_NO_ADDRESS)
    return Reach(channel, party, address, block_of(session, channel, address))


def _allowed(party: PartyCopy, channel: int, purpose: int) -> bool:
    """Tell whether a party may be contacted; who never said anything may be, for everything that is sent here."""
    said = [item.channels for item in party.preferences.allowed if item.purpose == purpose] if party.preferences else []
    return not said or CONTACT_CHANNELS[channel] in said[0]


def address_of(party: PartyCopy, channel: int) -> str:
    """Return the party's address on a channel: one that was asked for in confidence, else the preferred one."""
    secret = list(party.preferences.confidential_telecoms) if party.preferences else []
    fitting = [item for item in secret or party.telecoms if item.system in SYSTEMS[channel]]
    fitting.sort(key=lambda item: (not item.preferred, SYSTEMS[channel].index(item.system)))
    return str(fitting[0].value) if fitting else ""


def language_of(party: PartyCopy) -> str:
    """Return the language that a party wants messages in, as far as it said one."""
    return (party.preferences.language if party.preferences else "") or party.language


def quiet_hours_of(
    party: PartyCopy | None, practice: QuietHours, zone: str, channel: int
) -> tuple[QuietHours, ZoneInfo]:
    """Return the quiet hours that count: of calls and texts those that the party asked for, where the party is."""
    said = party.preferences if party else None
    where = ZoneInfo((said.time_zone if said else "") or zone)
    if said is None or not said.quiet_from_time or channel == EMAIL:
        return practice, where
    return QuietHours.read(said.quiet_from_time, said.quiet_to_time), where


def purpose_of(kind: int) -> int:
    """Return what somebody is contacted for by a message of a kind."""
    return PURPOSES.get(kind, APPOINTMENTS)


def index_of(session: Session, channel: int, address: str) -> str:
    """Return the keyed digest that an address is known by."""
    return blind_index(session, LABELS[channel], address)


def block_of(session: Session, channel: int, address: str) -> int:
    """Return why an address is not written to on a channel, if there is a reason."""
    if channel not in LABELS:
        return pb.COMMUNICATION_PROBLEM_UNSPECIFIED
    key = (context_of(session).tenant, channel, index_of(session, channel, address))
    found = session.get(ContactBlock, key)
    return found.problem if found else pb.COMMUNICATION_PROBLEM_UNSPECIFIED


def block(session: Session, channel: int, address_index: str, problem: int, source: str) -> None:
    """Write down that an address is not written to any more."""
    values = {
        "tenant_id": context_of(session).tenant, "channel": channel, "address_index": address_index,
        "problem": problem, "source": source, "create_time": clock.now(session),
    }  # fmt: skip
    changed = {"problem": problem, "source": source}
    keys = [ContactBlock.tenant_id, ContactBlock.channel, ContactBlock.address_index]
    session.execute(insert(ContactBlock).values(values).on_conflict_do_update(index_elements=keys, set_=changed))


def unblock(session: Session, channel: int, address_index: str, problem: int) -> None:
    """Take back a block of one kind: who starts again has not mended an address that bounces."""
    mine = (ContactBlock.channel == channel, ContactBlock.address_index == address_index)
    session.execute(delete(ContactBlock).where(*mine, ContactBlock.problem == problem))


def copy_party(session: Session, party: party_pb2.Party) -> None:
    """Keep how somebody is reached; an erased party stays blank."""
    copy = _party(session, UUID(party.id))
    if not copy.erased:
        copy.patient_id = UUID(party.patient_id) if party.patient_id else None
        copy.display_name, copy.language, copy.telecoms = party.display_name, party.language, list(party.telecoms)


def copy_preferences(session: Session, said: preferences.ContactPreferences) -> None:
    """Keep how and for what somebody may be contacted, without the address of confidential letters, unused here."""
    copy = _party(session, UUID(said.party_id))
    if not copy.erased:
        kept = preferences.ContactPreferences()
        kept.CopyFrom(said)
        kept.ClearField("confidential_address")
        copy.preferences = kept


def _party(session: Session, party_id: UUID) -> PartyCopy:
    """Return the copy of a party; what is known of it may arrive in any order."""
    copy = session.get(PartyCopy, (context_of(session).tenant, party_id))
    if copy is None:
        copy = PartyCopy(id=party_id, display_name="", language="", telecoms=[], erased=False)
        session.add(copy)
    return copy


def copy_practice(session: Session, practice: practice_pb2.Practice) -> None:
    """Keep what messages say of a practice."""
    tenant, key = context_of(session).tenant, UUID(practice.id)
    session.merge(
        PracticeCopy(tenant_id=tenant, id=key, name=practice.name, phone=practice.phone, locale=practice.locale)
    )


def erase_party(session: Session, party_id: UUID) -> None:
    """Blank how somebody was reached and what was written to them; that they want no messages is kept as a digest."""
    copy = _party(session, party_id)
    ways = [*copy.telecoms, *(copy.preferences.confidential_telecoms if copy.preferences else ())]
    indexes = [
        index_of(session, channel, item.value) for channel in LABELS for item in ways if item.system in SYSTEMS[channel]
    ]
    copy.display_name, copy.language, copy.telecoms, copy.preferences, copy.erased = "", "", [], None, True
    session.flush()
    _blank(session, Communication.party_id == party_id)
    _blank(session, Communication.address_index.in_(indexes))


def erase_patient(session: Session, patient_id: UUID) -> None:
    """Blank what was written about a patient, and the patient's own party."""
    _blank(session, Communication.patient_id == patient_id)
    for party_id in session.scalars(select(PartyCopy.id).where(PartyCopy.patient_id == patient_id)).all():
        erase_party(session, party_id)


def _blank(session: Session, whose: object) -> None:
    """Take the words away; what had not left yet does not leave any more."""
    blank = {"address": "", "subject": "", "body": ""}
    session.execute(update(Communication).where(whose).values(**blank))  # type: ignore[arg-type]
    waiting = (pb.COMMUNICATION_STATE_QUEUED, pb.COMMUNICATION_STATE_TO_DO)
    gone = {
        "state": pb.COMMUNICATION_STATE_WITHDRAWN, "problem": pb.COMMUNICATION_PROBLEM_PATIENT_GONE, "is_open": False,
    }  # fmt: skip
    session.execute(update(Communication).where(whose, Communication.state.in_(waiting)).values(**gone))  # type: ignore[arg-type]
