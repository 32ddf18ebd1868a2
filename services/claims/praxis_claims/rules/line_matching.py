"""Finds which line of a claim each paid service answers, down the ladder from certain to barely certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from praxis_claims.edi.remittance_records import ServicePayment
from praxis_claims.edi.values import Procedure
from praxis_claims.rules.claim_numbers import LENGTH, normalized


class ClaimedLine(NamedTuple):
    """One line as it was claimed."""

    number: int
    charge_id: str
    code: str
    modifiers: frozenset[str]
    service_date: date
    charge_cents: int


Rung = Callable[[ServicePayment, ClaimedLine], bool]


def match_lines(
    services: Sequence[ServicePayment], lines: Sequence[ClaimedLine], numbers: frozenset[str]
) -> list[ClaimedLine | None]:
    """Return the line of each service, or None; `numbers` are the claim's numbers over all attempts."""
    found: list[ClaimedLine | None] = [_by_control_number(service, lines, numbers) for service in services]
    for rung in (_same_service, _submitted_as, _same_code):
        for index, service in enumerate(services):
            if found[index] is None:
                found[index] = _only(service, lines, found, rung)
    return found


def _by_control_number(
    service: ServicePayment, lines: Sequence[ClaimedLine], numbers: frozenset[str]
) -> ClaimedLine | None:
    text = service.control_number
    if normalized(text[:LENGTH]) not in numbers or not text[LENGTH:].isdecimal():
        return None
    number = int(text[LENGTH:])
    return next((line for line in lines if line.number == number), None)


def _only(
    service: ServicePayment, lines: Sequence[ClaimedLine], found: Sequence[ClaimedLine | None], rung: Rung
) -> ClaimedLine | None:
    """Return the only line that fits and is not answered yet; of several alike the first, for they are the same."""
    free = [line for line in lines if line not in found and rung(service, line)]
    alike = len({line[2:] for line in free}) == 1
    return free[0] if alike else None


def _same_service(service: ServicePayment, line: ClaimedLine) -> bool:
    return (
        _is(service.procedure, line)
        and frozenset(service.procedure.modifiers) == line.modifiers
        and service.service_from in (None, line.service_date)
        and service.charge_cents == line.charge_cents
    )


def _submitted_as(service: ServicePayment, line: ClaimedLine) -> bool:
    return service.original_procedure is not None and _is(service.original_procedure, line)


def _same_code(service: ServicePayment, line: ClaimedLine) -> bool:
    return _is(service.procedure, line) and service.service_from in (None, line.service_date)


def _is(procedure: Procedure, line: ClaimedLine) -> bool:
    return procedure.code.strip().upper() == line.code
