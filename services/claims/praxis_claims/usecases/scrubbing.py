"""Checks a claim by the table of edits and moves it to where the findings lead."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from praxis.claims.v1 import claim_pb2, events_pb2
from praxis.type.v1 import type_pb2
from praxis_chassis import clock
from praxis_chassis.events import record
from praxis_chassis.types import Money
from praxis_claims.edi.errors import EdiError
from praxis_claims.rules import claim_facts as facts
from praxis_claims.rules.edit_table import CORE_EDITS
from praxis_claims.rules.lifecycle import State
from praxis_claims.rules.scrubbing import Finding, Severity, scrub
from praxis_claims.store.models import Claim, CoverageCopy, LocationCopy, Payer
from praxis_claims.usecases import codes, completion, timeline, x12
from praxis_claims.usecases.completion import Sources

SEX_LETTERS = {
    claim_pb2.CLAIM_SEX_FEMALE: "F",
    claim_pb2.CLAIM_SEX_MALE: "M",
    claim_pb2.CLAIM_SEX_UNKNOWN: "U",
}
SEVERITIES = {
    Severity.BLOCK: claim_pb2.FINDING_SEVERITY_BLOCK,
    Severity.WARN: claim_pb2.FINDING_SEVERITY_WARN,
    Severity.INFO: claim_pb2.FINDING_SEVERITY_INFO,
}
OUTCOME_EVENTS = {State.SCRUB_FAILED: events_pb2.ClaimScrubFailed, State.READY: events_pb2.ClaimReady}


def check(session: Session, claim: Claim, *, let_go: bool = False, sources: Sources | None = None) -> None:
    """Fill the claim from the copies, check it, and move it to draft, scrub failed or ready.

    A claim that a person keeps back is checked too, and moves only when it is let go.
    """
    claim.require_editable()
    sources = sources or Sources(session)
    completion.complete(sources, claim)
    if completion.unbillable(sources, claim):
        return withdraw(session, claim, "It is not a claim to a health insurer.")
    claim.renew()
    claim.findings = _findings(sources, claim)
    return settle(session, claim, let_go=let_go)


def settle(session: Session, claim: Claim, *, let_go: bool = False) -> None:
    """Move the claim to where its findings lead, and record the event that names it."""
    previous, target = State(claim.state), destination(claim)
    if previous == target or (previous == State.HELD and not let_go):
        record(session, events_pb2.ClaimUpdated, claim)
        return
    claim.decide(target)
    event = OUTCOME_EVENTS.get(target)
    if event is None:
        record(session, events_pb2.ClaimUpdated, claim)
    else:
        record(session, event, claim, previous_state=int(previous))
    timeline.note(session, claim, target.name.lower(), f"Findings: {len(claim.findings)}.")


def destination(claim: Claim) -> State:
    """Say where the findings of a claim lead; an overridden warning counts no more."""
    if claim.missing:
        return State.DRAFT
    return State.SCRUB_FAILED if stopping(claim) else State.READY


def stopping(claim: Claim) -> list[claim_pb2.ScrubFinding]:
    """Return the findings that keep a claim from being sent, those first that nobody can override."""
    severities = (claim_pb2.FINDING_SEVERITY_BLOCK, claim_pb2.FINDING_SEVERITY_WARN)
    found = [each for each in claim.findings if each.severity in severities and not each.override_reason]
    return sorted(found, key=lambda each: severities.index(each.severity))


def withdraw(session: Session, claim: Claim, reason: str) -> None:
    previous = claim.decide(State.WITHDRAWN)
    record(session, events_pb2.ClaimWithdrawn, claim, previous_state=int(previous))
    timeline.note(session, claim, "withdrawn", reason)


def _findings(sources: Sources, claim: Claim) -> list[claim_pb2.ScrubFinding]:
    overridden = {found.id: found for found in claim.findings if found.override_reason}
    found = scrub(facts_of(sources, claim), CORE_EDITS)
    if not any(one.severity == Severity.BLOCK for one in found):
        found += _writing_problems(sources, claim)
    return [_message(one, overridden.get(one.id)) for one in found]


def _writing_problems(sources: Sources, claim: Claim) -> list[Finding]:
    """Write the claim as a trial, so that whatever is ready can be sent for certain."""
    payer = sources.find(Payer, claim.payer_id)
    assert payer is not None
    try:
        x12.trial(claim, payer, clock.now(sources.session))
    except EdiError as error:
        hint = "Correct this and scrub the claim again."
        return [Finding(f"X12_REFUSED:{error.code}", "X12_REFUSED", Severity.BLOCK, str(error), hint, error.path)]
    return []


def _message(found: Finding, earlier: claim_pb2.ScrubFinding | None) -> claim_pb2.ScrubFinding:
    keep = earlier if earlier is not None and found.severity == Severity.WARN else claim_pb2.ScrubFinding()
    return claim_pb2.ScrubFinding(
        id=found.id,
        code=found.code,
        severity=SEVERITIES[found.severity],
        message=found.message,
        fix_hint=found.fix_hint,
        field=found.field,
        override_reason=keep.override_reason,
        override_user_id=keep.override_user_id,
    )


def facts_of(sources: Sources, claim: Claim) -> facts.ClaimFacts:
    """Return what the edits look at."""
    session = sources.session
    coverage = sources.find(CoverageCopy, claim.coverage_id)
    location = sources.find(LocationCopy, claim.location_id)
    subscriber = claim.subscriber or claim_pb2.ClaimSubscriber()
    return facts.ClaimFacts(
        today=clock.now(session).astimezone(ZoneInfo(location.time_zone if location else "UTC")).date(),
        patient=_person(claim.patient),
        subscriber=_person(subscriber.person),
        relationship=subscriber.relationship,
        member_id=subscriber.member_id,
        coverage_from=coverage.from_date if coverage else None,
        coverage_to=coverage.to_date if coverage else None,
        payer=_payer(sources.find(Payer, claim.payer_id)),
        billing=_provider(claim.billing_provider) or facts.Provider(),
        rendering=_provider(claim.rendering_provider),
        referring=_provider(claim.referring_provider),
        facility=_provider(claim.service_facility),
        place_of_service=claim.place_of_service_code,
        diagnoses=codes.judge(session, claim.diagnosis_codes, claim.service_from_date),
        lines=tuple(_line(line) for line in claim.lines),
        total_minor=claim.charge_amount_minor,
        filing_deadline=claim.filing_deadline_date,
        missing=tuple(name.partition(":")[0] for name in claim.missing),
        known_places=frozenset(code for code, _ in codes.places()),
    )


def _person(person: claim_pb2.ClaimPerson | None) -> facts.Person:
    person = person or claim_pb2.ClaimPerson()
    return facts.Person(
        family=person.name.family,
        given=" ".join(person.name.given),
        birth_date=date.fromisoformat(person.birth_date) if person.birth_date else None,
        sex=SEX_LETTERS.get(person.sex, ""),
        address=_address(person.address),
    )


def _address(address: type_pb2.Address) -> facts.Address:
    return facts.Address(tuple(address.lines), address.city, address.state, address.postal_code, address.country_code)


def _provider(provider: claim_pb2.ClaimProvider | None) -> facts.Provider | None:
    if provider is None:
        return None
    return facts.Provider(
        name=provider.organization_name or provider.person_name.family,
        npi=provider.npi,
        taxonomy_code=provider.taxonomy_code,
        tax_id=provider.tax_id,
        phone=provider.phone,
        address=_address(provider.address),
    )


def _payer(payer: Payer | None) -> facts.Payer:
    if payer is None:
        return facts.Payer()
    return facts.Payer(
        electronic_id=payer.electronic_id,
        submitter_id=payer.submitter_id,
        receiver_id=payer.receiver_id,
        filing_indicator=payer.claim_filing_indicator,
        member_id_pattern=payer.member_id_pattern,
        retired=payer.retired,
    )


def _line(line: claim_pb2.ClaimLine) -> facts.Line:
    return facts.Line(
        number=line.line_number,
        code=line.procedure_code,
        modifiers=tuple(line.modifiers),
        pointers=tuple(line.diagnosis_pointers),
        units=Decimal(line.units),
        charge_minor=Money.parse(line.charge.currency_code, line.charge.amount).minor,
        service_date=date.fromisoformat(line.service_date),
    )
