"""Answers of a clearinghouse, written by hand so that they do not come from the code under test."""

from __future__ import annotations

from praxis.claims.v1 import submission_pb2


def envelope(submission: submission_pb2.Submission, body: str, functional: str = "FA", version: str = "") -> str:
    """Wrap a body, or nothing but an ISA and a TA1 when there is no functional group."""
    head = (
        f"ISA*00*          *00*          *ZZ*{submission.receiver_id:15}*ZZ*{submission.sender_id:15}"
        "*260310*1200*^*00501*000000901*0*T*:~"
    )
    if not version:
        return f"{head}{body}IEA*0*000000901~"
    group = f"GS*{functional}*{submission.receiver_id}*{submission.sender_id}*20260310*1200*901*X*{version}~"
    return f"{head}{group}{body}GE*1*901~IEA*1*000000901~"


def acknowledgment_ta1(submission: submission_pb2.Submission, code: str, note: str) -> str:
    return envelope(submission, f"TA1*{submission.interchange_control_number:09}*260310*1200*{code}*{note}~")


def acknowledgment_999(submission: submission_pb2.Submission, code: str) -> str:
    findings = "" if code == "A" else "IK3*NM1*8*2010BA*8~IK4*9*67*7~"
    body = (
        "ST*999*0001*005010X231A1~"
        f"AK1*HC*{submission.group_control_number}*005010X222A1~AK2*837*0001*005010X222A1~{findings}"
        f"IK5*{code}~AK9*{code}*1*1*{1 if code == 'A' else 0}~SE*{6 if code == 'A' else 8}*0001~"
    )
    return envelope(submission, body, "FA", "005010X231A1")


def status_277ca(
    submission: submission_pb2.Submission, claim_number: str, category: str, payer_number: str = ""
) -> str:
    action = "WQ" if category in {"A0", "A1", "A2"} else "U"
    reference = f"REF*1K*{payer_number}~" if payer_number else ""
    body = (
        "ST*277*0001*005010X214~BHT*0085*08*1*20260310*1200*TH~"
        "HL*1**20*1~NM1*AY*2*HOUSE*****46*CHSIM~TRN*1*1~DTP*050*D8*20260310~DTP*009*D8*20260310~"
        "HL*2*1*21*1~NM1*41*2*CLINIC*****46*S~TRN*2*B~STC*A1:19:PR*20260310*WQ*140.5~"
        "HL*3*2*19*1~NM1*85*2*CLINIC*****XX*1234567893~TRN*1*0~"
        "HL*4*3*PT~NM1*QC*1*LOVELACE*ADA****MI*PAID0001~"
        f"TRN*2*{claim_number}~STC*{category}:20:PR*20260310*{action}*140.5~{reference}DTP*472*D8*20260309~"
        "SE*20*0001~"
    )
    return envelope(submission, body, "HN", "005010X214")
