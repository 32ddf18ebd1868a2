"""The simulator forgets nothing, answers nothing twice, and is the same every time."""

import time
import urllib.error
from collections.abc import Callable
from decimal import Decimal
from random import Random

import pytest

from chsim_driver.answers import named, remittance
from chsim_driver.claim_files import TestClaim, claim_file
from chsim_driver.process import Simulator

OUT = ("ta1", "999", "277ca", "835")
MEMBERS = ("PAID-1", "COINS-2", "DEDUCT-3", "DENY-50", "INTEREST-L6", "CA-A7", "999R")
NewSimulator = Callable[[str], Simulator]


def test_the_same_files_give_the_same_bytes(new_simulator: NewSimulator) -> None:
    outputs = []
    for name in ("one", "two"):
        simulator = new_simulator(name)
        simulator.start("--seed", "7")
        for control, member in enumerate(MEMBERS, start=1):
            simulator.drop(f"{control}.837", claim_file([TestClaim(member, f"C{control}")], control))
            simulator.wait()
        outputs.append({folder: simulator.files(folder) for folder in OUT})
    assert outputs[0] == outputs[1]
    assert sum(len(files) for files in outputs[0].values()) > 15


def test_a_restart_remembers(new_simulator: NewSimulator) -> None:
    simulator = new_simulator("house")
    simulator.start()
    simulator.drop("1.837", claim_file([TestClaim("DEDUCT-1", "A")], 1))
    simulator.wait()
    simulator.kill()
    simulator.start()
    simulator.drop("2.837", claim_file([TestClaim("DEDUCT-1", "B")], 2))
    simulator.drop("3.837", claim_file([TestClaim("PAID-1", "C")], 2))
    simulator.wait()
    assert {key: claim["patient_responsibility"] for key, claim in simulator.ledger().items()} == {
        "A": "100.00",
        "B": "0.00",
    }
    assert named(simulator.answers("ta1")[0], "TA1")[0][5] == "025"


@pytest.mark.faults
def test_killed_at_any_moment_it_answers_each_file_once(new_simulator: NewSimulator) -> None:
    simulator, dice, kills = new_simulator("house"), Random(11), 0
    for control in range(1, 17):
        simulator.drop(f"{control:02d}.837", claim_file([TestClaim("PAID-1", f"C{control}")], control))
    while list((simulator.directory / "in").iterdir()) and kills < 12:
        simulator.start()
        time.sleep(dice.uniform(0.01, 0.2))
        simulator.kill()
        kills += 1
    simulator.start()
    simulator.wait()
    paid = [claim.number for answer in simulator.answers("835") for claim in remittance(answer).claims]
    assert kills >= 3
    assert sorted(paid) == sorted(f"C{control}" for control in range(1, 17))
    assert len(simulator.answers("999")) == len(simulator.answers("277ca")) == 16
    assert simulator.answers("ta1") == []
    assert sum(Decimal(claim["paid"]) for claim in simulator.ledger().values()) == 16 * Decimal("148.32")


def test_late_payments_come_when_the_clock_says_so(simulator: Simulator) -> None:
    simulator.drop("1.837", claim_file([TestClaim("LATE-3", "A")]))
    simulator.wait()
    assert simulator.answers("835") == []
    simulator.call("POST", "/admin/clock", {"advance": 3 * 86_400})
    assert len(simulator.answers("835")) == 1


def test_a_rule_wins_over_the_member_id(simulator: Simulator) -> None:
    simulator.call("POST", "/admin/scenario", {"scenario": "DENY-29", "procedure": "99212"})
    simulator.drop("1.837", claim_file([TestClaim("PAID-1", "A"), TestClaim("PAID-1", "B", charges=("40",))]))
    simulator.wait()
    ledger = simulator.ledger()
    assert (ledger["A"]["adjustments"], ledger["B"]["paid"]) == ({"CO-29": "185.40"}, "32.00")


def test_unfinished_and_unreadable_files_harm_nobody(simulator: Simulator) -> None:
    inbound = simulator.directory / "in"
    (inbound / "half.837.tmp").write_bytes(claim_file([TestClaim("PAID-1", "HALF")])[:200])
    for name, data in {"junk": b"hello", "empty": b"", "cut": claim_file([TestClaim("PAID-1", "CUT")])[:300]}.items():
        simulator.drop(name, data)
    simulator.drop("good.837", claim_file([TestClaim("PAID-1", "GOOD")], 5))
    deadline = time.monotonic() + 10
    while "GOOD" not in simulator.ledger() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert set(simulator.ledger()) == {"GOOD"}
    assert [path.name for path in inbound.iterdir()] == ["half.837.tmp"]


def test_reset_forgets_everything(simulator: Simulator) -> None:
    simulator.drop("1.837", claim_file([TestClaim("PAID-1", "A")]))
    simulator.wait()
    simulator.call("POST", "/admin/reset", {})
    assert (simulator.ledger(), simulator.answers("835")) == ({}, [])
    simulator.drop("1.837", claim_file([TestClaim("PAID-1", "A")]))
    simulator.wait()
    assert simulator.answers("ta1") == []


@pytest.mark.parametrize(
    ("path", "body"),
    [("/admin/clock", {"advance": "soon"}), ("/admin/clock", {"advance": -1}), ("/admin/scenario", {"scenario": "X"})],
)
def test_wrong_requests_are_refused_with_a_reason(simulator: Simulator, path: str, body: dict[str, object]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        simulator.call("POST", path, body)
    with refusal.value as answer:
        assert answer.code == 400
        assert b"error" in answer.read()
