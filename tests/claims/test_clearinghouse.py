"""A claim goes to the clearinghouse simulator and comes back paid: a process of its own, joined by folders alone."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.claims.builders import Practice
from tests.claims.test_submissions import Desk

from praxis.claims.v1 import claim_pb2, events_pb2
from praxis.claims.v1 import claim_service_pb2 as pb
from praxis.claims.v1 import remittance_service_pb2 as remittances_pb
from praxis_local import simulator

PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def clearinghouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run the simulator in its own environment, on one folder that all practices of this module share."""
    folder = tmp_path_factory.mktemp("clearinghouse")
    python = simulator.environment()
    assert python is not None, "tests/support/chsim is not in this checkout"
    command = [str(python), "-m", "chsim", "--dir", str(folder), "--http", "127.0.0.1:0", "--poll-seconds", "0.1"]
    with subprocess.Popen(
        command, cwd=simulator.FOLDER, env={}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        yield folder
        process.terminate()


def until(desk: Desk, reached: Callable[[], bool]) -> None:
    """Run the jobs until something is reached, as the work process would."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, desk.claim
        time.sleep(0.1)
        desk.send()
        desk.fetch()


def test_a_claim_is_sent_accepted_and_paid(practice: Practice, clearinghouse: Path) -> None:
    desk = Desk(practice, clearinghouse)
    desk.submit()
    until(desk, lambda: desk.claim.state == claim_pb2.CLAIM_STATE_ADJUDICATED)
    claim = desk.claim
    assert (claim.outcome, claim.paid_amount.amount) == (claim_pb2.CLAIM_OUTCOME_PAID, "112.40")
    assert claim.payer_control_number
    entries = desk.tenant.call("ListClaimTimeline", pb.ListClaimTimelineRequest(id=claim.id)).entries
    assert {"created", "ready", "batched", "submitted", "adjudicated"} <= {entry.kind for entry in entries}
    remittance = desk.tenant.call("ListRemittances", remittances_pb.ListRemittancesRequest()).remittances[0]
    assert (remittance.balances, remittance.payment_amount.amount) == (True, "112.40")
    ready = desk.tenant.events(events_pb2.RemittanceReady)
    assert [posting.claim_id for posting in ready[0].postings] == [claim.id]  # type: ignore[attr-defined]


def test_a_claim_that_the_house_refuses_is_rejected(practice: Practice, clearinghouse: Path) -> None:
    practice.member_id = "CA-A7-0001"
    desk = Desk(practice, clearinghouse)
    desk.submit()
    until(desk, lambda: desk.claim.state == claim_pb2.CLAIM_STATE_REJECTED_FRONT_END)
    assert desk.tenant.call("ScrubClaim", pb.ScrubClaimRequest(id=desk.claim.id)).attempt == 2


def test_a_denied_claim_is_adjudicated_as_denied(practice: Practice, clearinghouse: Path) -> None:
    practice.member_id = "DENY-50-0001"
    desk = Desk(practice, clearinghouse)
    desk.submit()
    until(desk, lambda: desk.claim.state == claim_pb2.CLAIM_STATE_ADJUDICATED)
    assert desk.claim.outcome == claim_pb2.CLAIM_OUTCOME_DENIED
