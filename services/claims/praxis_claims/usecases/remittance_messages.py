"""Turns what the codec read into the value messages that remittances are stored and shown with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from praxis.claims.v1 import remittance_pb2
from praxis.type.v1 import type_pb2
from praxis_claims.edi.errors import Finding, Level
from praxis_claims.edi.remittance_records import Adjustment, ClaimPayment, ProviderAdjustment, ServicePayment
from praxis_claims.rules.adjudication import action_for
from praxis_claims.rules.line_matching import ClaimedLine

CURRENCY = "USD"
LEVELS = {
    Level.FATAL: remittance_pb2.REMITTANCE_FINDING_LEVEL_FATAL,
    Level.ERROR: remittance_pb2.REMITTANCE_FINDING_LEVEL_ERROR,
    Level.WARNING: remittance_pb2.REMITTANCE_FINDING_LEVEL_WARNING,
    Level.INFO: remittance_pb2.REMITTANCE_FINDING_LEVEL_INFO,
}


def money(cents: int) -> type_pb2.Money:
    """X12 amounts are in dollars unless the payer says otherwise, and this is where they become money."""
    return type_pb2.Money(currency_code=CURRENCY, amount=f"{Decimal(cents).scaleb(-2):f}")


def cents(amount: type_pb2.Money) -> int:
    """Return the cents of an amount that `money` made."""
    return int(Decimal(amount.amount).scaleb(2))


def finding(found: Finding) -> remittance_pb2.RemittanceFinding:
    """Return a finding as people see it."""
    return remittance_pb2.RemittanceFinding(
        level=LEVELS[found.level],
        code=found.code,
        segment_number=found.segment_number,
        element=found.element,
        text=found.text,
    )


def adjustments(given: Iterable[Adjustment], contractual: Collection[str]) -> list[remittance_pb2.RemittanceAdjustment]:
    """Return adjustments as received, each with what billing is asked to do."""
    return [
        remittance_pb2.RemittanceAdjustment(
            group_code=item.group,
            reason_code=item.reason,
            amount=money(item.cents),
            quantity=item.quantity,
            action=int(action_for(item.group, item.reason, contractual)),  # type: ignore[arg-type]
        )
        for item in given
    ]


def lines(
    payment: ClaimPayment, matched: Sequence[ClaimedLine | None], contractual: Collection[str]
) -> list[remittance_pb2.RemittanceLine]:
    """Return the services of a claim payment, each with the charge that it answers."""
    return [
        _line(service, number, line, contractual)
        for number, (service, line) in enumerate(zip(payment.lines, matched, strict=True), 1)
    ]


def _line(
    service: ServicePayment, number: int, line: ClaimedLine | None, contractual: Collection[str]
) -> remittance_pb2.RemittanceLine:
    submitted, allowed, served = service.original_procedure, service.allowed_cents, service.service_from
    return remittance_pb2.RemittanceLine(
        line_number=line.number if line else number,
        charge_id=line.charge_id if line else "",
        procedure_code=service.procedure.code or service.revenue_code,
        modifiers=service.procedure.modifiers,
        submitted_procedure_code=submitted.code if submitted else "",
        service_date=str(served) if served else "",
        charge_amount=money(service.charge_cents),
        paid_amount=money(service.paid_cents),
        allowed_amount=money(allowed) if allowed is not None else None,
        units=service.paid_units,
        adjustments=adjustments(service.adjustments, contractual),
        remark_codes=service.remarks,
        segment_number=service.segment_number,
    )


def provider_adjustments(given: Iterable[ProviderAdjustment]) -> list[remittance_pb2.ProviderAdjustment]:
    """Return what was taken or added without a claim."""
    return [
        remittance_pb2.ProviderAdjustment(reason_code=item.code, reference=item.reference, amount=money(item.cents))
        for item in given
    ]
