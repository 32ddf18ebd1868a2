"""The clearinghouse and the payers behind it: takes one inbound file in and puts every answer into the outbox."""

import hashlib
from dataclasses import dataclass, field

from chsim import acknowledgments as acks
from chsim.adjudication import Decision, Plan, adjudicate
from chsim.claims837 import Claim, Reader
from chsim.clock import Clock
from chsim.judge import Report, Verdict, is_accepted, judge, transaction_reports
from chsim.money import decimal
from chsim.remittance import VERSION_835, Payment, body_835
from chsim.scenarios import Scenario, scenario_of
from chsim.state import State
from chsim.x12 import Interchange, NotX12, Route, Segment, Stamp, Writer, envelope, interchanges, transactions

_DAY = 86_400
_DUPLICATE_CONTROL_NUMBER = "025"
_BROKEN_ENVELOPE = "022"


@dataclass
class _Case:
    """What is gathered while the transaction sets of one interchange are gone through."""

    interchange: Interchange
    route: Route
    acknowledged: list[tuple[Reader, list[acks.Receipt]]] = field(default_factory=list)
    payments: dict[tuple[str, str, str], Payment] = field(default_factory=dict)


class House:
    """Answers inbound files; the caller opens the transaction."""

    def __init__(self, state: State, clock: Clock, plan: Plan, seed: int) -> None:
        self._state = state
        self._clock = clock
        self._plan = plan
        self._seed = seed

    def take_in(self, name: str, data: bytes) -> None:
        """Answers every interchange of a file; what is no X12 at all is put aside without an answer."""
        outcome = "answered"
        try:
            for interchange in interchanges(data):
                self._answer(interchange)
        except NotX12 as error:
            outcome = f"refused: {error}"
        self._state.receive(name, hashlib.sha256(data).hexdigest(), outcome)

    def _answer(self, interchange: Interchange) -> None:
        header = interchange.header
        case = _Case(interchange, Route.back(interchange))
        verdict = judge(interchange)
        if not self._state.is_new_interchange(header[6].strip(), header[8].strip(), header[13]):
            self._send_ta1(case, _DUPLICATE_CONTROL_NUMBER)
        elif verdict.envelope_is_broken or self._wants_ta1(interchange):
            self._send_ta1(case, _BROKEN_ENVELOPE)
        else:
            if header[14] == "1":
                self._send_ta1(case, "000")
            self._answer_groups(case, verdict)

    def _wants_ta1(self, interchange: Interchange) -> bool:
        return any(
            self._scenario(claim).name == "TA1R"
            for group in interchange.groups()
            for transaction in transactions(group)
            for claim in _claims(interchange, transaction)
        )

    def _answer_groups(self, case: _Case, verdict: Verdict) -> None:
        reports = verdict.groups if not verdict.unsupported else []
        for position, group in enumerate(case.interchange.groups()):
            if position < len(reports):
                self._answer_group(case, group, reports[position])
            else:
                count = sum(1 for _ in transactions(group))
                self._send_999(case, acks.body_999_unsupported(group[0], count))
        self._send_277ca(case)
        for payment in case.payments.values():
            self._send_835(case, payment)

    def _answer_group(self, case: _Case, group: list[Segment], report: Report) -> None:
        verdicts = []
        for transaction, found in zip(transactions(group), transaction_reports(report), strict=False):
            verdict = self._judge_transaction(case, transaction, found)
            verdicts.append(verdict)
            if verdict.accepted:
                self._take_claims(case, transaction)
        self._send_999(case, acks.body_999(group[0], verdicts))

    def _judge_transaction(self, case: _Case, transaction: list[Segment], found: Report) -> acks.TransactionVerdict:
        if not is_accepted(found):
            return acks.TransactionVerdict(found, accepted=False)
        for claim in _claims(case.interchange, transaction):
            if self._scenario(claim).name == "999R":
                return acks.forced_rejection(found, claim.subscriber_segment)
        return acks.TransactionVerdict(found, accepted=True)

    def _take_claims(self, case: _Case, transaction: list[Segment]) -> None:
        reader = Reader(case.interchange).read(transaction)
        answers = [self._take_claim(case, claim) for claim in reader.claims]
        receipts = [answer for answer in answers if answer]
        if receipts:
            case.acknowledged.append((reader, receipts))

    def _take_claim(self, case: _Case, claim: Claim) -> acks.Receipt | None:
        scenario = self._scenario(claim)
        fingerprint = "|".join((claim.number, str(claim.charge), claim.service_date, claim.provider.name.id))
        duplicate = "duplicate" if self._state.has_accepted(fingerprint) else ""
        category = duplicate or scenario.rejected_by_front_end
        if category:
            self._book(claim, scenario, fingerprint, "rejected", {"category": category})
            return acks.Receipt(claim, category)
        if scenario.name == "SILENT":
            self._book(claim, scenario, fingerprint, "silent", {})
            return None
        return self._adjudicate(case, claim, scenario, fingerprint)

    def _adjudicate(self, case: _Case, claim: Claim, scenario: Scenario, fingerprint: str) -> acks.Receipt:
        member, year = claim.subscriber.id, claim.service_date[:4]
        left = max(0, self._plan.deductible - self._state.deductible_met(member, year))
        decision = adjudicate(claim, scenario, self._plan, left)
        self._state.meet_deductible(member, year, decision.adjusted()["PR-1"])
        control = decision.control_number = f"{self._seed:04d}{self._state.add('claim'):09d}"
        payment = self._payment_for(case, claim, scenario)
        payment.decisions.append(decision)
        facts = {"payer_control_number": control, "trace_number": payment.trace, **_money_facts(decision)}
        self._book(claim, scenario, fingerprint, "adjudicated", facts)
        return acks.Receipt(claim, "A2", control)

    def _payment_for(self, case: _Case, claim: Claim, scenario: Scenario) -> Payment:
        key = (claim.payer.id, claim.provider.name.id, scenario.payment)
        if key not in case.payments:
            case.payments[key] = Payment(f"{self._seed:04d}{self._state.add('payment'):08d}")
        return case.payments[key]

    def _book(self, claim: Claim, scenario: Scenario, fingerprint: str, state: str, facts: dict[str, object]) -> None:
        body = {
            "payer_id": claim.payer.id,
            "member_id": claim.subscriber.id,
            "scenario": str(scenario),
            "charge": decimal(claim.charge),
            **facts,
        }
        self._state.book(claim.number, fingerprint, state, body)

    def _scenario(self, claim: Claim) -> Scenario:
        return scenario_of(claim, self._state.rules())

    def _stamp(self) -> Stamp:
        now = self._clock.now()
        return Stamp(self._state.add("file"), now.strftime("%Y%m%d"), now.strftime("%H%M"))

    def _send_ta1(self, case: _Case, note: str) -> None:
        stamp = self._stamp()
        body = envelope(case.route, stamp, acks.ta1(case.interchange.header, note), None)
        self._post("ta1", stamp, body)

    def _send_999(self, case: _Case, body: list[str]) -> None:
        writer, stamp = Writer(), self._stamp()
        writer.transaction("999", "0001", acks.VERSION_999, body)
        self._post("999", stamp, envelope(case.route, stamp, writer.lines, ("FA", acks.VERSION_999, 1)))

    def _send_277ca(self, case: _Case) -> None:
        if not case.acknowledged:
            return
        writer, stamp = Writer(), self._stamp()
        for position, (reader, receipts) in enumerate(case.acknowledged, start=1):
            body = acks.body_277ca(reader, receipts, stamp)
            writer.transaction("277", f"{position:04d}", acks.VERSION_277CA, body)
        count = len(case.acknowledged)
        self._post("277ca", stamp, envelope(case.route, stamp, writer.lines, ("HN", acks.VERSION_277CA, count)))

    def _send_835(self, case: _Case, payment: Payment) -> None:
        writer, stamp = Writer(), self._stamp()
        writer.transaction("835", "0001", "", body_835(payment, stamp))
        body = envelope(case.route, stamp, writer.lines, ("HP", VERSION_835, 1))
        self._post("835", stamp, body, days=payment.decisions[0].scenario.days)
        if payment.scenario == "DUP-FILE":
            self._post("835", stamp, body, suffix="-again")

    def _post(self, folder: str, stamp: Stamp, body: bytes, days: int = 0, suffix: str = "") -> None:
        name = f"{stamp.control:09d}{suffix}.{folder}"
        self._state.post(folder, name, body, self._clock.seconds() + days * _DAY)


def _claims(interchange: Interchange, transaction: list[Segment]) -> list[Claim]:
    try:
        return Reader(interchange).read(transaction).claims
    except (IndexError, ValueError):
        return []  # the judge says what is wrong with it


def _money_facts(decision: Decision) -> dict[str, object]:
    return {
        "status": decision.status,
        "allowed": decimal(decision.allowed),
        "paid": decimal(decision.paid),
        "patient_responsibility": decimal(decision.patient_responsibility),
        "adjustments": {key: decimal(value) for key, value in sorted(decision.adjusted().items())},
    }
