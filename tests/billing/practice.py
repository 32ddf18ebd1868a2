"""A small practice as billing knows it: patients, owners, coverages and prices that arrived as events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from praxis.billing.v1 import (
    account_service_pb2,
    catalog_pb2,
    catalog_service_pb2,
    encounter_pb2,
    encounter_service_pb2,
    ledger_service_pb2,
    payment_pb2,
    payment_service_pb2,
)
from praxis.claims.v1 import events_pb2 as claims
from praxis.claims.v1 import payer_pb2, remittance_pb2
from praxis.patients.v1 import coverage_pb2, party_pb2, patient_pb2, practice_pb2, practitioner_pb2
from praxis.patients.v1 import events_pb2 as patients
from praxis.type.v1 import type_pb2
from praxis_chassis.testing import ServiceUnderTest, TenantUnderTest
from praxis_chassis.types import new_id

TODAY = datetime.now(UTC).date() - timedelta(days=1)
PRACTITIONER = "0190a6d0-7b1c-7c3e-9d7e-2f4b5a6c7d01"


def usd(amount: str) -> type_pb2.Money:
    return type_pb2.Money(currency_code="USD", amount=amount)


@dataclass
class Practice:
    """One tenant with a location, a payer and a short price list."""

    tenant: TenantUnderTest
    location: str = field(default_factory=lambda: str(new_id()))
    payer: str = field(default_factory=lambda: str(new_id()))
    second_payer: str = field(default_factory=lambda: str(new_id()))
    items: dict[str, str] = field(default_factory=dict)
    uninsured: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, billing: ServiceUnderTest) -> Practice:
        """Open a practice with everything that a checkout needs."""
        practice = cls(billing.tenant())
        practice._set_up()
        practice._price_list()
        return practice

    def _set_up(self) -> None:
        practice_id = str(new_id())
        head = practice_pb2.Practice(
            id=practice_id,
            name="Harbor Family & Pet Clinic",
            phone="(503) 555-0142",
            currency_code="USD",
            country_code="US",
            locale="en-US",
            billing_address=type_pb2.Address(
                lines=["220 Dockside Ave"], city="Portland", state="OR", postal_code="97209"
            ),
        )
        self.tenant.receive(patients.PracticeCreated(practice=head), practice_id)
        place = practice_pb2.Location(
            id=self.location,
            practice_id=practice_id,
            name="Main",
            time_zone="America/Los_Angeles",
            place_of_service_code="11",
        )
        self.tenant.receive(patients.LocationCreated(location=place), self.location)
        self.tenant.receive(
            patients.PractitionerCreated(practitioner=practitioner_pb2.Practitioner(id=PRACTITIONER)), PRACTITIONER
        )
        for payer, name in ((self.payer, "Acme Health"), (self.second_payer, "Beta Mutual")):
            self.tenant.receive(claims.PayerCreated(payer=payer_pb2.Payer(id=payer, name=name)), payer)

    def _price_list(self) -> None:
        self.items = {
            "99213": self.item("99213", "Office visit", catalog_pb2.SECTOR_HUMAN, "visits"),
            "85025": self.item("85025", "Complete blood count", catalog_pb2.SECTOR_ALL, "lab"),
            "RABIES": self.item("RABIES", "Rabies vaccine", catalog_pb2.SECTOR_ANIMAL, "products", "standard"),
        }
        self.schedule({"99213": "100.00", "85025": "25.50", "RABIES": "33.33"})

    def item(self, code: str, name: str, sector: int, group: str, tax_class: str = "") -> str:
        """Add an item and return its id."""
        item = catalog_pb2.CatalogItem(
            kind=catalog_pb2.ITEM_KIND_SERVICE,
            name=name,
            code_system=catalog_pb2.CODE_SYSTEM_CPT if code.isdigit() else catalog_pb2.CODE_SYSTEM_INTERNAL,
            code=code,
            revenue_group=group,
            tax_class=tax_class,
            sector=sector,  # type: ignore[arg-type]
        )
        request = catalog_service_pb2.CreateCatalogItemRequest(catalog_item=item)
        return str(self.tenant.call("CreateCatalogItem", request).id)

    def schedule(self, prices: dict[str, str], **conditions: str) -> Any:
        """Add a fee schedule."""
        fees = [catalog_pb2.Fee(catalog_item_id=self.items[code], amount=usd(price)) for code, price in prices.items()]
        conditions.setdefault("start_date", "2020-01-01")
        schedule = catalog_pb2.FeeSchedule(name="Prices", fees=fees, **conditions)  # type: ignore[arg-type]
        return self.tenant.call(
            "CreateFeeSchedule", catalog_service_pb2.CreateFeeScheduleRequest(fee_schedule=schedule)
        )

    def tax(self, percent: str, *, inclusive: bool) -> None:
        """Add a tax on products for animals."""
        rate = catalog_pb2.TaxRate(
            name="Sales tax",
            jurisdiction="US-XX",
            tax_class="standard",
            sector=catalog_pb2.SECTOR_ANIMAL,
            percent=percent,
            inclusive=inclusive,
            start_date="2020-01-01",
        )
        self.tenant.call("CreateTaxRate", catalog_service_pb2.CreateTaxRateRequest(tax_rate=rate))

    def party(self, name: str) -> str:
        """Let a party arrive and return its id."""
        party_id = str(new_id())
        home = type_pb2.Address(lines=["81 Cedar Street"], city="Portland", state="OR", postal_code="97214")
        party = party_pb2.Party(id=party_id, display_name=name, addresses=[home])
        self.tenant.receive(patients.PartyCreated(party=party), party_id)
        return party_id

    def human(self, name: str = "Rosa Alvarez") -> str:
        """Register a person who pays for himself and return the patient's id."""
        patient_id, party = str(new_id()), self.party(name)
        profile = patient_pb2.HumanProfile(party_id=party)
        patient = patient_pb2.Patient(
            id=patient_id, display_name=name, human=profile, responsibilities=[pays(party, 10_000)]
        )
        self.tenant.receive(patients.PatientRegistered(patient=patient), patient_id)
        self.uninsured.add(patient_id)
        return patient_id

    def animal(self, *shares: int, name: str = "Biscuit") -> str:
        """Register an animal with owners by basis points and return its id."""
        patient_id = str(new_id())
        owners = [pays(self.party(f"Owner {place}"), share) for place, share in enumerate(shares, 1)]
        patient = patient_pb2.Patient(
            id=patient_id, display_name=name, animal=patient_pb2.AnimalProfile(name=name), responsibilities=owners
        )
        self.tenant.receive(patients.PatientRegistered(patient=patient), patient_id)
        return patient_id

    def cover(
        self, patient: str, *, payer: str = "", rank: int = 1, copay: str = "", to_date: str = "", cause: str = ""
    ) -> str:
        """Add a coverage and return its id."""
        coverage_id = str(new_id())
        coverage = coverage_pb2.Coverage(
            id=coverage_id,
            patient_id=patient,
            kind=coverage_pb2.COVERAGE_KIND_MEDICAL,
            payer_id=payer or self.payer,
            rank=rank,
            member_id="M1",
            copay=usd(copay) if copay else None,
            to_date=to_date,
            related_cause_id=cause,
        )
        self.tenant.receive(patients.CoverageAdded(coverage=coverage), coverage_id)
        self.uninsured.discard(patient)
        return coverage_id

    def encounter(self, patient: str, *codes: str, **more: Any) -> encounter_pb2.Encounter:
        """Return an encounter to post."""
        charges = [encounter_pb2.Charge(procedure_code=code, diagnosis_pointers=[1]) for code in codes]
        values: dict[str, Any] = {
            "patient_id": patient,
            "service_date": TODAY.isoformat(),
            "location_id": self.location,
            "rendering_practitioner_id": PRACTITIONER,
            "diagnoses": ["J06.9"],
            "charges": charges,
            "self_pay": patient in self.uninsured,
        }
        return encounter_pb2.Encounter(**(values | more))

    def post(self, patient: str, *codes: str, **more: Any) -> encounter_pb2.Encounter:
        """Post an encounter."""
        request = encounter_service_pb2.CreateEncounterRequest(encounter=self.encounter(patient, *codes, **more))
        posted: encounter_pb2.Encounter = self.tenant.call("CreateEncounter", request)
        return posted

    def read(self, encounter: encounter_pb2.Encounter) -> encounter_pb2.Encounter:
        """Read an encounter with the present figures of its shares."""
        request = encounter_service_pb2.GetEncounterRequest(id=encounter.id)
        found: encounter_pb2.Encounter = self.tenant.call("GetEncounter", request)
        return found

    def account_of(self, patient: str) -> Any:
        """Return the first account that pays for a patient."""
        request = account_service_pb2.ListAccountsRequest(patient_id=patient)
        return self.tenant.call("ListAccounts", request).accounts[0]

    def account(self, account_id: str) -> Any:
        """Return an account."""
        return self.tenant.call("GetAccount", account_service_pb2.GetAccountRequest(id=account_id))

    def pay(self, account: str, amount: str, **more: Any) -> payment_pb2.Payment:
        """Record a payment of an account."""
        values: dict[str, Any] = {
            "payer_kind": payment_pb2.PAYER_KIND_ACCOUNT,
            "account_id": account,
            "method": payment_pb2.PAYMENT_METHOD_CARD,
            "amount": usd(amount),
        }
        request = payment_service_pb2.CreatePaymentRequest(payment=payment_pb2.Payment(**(values | more)))
        payment: payment_pb2.Payment = self.tenant.call("CreatePayment", request)
        return payment

    def balance(self, account: str, as_of: date | None = None) -> Any:
        """Return what an account owes."""
        day = as_of.isoformat() if as_of else ""
        return self.tenant.call(
            "GetAccountBalance", account_service_pb2.GetAccountBalanceRequest(id=account, as_of_date=day)
        )

    def prove(self) -> None:
        """Check every reconciliation; the figures must agree at any moment."""
        found = self.tenant.call("GetReconciliation", ledger_service_pb2.GetReconciliationRequest())
        assert found.passed, [check for check in found.checks if not check.passed]

    def remit(
        self,
        *postings: remittance_pb2.ClaimPosting,
        payment: str,
        taken: str = "0.00",
        paid: str = "",
        day: date = TODAY,
    ) -> str:
        """Let a remittance arrive and return its id."""
        remittance_id = str(new_id())
        adjustments = [remittance_pb2.ProviderAdjustment(reason_code="WO", amount=usd(taken))] if float(taken) else []
        remittance = remittance_pb2.Remittance(
            id=remittance_id,
            payer_id=self.payer,
            trace_number="T1",
            payment_date=day.isoformat(),
            payment_method_code="ACH",
            payment_amount=usd(payment),
            paid_amount=usd(paid or f"{float(payment) + float(taken):.2f}"),
            provider_adjustment_amount=usd(taken),
            provider_adjustments=adjustments,
        )
        event = claims.RemittanceReady(
            remittance=remittance, postings=postings, provider_adjustments=adjustments, part_number=1, part_count=1
        )
        self.tenant.receive(event, remittance_id)
        self.last_remittance = event
        return remittance_id


def pays(party: str, basis_points: int, **dates: str) -> patient_pb2.Responsibility:
    """Return that a party pays a part of a patient's bills, between dates."""
    owner = patient_pb2.RESPONSIBILITY_ROLE_OWNER
    return patient_pb2.Responsibility(party_id=party, role=owner, share_basis_points=basis_points, **dates)


ACTIONS = {
    "CO": remittance_pb2.ADJUSTMENT_ACTION_CONTRACTUAL,
    "PR": remittance_pb2.ADJUSTMENT_ACTION_TRANSFER_TO_NEXT,
    "PI": remittance_pb2.ADJUSTMENT_ACTION_LEAVE_OPEN,
    "OA": remittance_pb2.ADJUSTMENT_ACTION_INFORMATION,
}


def decided(
    encounter: encounter_pb2.Encounter, coverage: str, *lines: tuple[str, dict[str, str]], undoes: str = ""
) -> remittance_pb2.ClaimPosting:
    """Return what an insurer decided: for each charge what it paid and why no more."""
    charges = [
        remittance_pb2.ChargePosting(
            charge_id=charge.id,
            paid_amount=usd(paid),
            adjustments=[
                remittance_pb2.RemittanceAdjustment(
                    group_code=group, reason_code="45", amount=usd(amount), action=ACTIONS[group]
                )
                for group, amount in reasons.items()
            ],
        )
        for charge, (paid, reasons) in zip(encounter.charges, lines, strict=False)
    ]
    kinds = (remittance_pb2.CLAIM_POSTING_KIND_PAYMENT, remittance_pb2.CLAIM_POSTING_KIND_REVERSAL)
    return remittance_pb2.ClaimPosting(
        remittance_claim_id=str(new_id()),
        kind=kinds[bool(undoes)],
        claim_id=str(UUID(int=UUID(encounter.id).int ^ 1)),
        encounter_id=encounter.id,
        patient_id=encounter.patient_id,
        coverage_id=coverage,
        charges=charges,
        paid_amount=usd(f"{sum(float(paid) for paid, _ in lines):.2f}"),
        reverses_remittance_claim_id=undoes,
    )


def amounts(encounter: encounter_pb2.Encounter) -> list[list[tuple[str, str]]]:
    """Return each charge's shares as (who, amount)."""
    return [
        [("insurer" if share.payer_id else "account", share.amount.amount) for share in charge.shares]
        for charge in encounter.charges
    ]


def open_amounts(encounter: encounter_pb2.Encounter) -> dict[str, str]:
    """Return what is open by who is responsible, over all charges."""
    sums: dict[str, int] = {}
    for charge in encounter.charges:
        for share in charge.shares:
            who = f"insurer {share.rank}" if share.payer_id else "account"
            sums[who] = sums.get(who, 0) + round(float(share.open.amount) * 100)
    return {who: f"{minor / 100:.2f}" for who, minor in sums.items()}
