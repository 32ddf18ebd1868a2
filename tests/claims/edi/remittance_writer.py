"""Writes 835 files for tests: exactly what it is told, so that tests decide what balances."""

from __future__ import annotations

from dataclasses import dataclass, field


def dollars(cents: int) -> str:
    """Write cents as a decimal number."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"


Reason = tuple[str, str, int]


@dataclass(frozen=True)
class PaidLine:
    """One SVC."""

    code: str
    charge: int
    paid: int
    reasons: tuple[Reason, ...] = ()
    control_number: str = ""
    modifiers: tuple[str, ...] = ()
    date: str = "20260105"
    original: str = ""

    def segments(self) -> list[str]:
        """The segments of this line."""
        composite = ":".join(("HC", self.code, *self.modifiers))
        original = f"**1*HC:{self.original}" if self.original else "**1"
        control = [f"REF*6R*{self.control_number}"] if self.control_number else []
        service = f"SVC*{composite}*{dollars(self.charge)}*{dollars(self.paid)}{original}"
        return [service, f"DTM*472*{self.date}", *cas(self.reasons), *control]


@dataclass(frozen=True)
class PaidClaim:
    """One CLP."""

    number: str
    charge: int
    paid: int
    lines: tuple[PaidLine, ...] = ()
    reasons: tuple[Reason, ...] = ()
    status: str = "1"
    payer_number: str = "ICN1"
    patient: str = "LOVELACE*ADA****MI*PAID0001"
    carrier: str = ""

    def segments(self) -> list[str]:
        """The segments of this claim."""
        amounts = f"{dollars(self.charge)}*{dollars(self.paid)}"
        head = f"CLP*{self.number}*{self.status}*{amounts}**12*{self.payer_number}*11*1"
        named = [f"NM1*QC*1*{self.patient}"] if self.patient else []
        named += [f"NM1*TT*2*{self.carrier}*****PI*77777"] if self.carrier else []
        return [head, *cas(self.reasons), *named, *(text for line in self.lines for text in line.segments())]


@dataclass(frozen=True)
class Paid:
    """One transaction set; the payment is what the claims come to unless told otherwise."""

    claims: tuple[PaidClaim, ...]
    trace: str = "EFT1"
    amount: int | None = None
    provider_adjustments: tuple[tuple[str, int], ...] = ()
    payer_id: str = "60054"
    control_number: str = "0001"
    date: str = "20260120"

    def segments(self) -> list[str]:
        """The segments from ST to SE."""
        taken = sum(cents for _, cents in self.provider_adjustments)
        amount = sum(claim.paid for claim in self.claims) - taken if self.amount is None else self.amount
        body = [
            f"ST*835*{self.control_number}",
            f"BPR*I*{dollars(amount)}*C*ACH*CCP*01*111000025*DA*33*1999999999**01*111000025*DA*22*{self.date}",
            f"TRN*1*{self.trace}*1999999999",
            f"N1*PR*ACME HEALTH*XV*{self.payer_id}",
            "N1*PE*ELM STREET CLINIC*XX*1234567893",
            "LX*1",
            *(text for claim in self.claims for text in claim.segments()),
            *(f"PLB*1234567893*20261231*{code}:REF1*{dollars(cents)}" for code, cents in self.provider_adjustments),
        ]
        return [*body, f"SE*{len(body) + 1}*{self.control_number}"]


@dataclass(frozen=True)
class Layout:
    """How a file is laid out."""

    element: str = "*"
    component: str = ":"
    terminator: str = "~"
    after: str = ""
    wrap: int = 0


@dataclass(frozen=True)
class File:
    """One interchange with one group."""

    payments: tuple[Paid, ...]
    number: int = 1
    layout: Layout = field(default_factory=Layout)

    def bytes(self) -> bytes:
        """The file."""
        layout = self.layout
        isa = (
            f"ISA*00*{'':10}*00*{'':10}*ZZ*{'ACME':15}*ZZ*{'CLINIC':15}*260120*0930*^*00501*{self.number:09}*0*T*"
        ).replace("*", layout.element)
        body = [
            "GS*HP*ACME*CLINIC*20260120*0930*1*X*005010X221A1",
            *(text for payment in self.payments for text in payment.segments()),
            f"GE*{len(self.payments)}*1",
            f"IEA*1*{self.number:09}",
        ]
        swap = str.maketrans({"*": layout.element, ":": layout.component})
        swapped = [text.translate(swap) for text in body]
        end = layout.terminator + layout.after
        text = isa + layout.component + end + "".join(segment + end for segment in swapped)
        if layout.wrap:
            text = "\r\n".join(text[start : start + layout.wrap] for start in range(0, len(text), layout.wrap))
        return text.encode()


def cas(reasons: tuple[Reason, ...]) -> list[str]:
    """One CAS for each reason."""
    return [f"CAS*{group}*{reason}*{dollars(cents)}" for group, reason, cents in reasons]
