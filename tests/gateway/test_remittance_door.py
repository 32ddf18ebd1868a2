"""Remittances at their own door: each public 835 file is answered to the cent, once, and what is none is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_support import refused
from support.front_door import FrontDoor

SAMPLES = Path(__file__).parents[1] / "claims" / "edi" / "samples"
EXPECTED: dict[str, Any] = json.loads((SAMPLES / "expected.json").read_text())
REMITTANCES = sorted(name for name in EXPECTED if name.startswith("835/"))
DOOR, X12 = "/v1/remittanceFiles", {"Content-Type": "application/edi-x12"}


@pytest.fixture(scope="module")
def office(front_door: FrontDoor) -> Iterator[httpx.Client]:
    """The owner of a practice that has had no remittance yet."""
    with closing(front_door.newcomer()[1]) as diary:
        yield diary.client


def figures(transaction: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer says of a transaction, by the names of the expected figures."""
    adjustments = transaction.get("adjustment_amounts", {})
    return {
        "st02": transaction["control_number"],
        "bpr": Decimal(transaction["payment_amount"]),
        "claims": transaction["claim_count"],
        "lines": transaction.get("line_count", 0),
        "charge": Decimal(transaction["charge_amount"]),
        "paid": Decimal(transaction["paid_amount"]),
        "cas": sum(map(Decimal, adjustments.values())),
        "groups": set(adjustments),
        "plb": Decimal(transaction["provider_adjustment_amount"]),
        "transaction_balances": transaction.get("balances", False),
        "unbalanced_claims": _findings(transaction, "CLAIM_UNBALANCED"),
        "unbalanced_lines": _findings(transaction, "LINE_UNBALANCED"),
    }


def _findings(transaction: dict[str, Any], code: str) -> int:
    return sum(finding["code"] == code for finding in transaction.get("findings", []))


def wanted(expected: dict[str, Any]) -> dict[str, Any]:
    amounts = {name: Decimal(expected[name]) for name in ("bpr", "charge", "paid", "cas", "plb")}
    same = ("st02", "claims", "lines", "transaction_balances", "unbalanced_claims", "unbalanced_lines")
    return {**{name: expected[name] for name in same}, **amounts, "groups": set(expected["groups"])}


def test_the_public_files_are_all_here() -> None:
    assert len(REMITTANCES) == 9


@pytest.mark.parametrize("name", REMITTANCES)
def test_a_public_file_is_answered_to_the_cent_and_taken_once(office: httpx.Client, name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    first = office.post(DOOR, content=data, headers=X12)
    assert first.status_code == 201, first.text
    taken = first.json()
    assert first.headers["location"] == f"{DOOR}/{taken['id']}"
    assert "duplicate_of" not in taken
    assert [figures(each) for each in taken["transactions"]] == [wanted(each) for each in EXPECTED[name]["835"]]
    again = office.post(DOOR, content=data, headers=X12)
    assert again.status_code == 200, again.text
    repeated = again.json()
    assert (repeated["duplicate_of"], repeated["sha256"]) == (taken["id"], taken["sha256"])
    assert repeated["transactions"] == taken["transactions"]
    assert office.get(f"{DOOR}/{taken['id']}").json() == taken


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ((SAMPLES / REMITTANCES[0]).read_text().encode("utf-16"), "UTF-16"),
        (b"Dear practice, please find our payment enclosed.", "ISA"),
        (bytes(range(256)) * 40, "binary"),
        ((SAMPLES / REMITTANCES[0]).read_bytes().replace(b"N1*PE*", b"N1*PE*\0", 1), "is NUL"),
        ((SAMPLES / REMITTANCES[0]).read_bytes() + bytes(100), "is NUL"),
        ((SAMPLES / "837p" / "ims-valid-different-separators.edi").read_bytes(), "835"),
    ],
    ids=["utf-16", "letter", "junk", "nul in a name", "nul behind the end", "claims"],
)
def test_what_is_no_remittance_is_refused_with_the_reason(office: httpx.Client, data: bytes, says: str) -> None:
    problem = refused(office.post(DOOR, content=data, headers=X12), 400, "REMITTANCE_UNREADABLE")
    assert says in problem["detail"]


def test_a_file_of_26_megabytes_is_refused_before_it_is_read(office: httpx.Client) -> None:
    padded = (SAMPLES / REMITTANCES[0]).read_bytes().ljust(26_000_000)
    problem = refused(office.post(DOOR, content=padded, headers=X12), 413, "BODY_TOO_LARGE")
    assert "25 MB" in problem["detail"]
