"""Writes the 835 of one payment; what a scenario breaks is broken here and nowhere else."""

import hashlib
from dataclasses import dataclass, field

from chsim.adjudication import Decision, LineDecision
from chsim.money import amount
from chsim.x12 import Stamp, Writer

VERSION_835 = "005010X221A1"
_INTEREST = 1_50
_TAKEBACK = 10_00
_WRONG = 1_00
# The 835 knows fewer kinds of insurance than the 837.
_FILING = {"CI": "15", "BL": "12", "": "ZZ", "10": "ZZ", "11": "ZZ", "17": "ZZ", "FI": "ZZ", "MA": "MA"}
_GROUPS = ("CO", "OA", "PI", "PR")


@dataclass
class Payment:
    """One payment of one payer to one provider for the claims of one inbound interchange."""

    trace: str
    decisions: list[Decision] = field(default_factory=list)

    @property
    def scenario(self) -> str:
        """What is done to the whole payment; nothing for an ordinary one."""
        return self.decisions[0].scenario.payment

    @property
    def claims_paid(self) -> int:
        """Sum of the claim payments."""
        return sum(decision.paid for decision in self.decisions)

    @property
    def provider_adjustment(self) -> tuple[str, int]:
        """PLB code and cents; a positive amount takes money away."""
        if self.scenario == "INTEREST-L6":
            return "L6", -_INTEREST
        if self.scenario == "TAKEBACK-WO":
            return "WO", min(_TAKEBACK, self.claims_paid)
        return "", 0

    @property
    def paid(self) -> int:
        """What the bank moves."""
        return self.claims_paid - self.provider_adjustment[1]


def body_835(payment: Payment, stamp: Stamp) -> list[str]:
    """Everything between ST and SE."""
    writer = Writer()
    _add_payment(writer, payment, stamp)
    _add_parties(writer, payment)
    writer.add("LX", "1")
    for decision in payment.decisions:
        _add_claim(writer, decision)
    code, value = payment.provider_adjustment
    if value:
        provider = payment.decisions[0].claim.provider.name.id
        writer.add("PLB", provider, f"{stamp.date[:4]}1231", (code, payment.trace), amount(value))
    return writer.lines


def _add_payment(writer: Writer, payment: Payment, stamp: Stamp) -> None:
    stated = payment.paid + (_WRONG if payment.scenario == "UNBAL-TX" else 0)
    payer_tax = _payer_tax_id(payment)
    if stated:
        bank = ("CCP", "01", "999999992", "DA", "1000001", payer_tax, "", "01", "999988880", "DA", "2000002")
        writer.add("BPR", "I", amount(stated), "C", "ACH", *bank, stamp.date)
    else:
        writer.add("BPR", "H", "0", "C", "NON", *[""] * 11, stamp.date)
    writer.add("TRN", "1", payment.trace, payer_tax)
    writer.add("DTM", "405", stamp.date)


def _payer_tax_id(payment: Payment) -> str:
    payer = payment.decisions[0].claim.payer.id
    return "1" + str(int(hashlib.sha256(payer.encode()).hexdigest()[:12], 16) % 900_000_000 + 100_000_000)


def _add_parties(writer: Writer, payment: Payment) -> None:
    claim = payment.decisions[0].claim
    writer.add("N1", "PR", claim.payer.last)
    writer.add("N3", "1 SIMULATED PLAZA")
    writer.add("N4", "HARTFORD", "CT", "06103")
    writer.add("REF", "2U", claim.payer.id)
    writer.add("PER", "BL", "PROVIDER SERVICES", "TE", "8005550100")
    provider = claim.provider
    writer.add("N1", "PE", provider.name.last, provider.name.id_qualifier or "XX", provider.name.id)
    writer.add("N3", provider.street)
    writer.add("N4", *provider.place)
    if provider.tax_id:
        writer.add("REF", "TJ", provider.tax_id)


def _add_claim(writer: Writer, decision: Decision) -> None:
    claim = decision.claim
    filing = _FILING.get(claim.filing, claim.filing)
    owed = amount(decision.patient_responsibility) if decision.patient_responsibility else ""
    sums = (amount(claim.charge), amount(decision.paid), owed)
    payer_facts = (filing, decision.control_number, claim.place, claim.frequency)
    writer.add("CLP", claim.number, decision.status, *sums, *payer_facts)
    patient, member = claim.patient, claim.subscriber
    writer.add("NM1", "QC", "1", patient.last, patient.first, "", "", "", *(("MI", member.id) if member.id else ()))
    if patient is not member:
        writer.add("NM1", "IL", member.kind, member.last, member.first, "", "", "", "MI", member.id)
    if claim.rendering and claim.rendering.id and claim.rendering.id_qualifier == "XX":
        rendering = claim.rendering
        writer.add("NM1", "82", rendering.kind, rendering.last, rendering.first, "", "", "", "XX", rendering.id)
    for number, line in enumerate(decision.lines, start=1):
        _add_line(writer, decision.scenario.name, line, first=number == 1)


def _add_line(writer: Writer, scenario: str, decision: LineDecision, first: bool) -> None:
    line = decision.line
    charge = line.charge + (_WRONG if scenario == "UNBAL-LINE" and first else 0)
    recoded = scenario == "RECODE" and first
    procedure = (line.procedure[0], "99499") if recoded else line.procedure
    original: tuple[str, ...] = line.procedure if recoded else ()
    units = "" if line.units == "1" else line.units
    writer.add("SVC", procedure, amount(charge), amount(decision.paid), "", units, original)
    if line.date:
        writer.add("DTM", "472", line.date)
    _add_adjustments(writer, decision, spoil=scenario == "UNBAL-CLAIM" and first)
    if line.control and scenario != "NO6R":
        writer.add("REF", "6R", line.control)
    if decision.allowed:
        writer.add("AMT", "B6", amount(decision.allowed))


def _add_adjustments(writer: Writer, decision: LineDecision, spoil: bool) -> None:
    for group in _GROUPS:
        found = [(item.reason, item.amount) for item in decision.adjustments if item.group == group]
        if group == "CO" and spoil:
            found.append(("253", _WRONG))
        flat = [text for reason, value in found[:6] for text in (reason, amount(value), "")]
        if flat:
            writer.add("CAS", group, *flat)
