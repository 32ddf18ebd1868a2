"""The 835 reader: what was written is read back exactly in any layout, and damage never crashes it."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.claims.edi.remittance_writer import File, Layout, Paid, PaidClaim, PaidLine, dollars

from praxis_claims.edi.acknowledgments import read_acknowledgments
from praxis_claims.edi.errors import EdiError, Level
from praxis_claims.edi.remittance import RemittanceReader, read_remittances
from praxis_claims.edi.remittance_records import ClaimPayment, Remittance
from praxis_claims.edi.values import cents

SAMPLES = Path(__file__).parent / "samples"
AMOUNTS = st.integers(-(10**9), 10**9)
REASONS = st.lists(
    st.tuples(st.sampled_from(("CO", "PR", "OA", "PI")), st.sampled_from(("45", "1", "2", "23", "A2")), AMOUNTS),
    max_size=4,
).map(tuple)


@st.composite
def balanced_claims(draw: st.DrawFn) -> PaidClaim:
    """A claim whose lines and own adjustments add up."""
    lines = tuple(draw(st.lists(balanced_lines(), max_size=4)))
    own = draw(REASONS)
    taken = sum(amount for *_, amount in own)
    charge = sum(line.charge for line in lines) if lines else draw(AMOUNTS)
    paid = (sum(line.paid for line in lines) if lines else charge) - taken
    number = draw(st.text("ABCDEFGHJK0123456789", min_size=1, max_size=20))
    return PaidClaim(number, charge, paid, lines, own, draw(st.sampled_from(("1", "2", "4", "22"))))


@st.composite
def balanced_lines(draw: st.DrawFn) -> PaidLine:
    """A line whose adjustments explain what was not paid."""
    charge, reasons = draw(AMOUNTS), draw(REASONS)
    modifiers = tuple(draw(st.lists(st.sampled_from(("25", "59", "RT")), max_size=4)))
    control = draw(st.sampled_from(("", "L1", "L2")))
    return PaidLine("99213", charge, charge - sum(amount for *_, amount in reasons), reasons, control, modifiers)


LAYOUTS = st.builds(
    Layout,
    element=st.sampled_from(("*", "|", "+", "\x1d")),
    component=st.sampled_from((":", ">", "<")),
    terminator=st.sampled_from(("~", "'", "\n", "\r", "\x1c", "\x1d", "|", "+")),
    after=st.sampled_from(("", "\r\n", "\n", "  ")),
    wrap=st.just(0),
).filter(lambda layout: layout.element != layout.terminator)


def as_written(remittance: Remittance) -> tuple[PaidClaim, ...]:
    """What a writer would have to be told to give this remittance."""
    return tuple(
        PaidClaim(
            claim.control_number,
            claim.charge_cents,
            claim.paid_cents,
            tuple(
                PaidLine(
                    line.procedure.code,
                    line.charge_cents,
                    line.paid_cents,
                    tuple((a.group, a.reason, a.cents) for a in line.adjustments),
                    line.control_number,
                    line.procedure.modifiers,
                )
                for line in claim.lines
            ),
            tuple((a.group, a.reason, a.cents) for a in claim.adjustments),
            claim.status,
        )
        for claim in remittance.claims
    )


@settings(max_examples=120, deadline=None, derandomize=True)
@given(claims=st.lists(balanced_claims(), max_size=5).map(tuple), layout=LAYOUTS)
def test_what_was_written_is_read_in_any_layout(claims: tuple[PaidClaim, ...], layout: Layout) -> None:
    files = File((Paid(claims, amount=sum(claim.paid for claim in claims)),), layout=layout)
    content = read_remittances(files.bytes())
    (remittance,) = content.remittances
    assert as_written(remittance) == claims
    assert all(claim.balances and claim.lines_balance for claim in remittance.claims)
    assert remittance.totals.balances == (sum(claim.paid for claim in claims) >= 0)
    assert not content.findings


@settings(max_examples=100, deadline=None, derandomize=True)
@given(claim=balanced_claims(), error=AMOUNTS.filter(bool))
def test_one_cent_too_many_is_found(claim: PaidClaim, error: int) -> None:
    wrong = PaidClaim(claim.number, claim.charge, claim.paid + error, claim.lines, claim.reasons, claim.status)
    (remittance,) = read_remittances(File((Paid((wrong,)),)).bytes()).remittances
    assert remittance.claims[0].holds
    (other,) = read_remittances(File((Paid((claim,), amount=claim.paid + error),)).bytes()).remittances
    assert other.totals.quarantined


@settings(max_examples=300, deadline=None, derandomize=True)
@given(amount=st.integers(-(10**16), 10**16))
def test_amounts_are_exact(amount: int) -> None:
    assert cents(dollars(amount)) == (amount if abs(amount) < 10**17 else None)


@pytest.mark.parametrize(
    ("text", "amount"),
    [(".5", 50), ("-0.01", -1), ("5.", 500), ("0", 0), ("00012.30", 1230), ("-.1", -10), ("12.345", None), ("", None),
     (".", None), ("-", None), ("1e3", None), ("+1", None), ("1,000", None), ("１", None),
     (" 1", None), ("9" * 40, None)],
)  # fmt: skip
def test_spellings_of_amounts(text: str, amount: int | None) -> None:
    assert cents(text) == amount


def plain(**more: object) -> Paid:
    claim = PaidClaim("C1", 10000, 8000, (PaidLine("99213", 10000, 8000, (("CO", "45", 2000),), "L1"),))
    return Paid((claim,), **more)  # type: ignore[arg-type]


def test_lines_wrapped_at_eighty_columns_are_joined() -> None:
    wrapped = read_remittances(File((plain(),), layout=Layout(wrap=80)).bytes())
    assert wrapped.remittances[0].totals.balances
    assert as_written(wrapped.remittances[0]) == plain().claims


def test_a_byte_order_mark_and_latin_1_are_read() -> None:
    text = File((plain(),)).bytes().replace(b"ELM STREET", "CAFÉ".encode("latin-1"))
    content = read_remittances(b"\xef\xbb\xbf" + File((plain(),)).bytes())
    assert not content.findings
    other = read_remittances(text)
    assert [finding.code for finding in other.findings] == ["NOT_UTF8"]
    assert other.remittances[0].payment.payee.name == "CAFÉ CLINIC"


def test_interchanges_with_other_separators_follow_each_other() -> None:
    second = File((plain(trace="T2"),), number=2, layout=Layout("|", ">", "\n"))
    data = File((plain(),)).bytes() + b"\r\n" + second.bytes() + File((plain(trace="T3"),), number=3).bytes()
    content = read_remittances(data)
    assert [one.payment.trace_number for one in content.remittances] == ["EFT1", "T2", "T3"]
    assert [int(one.payment.provenance.interchange) for one in content.remittances] == [1, 2, 3]
    assert all(one.totals.balances for one in content.remittances)
    assert not content.findings


@pytest.mark.parametrize("terminator", ["|", "+", "\x1d"])
def test_segments_may_end_with_what_elsewhere_separates_elements(terminator: str) -> None:
    payments = plain(), plain(trace="T2", control_number="0002")
    content = read_remittances(File(payments, layout=Layout(terminator=terminator)).bytes())
    assert [one.payment.trace_number for one in content.remittances] == ["EFT1", "T2"]
    assert all(as_written(one) == plain().claims and one.totals.balances for one in content.remittances)
    assert not content.findings


def test_groups_of_one_interchange_follow_each_other() -> None:
    groups = [File((plain(trace=f"T{number}"),)).bytes() for number in (1, 2, 3)]
    head, _, end = groups[0].partition(b"GS*")[0], *groups[0].rpartition(b"IEA*")[1:]
    bodies = [b"GS*" + one.partition(b"GS*")[2].rpartition(b"IEA*")[0] for one in groups]
    numbered = [
        body.replace(b"*1*X*", b"*%d*X*" % number).replace(b"GE*1*1", b"GE*1*%d" % number)
        for number, body in enumerate(bodies, 1)
    ]
    content = read_remittances(head + b"".join(numbered) + b"IEA*" + end.replace(b"1*", b"3*", 1))
    assert [one.payment.trace_number for one in content.remittances] == ["T1", "T2", "T3"]
    assert [one.payment.provenance for one in content.remittances] == [
        ("000000001", str(number), "0001") for number in (1, 2, 3)
    ]
    assert all(one.totals.balances for one in content.remittances)
    assert not content.findings


def test_an_unreadable_header_does_not_take_the_next_interchange_along() -> None:
    broken = File((plain(trace="T2"),), number=2).bytes().replace(b"*00501*", b"")
    data = File((plain(),)).bytes() + broken + File((plain(trace="T3"),), number=3).bytes()
    content = read_remittances(data)
    traces = {one.payment.trace_number for one in content.remittances if not one.totals.quarantined}
    assert {"EFT1", "T3"} <= traces
    assert content.findings


def test_a_broken_transaction_does_not_take_its_neighbors_along() -> None:
    data = File((plain(), plain(trace="T2", control_number="0002"), plain(trace="T3", control_number="0003"))).bytes()
    cut = data.replace(b"SE*13*0002~", b"")
    assert cut != data
    first, second, third = read_remittances(cut).remittances
    assert [one.totals.quarantined for one in (first, second, third)] == [False, True, False]
    assert second.totals.findings[0].code == "TRANSACTION_CUT_OFF"


def test_negative_payments_and_unreadable_amounts_are_quarantined() -> None:
    refund = PaidClaim("C1", -10000, -10000)
    (negative,) = read_remittances(File((Paid((refund,)),)).bytes()).remittances
    assert negative.totals.quarantined
    unreadable = File((plain(),)).bytes().replace(b"BPR*I*80.00*", b"BPR*I*80.001*")
    (remittance,) = read_remittances(unreadable).remittances
    assert "AMOUNT_UNREADABLE" in [finding.code for finding in remittance.totals.findings]
    held = File((plain(),)).bytes().replace(b"CAS*CO*45*20.00", b"CAS*CO*45*twenty")
    (remittance,) = read_remittances(held).remittances
    assert remittance.claims[0].holds


def test_provider_adjustments_take_and_add() -> None:
    claim = PaidClaim("C1", 10000, 10000)
    paid = Paid((claim,), provider_adjustments=(("WO", 2500), ("L6", -100)))
    (remittance,) = read_remittances(File((paid,)).bytes()).remittances
    assert remittance.payment.cents == 10000 - 2500 + 100
    assert remittance.totals.balances
    assert [(one.code, one.reference, one.cents) for one in remittance.totals.provider_adjustments] == [
        ("WO", "REF1", 2500),
        ("L6", "REF1", -100),
    ]


def test_every_record_says_where_it_stands() -> None:
    data = File((plain(),)).bytes()
    segments = data.decode().split("~")
    (remittance,) = read_remittances(data).remittances
    (claim,) = remittance.claims
    assert segments[claim.segment_number - 1].startswith("CLP*")
    assert segments[claim.lines[0].segment_number - 1].startswith("SVC*")
    assert segments[claim.lines[0].adjustments[0].segment_number - 1].startswith("CAS*")
    assert claim.provenance == ("000000001", "1", "0001")


def test_large_files_are_read_claim_by_claim() -> None:
    claims = tuple(PaidClaim(f"C{number}", 100, 100) for number in range(5_000))
    data = File((Paid(claims),)).bytes()
    read = [record.control_number for record in RemittanceReader(io.BytesIO(data)) if isinstance(record, ClaimPayment)]
    assert read == [claim.number for claim in claims]


REFUSED = {
    "EMPTY_FILE": b"",
    "NOT_X12": b"<html>ISA*</html>",
    "UTF_16": File((plain(),)).bytes().decode().encode("utf-16"),
    "ISA_UNREADABLE": b"ISA*00*",
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_not_x12_is_refused(code: str) -> None:
    for read in (read_remittances, read_acknowledgments):
        with pytest.raises(EdiError) as refusal:
            read(REFUSED[code])
        assert refusal.value.code == code


def test_utf_16_without_a_mark_is_refused() -> None:
    with pytest.raises(EdiError):
        read_remittances(File((plain(),)).bytes().decode().encode("utf-16-be"))


def test_damaged_bytes_never_crash_and_never_pass_for_balanced_money() -> None:
    chance = random.Random(835)
    files = [path.read_bytes() for path in sorted(SAMPLES.glob("*/*.edi")) if path.stat().st_size < 8_000]
    refused = 0
    for _ in range(3_000):
        data = bytearray(chance.choice(files))
        for _ in range(chance.choice((1, 1, 3, 20))):
            _damage(chance, data)
        try:
            content = read_remittances(bytes(data))
            read_acknowledgments(bytes(data))
        except EdiError:
            refused += 1
            continue
        for remittance in content.remittances:
            assert remittance.totals.quarantined or _adds_up(remittance)
    assert 0 < refused < 1_500


def _damage(chance: random.Random, data: bytearray) -> None:
    place = chance.randrange(len(data)) if data else 0
    kind = chance.randrange(4)
    if kind == 0 and data:
        data[place] = chance.randrange(256)
    elif kind == 1:
        del data[place : place + chance.randrange(1, 40)]
    elif kind == 2:
        data[place:place] = bytes(chance.choices(b"*~:^ISACLPSVC0.9-\n\x00\xff", k=chance.randrange(1, 30)))
    else:
        data[place:place] = data[max(0, place - 200) : place]


def _adds_up(remittance: Remittance) -> bool:
    """Checked from the raw records, without the reader's own sums."""
    taken = sum(adjustment.cents for adjustment in remittance.totals.provider_adjustments)
    paid = sum(claim.paid_cents for claim in remittance.claims)
    fatal = any(finding.level is Level.FATAL for finding in remittance.totals.findings)
    return remittance.payment.cents == paid - taken >= 0 and not fatal and all(map(_is_sound, remittance.claims))


def _is_sound(claim: ClaimPayment) -> bool:
    adjusted = sum(a.cents for a in (*claim.adjustments, *(a for line in claim.lines for a in line.adjustments)))
    return claim.holds or claim.charge_cents - adjusted == claim.paid_cents
