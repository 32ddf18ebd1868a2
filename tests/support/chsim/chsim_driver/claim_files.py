"""Builds small 837P files by hand, without any code of the simulator or of Praxis."""

from dataclasses import dataclass

HEADER = [
    "BHT*0019*00*{control:09d}*20260105*0900*CH",
    "NM1*41*2*GREEN VALLEY CLINIC*****46*133052274",
    "PER*IC*BILLING OFFICE*TE*3125550100",
    "NM1*40*2*CLEARINGHOUSE*****46*CHSIM",
    "HL*1**20*1",
    "NM1*85*2*GREEN VALLEY CLINIC*****XX*1234567893",
    "N3*1 MAIN STREET",
    "N4*CHICAGO*IL*606010001",
    "REF*EI*362345678",
]


@dataclass(frozen=True)
class TestClaim:
    """One claim of the file."""

    __test__ = False

    member: str
    number: str
    charges: tuple[str, ...] = ("125.40", "60")
    payer: str = "PAYERA"
    prior: tuple[str, str, str] | None = None  # paid, contractual, patient; for the one line


def claim_file(claims: list[TestClaim], control: int = 1, ta1: str = "0") -> bytes:
    """An interchange with one transaction set."""
    body = [line.format(control=control) for line in HEADER]
    for position, claim in enumerate(claims):
        body += _claim(position + 2, claim)
    isa = f"ISA*00*{' ' * 10}*00*{' ' * 10}*ZZ*133052274      *ZZ*CHSIM          *260105*0900*^*00501*{control:09d}"
    lines = [
        f"{isa}*{ta1}*T*:",
        f"GS*HC*133052274*CHSIM*20260105*0900*{control}*X*005010X222A1",
        "ST*837*0001*005010X222A1",
        *body,
        f"SE*{len(body) + 2}*0001",
        f"GE*1*{control}",
        f"IEA*1*{control:09d}",
    ]
    return "".join(f"{line}~\n" for line in lines).encode()


def _claim(level: int, claim: TestClaim) -> list[str]:
    total = sum(round(float(charge) * 100) for charge in claim.charges) / 100
    lines = [
        f"HL*{level}*1*22*0",
        f"SBR*{'S' if claim.prior else 'P'}*18*******CI",
        f"NM1*IL*1*DOE*JANE****MI*{claim.member}",
        "N3*2 OAK AVENUE",
        "N4*CHICAGO*IL*60601",
        "DMG*D8*19800101*F",
        f"NM1*PR*2*SIMULATED PAYER*****PI*{claim.payer}",
        f"CLM*{claim.number}*{total:g}***11:B:1*Y*A*Y*Y",
        "HI*ABK:J069",
        "NM1*82*1*LEE*ANNA****XX*1993999998",
    ]
    lines += _prior_payer(claim)
    for number, charge in enumerate(claim.charges, start=1):
        lines += [f"LX*{number}", f"SV1*HC:9921{number}:25*{charge}*UN*1***1", "DTP*472*D8*20260102"]
        lines.append(f"REF*6R*{claim.number}L{number}")
        if claim.prior:
            lines += _prior_adjudication(claim.prior, f"HC:9921{number}:25")
    return lines


def _prior_payer(claim: TestClaim) -> list[str]:
    if claim.prior is None:
        return []
    return [
        "SBR*P*18*******CI",
        f"AMT*D*{claim.prior[0]}",
        "OI***Y***Y",
        "NM1*IL*1*DOE*JANE****MI*FIRST123",
        "NM1*PR*2*FIRST PAYER*****PI*PAYERB",
    ]


def _prior_adjudication(prior: tuple[str, str, str], procedure: str) -> list[str]:
    paid, contractual, patient = prior
    return [
        f"SVD*PAYERB*{paid}*{procedure}**1",
        f"CAS*CO*45*{contractual}",
        f"CAS*PR*1*{patient}",
        "DTP*573*D8*20260104",
    ]
