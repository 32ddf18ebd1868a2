"""Events of one practice, as the other services would tell them: visits, charges, payments and claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from praxis.billing.v1 import account_pb2, catalog_pb2, encounter_pb2, payment_pb2
from praxis.billing.v1 import events_pb2 as billing
from praxis.claims.v1 import claim_pb2, payer_pb2
from praxis.claims.v1 import events_pb2 as claims
from praxis.patients.v1 import events_pb2 as patients
from praxis.patients.v1 import party_pb2, patient_pb2, practice_pb2, practitioner_pb2
from praxis.scheduling.v1 import appointment_pb2, visit_pb2
from praxis.scheduling.v1 import events_pb2 as scheduling
from praxis.type.v1 import type_pb2
from praxis_chassis.types import Money, new_id

Told = tuple[str, Message]
CURRENCY = "USD"


def money(minor: int) -> type_pb2.Money:
    return type_pb2.Money(currency_code=CURRENCY, amount=Money(CURRENCY, minor).amount)


def at(text: str) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(datetime.fromisoformat(text).replace(tzinfo=UTC))
    return stamp


def name() -> str:
    return str(new_id())


@dataclass
class Practice:
    """Ids of a small practice; every method returns the events of one thing that happened, in order."""

    location: str = field(default_factory=name)
    practitioner: str = field(default_factory=name)
    patient: str = field(default_factory=name)
    party: str = field(default_factory=name)
    account: str = field(default_factory=name)
    payer: str = field(default_factory=name)
    item: str = field(default_factory=name)
    patient_name: str = "Canary Featherstone"

    def setup(self) -> list[Told]:
        location = practice_pb2.Location(id=self.location, name="Main Street", time_zone="America/Chicago")
        practitioner = practitioner_pb2.Practitioner(id=self.practitioner, display_name="Dr. Anna Lee")
        patient = patient_pb2.Patient(
            id=self.patient,
            chart_number="1001",
            display_name=self.patient_name,
            state=patient_pb2.PATIENT_STATE_ACTIVE,
            human=patient_pb2.HumanProfile(),
        )
        party = party_pb2.Party(id=self.party, display_name=self.patient_name)
        account = account_pb2.Account(id=self.account, number="A-1", party_id=self.party)
        payer = payer_pb2.Payer(id=self.payer, name="Blue Shield of Nowhere")
        item = catalog_pb2.CatalogItem(id=self.item, code="99213", name="Office visit", revenue_group="visit")
        return [
            (self.location, patients.LocationCreated(location=location)),
            (self.practitioner, patients.PractitionerCreated(practitioner=practitioner)),
            (self.patient, patients.PatientRegistered(patient=patient)),
            (self.party, patients.PartyCreated(party=party)),
            (self.account, billing.AccountOpened(account=account)),
            (self.payer, claims.PayerCreated(payer=payer)),
            (self.item, billing.CatalogItemCreated(catalog_item=item)),
        ]

    def encounter(self, charges: list[Charge], service_date: str = "2026-03-02") -> encounter_pb2.Encounter:
        """Charges posted at 11 in the evening in Chicago, which is the next day in UTC."""
        total = sum(charge.insurer + charge.account for charge in charges)
        return encounter_pb2.Encounter(
            id=name(),
            patient_id=self.patient,
            service_date=service_date,
            location_id=self.location,
            rendering_practitioner_id=self.practitioner,
            charges=[self._charge(charge) for charge in charges],
            state=encounter_pb2.ENCOUNTER_STATE_POSTED,
            total=money(total),
            posted_time=at("2026-03-03T05:00:00"),
        )

    def _charge(self, charge: Charge) -> encounter_pb2.Charge:
        amounts = [(self.payer, charge.insurer), ("", charge.account)]
        shares = [
            encounter_pb2.Share(id=name(), account_id=self.account, payer_id=payer, amount=money(minor))
            for payer, minor in amounts
            if minor or not payer
        ]
        total = money(charge.insurer + charge.account)
        return encounter_pb2.Charge(
            id=name(),
            catalog_item_id=self.item,
            procedure_code="99213",
            description=charge.description,
            units="1",
            gross=total,
            total=total,
            shares=shares,
        )

    def payment(self, minor: int, *, insurer: bool = False) -> payment_pb2.Payment:
        kind = payment_pb2.PAYER_KIND_INSURER if insurer else payment_pb2.PAYER_KIND_ACCOUNT
        return payment_pb2.Payment(
            id=name(),
            payer_kind=kind,
            account_id="" if insurer else self.account,
            payer_id=self.payer if insurer else "",
            method=payment_pb2.PAYMENT_METHOD_BANK_TRANSFER if insurer else payment_pb2.PAYMENT_METHOD_CARD,
            amount=money(minor),
            received_date="2026-03-02",
            location_id=self.location,
            state=payment_pb2.PAYMENT_STATE_POSTED,
            unapplied=money(minor),
            create_time=at("2026-03-02T17:00:00"),
        )

    def use(self, payment: payment_pb2.Payment, share: encounter_pb2.Share, minor: int) -> billing.PaymentAllocated:
        """The event of using a part of a payment for a share."""
        left = Money.parse(CURRENCY, payment.unapplied.amount).minor - minor
        payment.unapplied.CopyFrom(money(left))
        allocation = payment_pb2.Allocation(
            id=name(),
            share_id=share.id,
            amount=money(minor),
            account_id=share.account_id,
            payer_id=share.payer_id,
            patient_id=self.patient,
            effective_date="2026-03-02",
        )
        return billing.PaymentAllocated(payment=payment, allocations=[allocation])

    def adjustment(self, charge: encounter_pb2.Charge, share: encounter_pb2.Share, minor: int) -> Any:
        return payment_pb2.Adjustment(
            id=name(),
            share_id=share.id,
            charge_id=charge.id,
            patient_id=self.patient,
            account_id=share.account_id,
            payer_id=share.payer_id,
            reason=payment_pb2.ADJUSTMENT_REASON_CONTRACTUAL,
            amount=money(minor),
            effective_date="2026-03-02",
            state=payment_pb2.ADJUSTMENT_STATE_POSTED,
            create_time=at("2026-03-02T18:00:00"),
            update_time=at("2026-03-02T18:00:00"),
        )

    def claim(self, minor: int, state: claim_pb2.ClaimState.ValueType) -> claim_pb2.Claim:
        return claim_pb2.Claim(
            id=name(),
            claim_number="C1",
            patient_id=self.patient,
            payer_id=self.payer,
            coverage_rank=1,
            state=state,
            service_from_date="2026-03-02",
            charge_amount=money(minor),
            create_time=at("2026-03-02T18:00:00"),
            update_time=at("2026-03-02T18:00:00"),
        )

    def appointment(self, state: appointment_pb2.AppointmentState.ValueType) -> appointment_pb2.Appointment:
        return appointment_pb2.Appointment(
            id=name(),
            patient_id=self.patient,
            appointment_type_name="Check-up",
            location_id=self.location,
            practitioner_ids=[self.practitioner],
            state=state,
            local_date="2026-03-02",
            local_start="09:00",
            start_time=at("2026-03-02T15:00:00"),
            end_time=at("2026-03-02T15:30:00"),
            create_time=at("2026-02-20T15:00:00"),
        )

    def visit(self, appointment: appointment_pb2.Appointment) -> visit_pb2.Visit:
        return visit_pb2.Visit(
            id=name(),
            appointment_id=appointment.id,
            patient_id=self.patient,
            state=visit_pb2.VISIT_STATE_ROOMED,
            local_date="2026-03-02",
            arrive_time=at("2026-03-02T14:55:00"),
            room_time=at("2026-03-02T15:07:30"),
        )


@dataclass(frozen=True)
class Charge:
    """What the insurer and the account are responsible for at first, in minor units."""

    insurer: int
    account: int
    description: str = "Office visit"


def day_of(practice: Practice) -> list[Told]:
    """A whole day: one encounter of 200.00 that is mostly settled, one of 50.00 that is taken back, 30.00 unused."""
    return [*practice.setup(), *_money(practice), *_claims(practice), *_schedule(practice)]


def _money(practice: Practice) -> Iterator[Told]:
    encounter = practice.encounter([Charge(12000, 3000), Charge(0, 5000, "=HYPERLINK(1)")])
    first, second = encounter.charges
    insurer_share, copay_share = first.shares
    yield encounter.id, billing.EncounterPosted(encounter=encounter)
    card = practice.payment(9000)
    yield card.id, billing.PaymentReceived(payment=card)
    yield card.id, practice.use(card, copay_share, 3000)
    yield card.id, practice.use(card, second.shares[0], 3000)
    bank = practice.payment(8000, insurer=True)
    yield bank.id, billing.PaymentReceived(payment=bank)
    yield bank.id, practice.use(bank, insurer_share, 8000)
    off = practice.adjustment(first, insurer_share, 2500)
    yield off.id, billing.AdjustmentPosted(adjustment=off)
    yield encounter.id, _transferred(encounter, insurer_share, copay_share, 1000)
    wrong = practice.encounter([Charge(0, 5000)])
    yield wrong.id, billing.EncounterPosted(encounter=wrong)
    yield wrong.id, _reversed(wrong)


def _transferred(
    encounter: encounter_pb2.Encounter, source: encounter_pb2.Share, target: encounter_pb2.Share, minor: int
) -> billing.ResponsibilityTransferred:
    move = encounter_pb2.Transfer(
        from_share_id=source.id,
        from_account_id=source.account_id,
        from_payer_id=source.payer_id,
        to_share_id=target.id,
        to_account_id=target.account_id,
        amount=money(minor),
        effective_date="2026-03-02",
    )
    after = encounter_pb2.Encounter()
    after.CopyFrom(encounter)
    shares = {share.id: share for charge in after.charges for share in charge.shares}
    for share_id, sign in ((source.id, -1), (target.id, 1)):
        before = Money.parse(CURRENCY, shares[share_id].amount.amount).minor
        shares[share_id].amount.CopyFrom(money(before + sign * minor))
    return billing.ResponsibilityTransferred(encounter=after, transfers=[move])


def _reversed(encounter: encounter_pb2.Encounter) -> billing.EncounterReversed:
    after = encounter_pb2.Encounter()
    after.CopyFrom(encounter)
    after.state = encounter_pb2.ENCOUNTER_STATE_REVERSED
    after.reversed_time.CopyFrom(at("2026-03-03T15:00:00"))
    for charge in after.charges:
        for share in charge.shares:
            share.amount.CopyFrom(money(0))
    return billing.EncounterReversed(encounter=after, effective_date="2026-03-03")


def _claims(practice: Practice) -> Iterator[Told]:
    claim = practice.claim(15000, claim_pb2.CLAIM_STATE_DRAFT)
    yield claim.id, claims.ClaimCreated(claim=claim)
    before = claim.state
    claim.state = claim_pb2.CLAIM_STATE_READY
    claim.update_time.CopyFrom(at("2026-03-02T19:00:00"))
    yield claim.id, claims.ClaimReady(claim=claim, previous_state=before)


def _schedule(practice: Practice) -> Iterator[Told]:
    seen = practice.appointment(appointment_pb2.APPOINTMENT_STATE_BOOKED)
    yield seen.id, scheduling.AppointmentBooked(appointment=seen)
    yield seen.id, scheduling.AppointmentRescheduled(appointment=seen)
    visit = practice.visit(seen)
    yield visit.id, scheduling.VisitRoomed(visit=visit)
    missed = practice.appointment(appointment_pb2.APPOINTMENT_STATE_BOOKED)
    yield missed.id, scheduling.AppointmentBooked(appointment=missed)
    missed.state = appointment_pb2.APPOINTMENT_STATE_NO_SHOW
    yield missed.id, scheduling.AppointmentNoShowed(appointment=missed)
