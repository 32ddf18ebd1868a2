"""Reads the simulator's answers with nothing but string splitting, and checks their arithmetic."""

import io
import json
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

import pyx12.params
import pyx12.x12n_document

Segments = list[list[str]]
logging.getLogger("pyx12").setLevel(logging.CRITICAL)


def segments(data: bytes) -> Segments:
    """All segments of a file in the simulator's own separators."""
    return [text.strip().split("*") for text in data.decode().split("~") if text.strip()]


def named(data: bytes, name: str) -> Segments:
    """Segments with one name."""
    return [segment for segment in segments(data) if segment[0] == name]


def complaints(data: bytes) -> list[str]:
    """What pyx12 says against a file, except the false alarm about a 277CA's missing provider status."""
    report = io.StringIO()
    pyx12.x12n_document.x12n_document(pyx12.params.ParamsBase(), io.StringIO(data.decode()), None, None, None, report)
    errors: list[str] = []
    _collect(json.loads(report.getvalue()), errors)
    return [error for error in errors if '"Billing Provider Status Information" (STC) missing' not in error]


def _collect(node: object, errors: list[str]) -> None:
    if isinstance(node, dict):
        errors += [error["err_str"] for error in node.get("errors", [])]
        for value in node.values():
            _collect(value, errors)
    elif isinstance(node, list):
        for value in node:
            _collect(value, errors)


@dataclass
class Paid:
    """One CLP of an 835 with its lines."""

    number: str
    status: str
    charge: Decimal
    paid: Decimal
    responsibility: Decimal
    line_faults: int = 0
    adjustments: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    lines_paid: Decimal = Decimal(0)

    @property
    def balances(self) -> bool:
        """Charge less adjustments is the payment, and so is the sum of the lines."""
        return self.charge - sum(self.adjustments.values()) == self.paid == self.lines_paid


@dataclass
class Remittance:
    """One 835 file."""

    payment: Decimal
    claims: list[Paid]
    provider_adjustment: Decimal

    @property
    def balances(self) -> bool:
        """The payment is what the claims say, less the provider's adjustments."""
        return self.payment == sum(claim.paid for claim in self.claims) - self.provider_adjustment


def _amounts(texts: list[str]) -> tuple[Decimal, Decimal, Decimal]:
    charge, paid, responsibility = (Decimal(text or 0) for text in texts)
    return charge, paid, responsibility


def remittance(data: bytes) -> Remittance:
    """Reads an 835 and counts the lines that do not add up."""
    claims: list[Paid] = []
    open_line = Decimal(0)
    payment = provider_adjustment = Decimal(0)
    for segment in [*segments(data), ["END"]]:
        if segment[0] in ("SVC", "CLP", "PLB", "SE") and claims:
            claims[-1].line_faults += open_line != 0
            open_line = Decimal(0)
        if segment[0] == "BPR":
            payment = Decimal(segment[2])
        elif segment[0] == "CLP":
            claims.append(Paid(segment[1], segment[2], *_amounts(segment[3:6])))
        elif segment[0] == "SVC":
            open_line = Decimal(segment[2]) - Decimal(segment[3])
            claims[-1].lines_paid += Decimal(segment[3])
        elif segment[0] == "CAS":
            for reason, value in zip(segment[2::3], segment[3::3], strict=True):
                claims[-1].adjustments[f"{segment[1]}-{reason}"] += Decimal(value)
                open_line -= Decimal(value)
        elif segment[0] == "PLB":
            provider_adjustment += Decimal(segment[4])
    return Remittance(payment, claims, provider_adjustment)
