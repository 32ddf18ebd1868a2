"""Writes the answers of the clearinghouse itself: TA1, 999 and 277CA."""

from dataclasses import dataclass

from chsim.claims837 import Claim, Name, Provider, Reader
from chsim.judge import Report
from chsim.money import amount
from chsim.x12 import Segment, Stamp, Writer

VERSION_999 = "005010X231A1"
VERSION_277CA = "005010X214"
HOUSE = ("PRAXIS TEST CLEARINGHOUSE", "CHSIM")
_IK3_CODES = {"1", "2", "3", "4", "5", "6", "7", "8", "I4", "I6", "I7", "I8", "I9"}
_IK4_CODES = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "12", "13", "I10", "I11", "I12", "I13", "I6", "I9"}
_REJECTIONS = {"A3": "21", "A6": "33", "A7": "33"}  # by category: missing or invalid information; subscriber id
_DUPLICATE = "54"


def ta1(header: Segment, note: str) -> list[str]:
    """The TA1 segment about an interchange; note 000 accepts it."""
    writer = Writer()
    writer.add("TA1", header[13], header[9], header[10], "A" if note == "000" else "R", note)
    return writer.lines


@dataclass(frozen=True)
class TransactionVerdict:
    """What the 999 says about one transaction set."""

    report: Report
    accepted: bool
    forced_segment: int = 0


def forced_rejection(report: Report, segment: int) -> TransactionVerdict:
    """A rejection that a scenario asks for, laid to the subscriber's id."""
    return TransactionVerdict(report, accepted=False, forced_segment=segment)


def body_999(group: Segment, verdicts: list[TransactionVerdict]) -> list[str]:
    """Everything between ST and SE of the 999 about one functional group."""
    writer = Writer()
    writer.add("AK1", group[1], group[6], group[8])
    for verdict in verdicts:
        writer.add("AK2", verdict.report["trn_set_id"], verdict.report["trn_set_control_num"].strip(), group[8])
        _add_findings(writer, verdict)
        codes = {error["err_cde"] for error in verdict.report["errors"]}
        codes |= set() if verdict.accepted or (codes and not verdict.report["segments"]) else {"5"}
        writer.add("IK5", "A" if verdict.accepted else "R", *([] if verdict.accepted else sorted(codes)[:5]))
    accepted = sum(verdict.accepted for verdict in verdicts)
    outcome = "A" if accepted == len(verdicts) else "P" if accepted else "R"
    writer.add("AK9", outcome, str(len(verdicts)), str(len(verdicts)), str(accepted))
    return writer.lines


def body_999_unsupported(group: Segment, count: int) -> list[str]:
    """The 999 about a group in a version that the house does not take."""
    writer = Writer()
    writer.add("AK1", group[1], group[6], group[8])
    writer.add("AK9", "R", str(count), str(count), "0", "2")
    return writer.lines


def _add_findings(writer: Writer, verdict: TransactionVerdict) -> None:
    if verdict.accepted:
        return
    if verdict.forced_segment:
        writer.add("IK3", "NM1", str(verdict.forced_segment), "", "8")
        writer.add("IK4", "9", "67", "7")
    for segment in verdict.report["segments"]:
        _add_segment(writer, segment)


def _add_segment(writer: Writer, segment: Report) -> None:
    codes = {"8" if error["err_cde"] == "SEG1" else error["err_cde"] for error in segment["errors"]}
    elements = [element for element in segment["elements"] if element["errors"]]
    if elements:
        codes.add("8")
    place = (segment["seg_id"], str(segment["seg_count"]), segment["ls_id"] or "")
    for code in sorted(codes & (_IK3_CODES - {"8"})):
        writer.add("IK3", *place, code)
    if "8" in codes:
        writer.add("IK3", *place, "8")
        for element in elements:
            _add_element(writer, element)


def _add_element(writer: Writer, element: Report) -> None:
    place = (str(element["ele_pos"]), str(element["subele_pos"] or ""), str(element["repeat_pos"] or ""))
    for error in element["errors"]:
        if error["err_cde"] in _IK4_CODES:
            bad = str(error["err_val"] or "")[:99]
            writer.add("IK4", place, str(element["ele_ref_num"] or ""), error["err_cde"], bad)


@dataclass(frozen=True)
class Receipt:
    """What the 277CA says about one claim: a category, or A2 with the number that the payer gave it."""

    claim: Claim
    category: str
    control_number: str = ""

    @property
    def accepted(self) -> bool:
        """True when the claim goes on to the payer."""
        return self.category == "A2"

    @property
    def status(self) -> tuple[str, ...]:
        """STC01: category, status code and the entity that it is about."""
        if self.accepted:
            return ("A2", "20", "PR")
        if self.category == "duplicate":
            return ("A3", _DUPLICATE)
        return (self.category, _REJECTIONS[self.category], "IL")


def body_277ca(reader: Reader, receipts: list[Receipt], stamp: Stamp) -> list[str]:
    """Everything between ST and SE of the 277CA about one transaction set."""
    writer = Writer()
    writer.add("BHT", "0085", "08", f"{stamp.control:09d}", stamp.date, stamp.time, "TH")
    _add_house(writer, reader, receipts, stamp)
    level = 2
    for provider in _providers(receipts):
        mine = [receipt for receipt in receipts if receipt.claim.provider is provider]
        level = _add_provider(writer, level, provider, mine, stamp)
    return writer.lines


def _providers(receipts: list[Receipt]) -> list[Provider]:
    return list({id(receipt.claim.provider): receipt.claim.provider for receipt in receipts}.values())


def _add_house(writer: Writer, reader: Reader, receipts: list[Receipt], stamp: Stamp) -> None:
    writer.add("HL", "1", "", "20", "1")
    writer.add("NM1", "AY", "2", HOUSE[0], "", "", "", "", "46", HOUSE[1])
    writer.add("TRN", "1", f"{stamp.control:09d}")
    writer.add("DTP", "050", "D8", stamp.date)
    writer.add("DTP", "009", "D8", stamp.date)
    writer.add("HL", "2", "1", "21", "1")
    _add_name(writer, "41", reader.submitter, "46")
    writer.add("TRN", "2", reader.batch)
    total = sum(receipt.claim.charge for receipt in receipts)
    writer.add("STC", ("A1", "19", "AY"), stamp.date, "WQ", amount(total))
    _add_totals(writer, receipts, "90", "AA")


def _add_totals(writer: Writer, receipts: list[Receipt], accepted_code: str, rejected_code: str) -> None:
    accepted = [receipt.claim.charge for receipt in receipts if receipt.accepted]
    rejected = [receipt.claim.charge for receipt in receipts if not receipt.accepted]
    for name, codes in (("QTY", (accepted_code, rejected_code)), ("AMT", ("YU", "YY"))):
        for code, charges in zip(codes, (accepted, rejected), strict=True):
            if charges:
                writer.add(name, code, str(len(charges)) if name == "QTY" else amount(sum(charges)))


def _add_provider(writer: Writer, level: int, provider: Provider, receipts: list[Receipt], stamp: Stamp) -> int:
    parent = level = level + 1
    writer.add("HL", str(parent), "2", "19", "1")
    _add_name(writer, "85", provider.name, "XX")
    writer.add("TRN", "1", "0")
    _add_totals(writer, receipts, "QA", "QC")
    for receipt in receipts:
        level += 1
        writer.add("HL", str(level), str(parent), "PT")
        _add_claim(writer, receipt, stamp)
    return level


def _add_claim(writer: Writer, receipt: Receipt, stamp: Stamp) -> None:
    claim = receipt.claim
    member = claim.subscriber
    _add_name(writer, "QC", Name("1", claim.patient.last, claim.patient.first, "MI", member.id), "MI")
    writer.add("TRN", "2", claim.number)
    action = "WQ" if receipt.accepted else "U"
    writer.add("STC", receipt.status, stamp.date, action, amount(claim.charge))
    if receipt.control_number:
        writer.add("REF", "1K", receipt.control_number)
    writer.add("DTP", "472", "D8", claim.service_date)


def _add_name(writer: Writer, entity: str, name: Name, default_qualifier: str) -> None:
    qualifier = name.id_qualifier or default_qualifier
    identified = (qualifier, name.id) if name.id else ("", "")
    writer.add("NM1", entity, name.kind, name.last, name.first, "", "", "", *identified)
