"""Writes 837P files (005010X222A1) from canonical claims: one interchange, one group, one transaction set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from praxis_claims.edi.claim_checks import check_claim
from praxis_claims.edi.errors import EdiError
from praxis_claims.edi.model import BillingProvider, Claim, Contact, Interchange, Organization, Receiver, Submitter
from praxis_claims.edi.professional_claim import put_address, put_claim, put_name
from praxis_claims.edi.segments import SegmentList
from praxis_claims.edi.separators import Separators
from praxis_claims.edi.structure import verify_structure
from praxis_claims.edi.text import clean, day, digits

VERSION = "005010X222A1"
SEPARATORS = Separators()


def write_claims(interchange: Interchange, submitter: Submitter, receiver: Receiver, claims: Sequence[Claim]) -> bytes:
    """Write a file; raises EdiError when a claim cannot be written, naming the claim and the element."""
    if not claims:
        raise EdiError("NO_CLAIMS", "A file needs at least one claim.")
    _check(claims)
    segments = SegmentList(SEPARATORS)
    _open(segments, interchange)
    start = len(segments.texts)
    segments.put("ST", "837", interchange.transaction_control_number, VERSION)
    _put_heading(segments, interchange, submitter, receiver)
    _put_claims(segments, claims)
    count = len(segments.texts) - start + 1
    segments.put("SE", str(count), interchange.transaction_control_number)
    segments.put("GE", "1", str(interchange.group_control_number))
    segments.put("IEA", "1", f"{interchange.control_number:09}")
    verify_structure(segments.texts, SEPARATORS, len(claims))
    return segments.bytes()


def _check(claims: Sequence[Claim]) -> None:
    for claim in claims:
        for problem in check_claim(claim):
            raise EdiError(problem.code, problem.text, f"{claim.control_number} {problem.element}")
    numbers = {claim.control_number for claim in claims}
    if len(numbers) < len(claims):
        raise EdiError("CLAIM_NUMBER_TWICE", "Two claims of the file have the same number.", "CLM01")


def _open(segments: SegmentList, interchange: Interchange) -> None:
    for value in (interchange.sender_id, interchange.receiver_id):
        if not 1 <= len(value) <= 15 or clean(value) != value:
            raise EdiError("PARTNER_ID", "Sender and receiver ids are 1 to 15 upper-case characters.", "ISA06")
    if not 1 <= interchange.control_number <= 999_999_999:
        raise EdiError("CONTROL_NUMBER", "An interchange control number is 1 to 999999999.", "ISA13")
    created, separators = interchange.created, segments.separators
    segments.put(
        "ISA", "00", " " * 10, "00", " " * 10, interchange.sender_qualifier, f"{interchange.sender_id:15}",
        interchange.receiver_qualifier, f"{interchange.receiver_id:15}", f"{created:%y%m%d}", f"{created:%H%M}",
        separators.repetition, "00501", f"{interchange.control_number:09}",
        "1" if interchange.acknowledgment_requested else "0", "P" if interchange.production else "T",
        separators.component,
    )  # fmt: skip
    segments.put(
        "GS", "HC", interchange.group_sender or interchange.sender_id,
        interchange.group_receiver or interchange.receiver_id, day(created), f"{created:%H%M}",
        str(interchange.group_control_number), "X", VERSION,
    )  # fmt: skip


def _put_heading(segments: SegmentList, interchange: Interchange, submitter: Submitter, receiver: Receiver) -> None:
    created = interchange.created
    segments.put("BHT", "0019", "00", clean(interchange.batch_reference), day(created), f"{created:%H%M}", "CH")
    # The submitter is the one person of a file whose suffix has no place in it.
    name = submitter.name if isinstance(submitter.name, Organization) else replace(submitter.name, suffix="")
    put_name(segments, "41", name, "46", submitter.identifier)
    _put_contact(segments, submitter.contact)
    put_name(segments, "40", Organization(receiver.name), "46", receiver.identifier)


def _put_contact(segments: SegmentList, contact: Contact) -> None:
    ways: list[str] = []
    if contact.phone:
        ways += ["TE", digits(contact.phone)]
        ways += ["EX", digits(contact.extension)] if contact.extension else []
    ways += ["FX", digits(contact.fax)] if contact.fax else []
    ways += ["EM", clean(contact.email)] if contact.email else []
    segments.put("PER", "IC", clean(contact.name)[:60], *ways[:6])


def _put_claims(segments: SegmentList, claims: Sequence[Claim]) -> None:
    number, billing_number = 0, 0
    billing: BillingProvider | None = None
    for claim in claims:
        segments.claim = claim.control_number
        if claim.billing != billing:
            number += 1
            billing, billing_number = claim.billing, number
            segments.put("HL", str(number), "", "20", "1")
            _put_billing(segments, billing)
        number = put_claim(segments, claim, number, billing_number)


def _put_billing(segments: SegmentList, billing: BillingProvider) -> None:
    if billing.taxonomy:
        segments.put("PRV", "BI", "PXC", billing.taxonomy)
    put_name(segments, "85", billing.name, "XX", billing.npi)
    put_address(segments, billing.address)
    segments.put("REF", "SY" if billing.tax_id_is_ssn else "EI", digits(billing.tax_id))
    if billing.contact:
        _put_contact(segments, billing.contact)
    if billing.pay_to:
        segments.put_unnamed("NM1", "87", "2" if isinstance(billing.name, Organization) else "1")
        put_address(segments, billing.pay_to)
