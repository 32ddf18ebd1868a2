"""Dates in files and ages of claims are those of the practice's own calendar."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.claims.builders import SERVICE_DAY, Practice
from tests.claims.test_submissions import Desk

from praxis.claims.v1 import claim_service_pb2 as pb
from praxis_chassis import clock


@pytest.fixture
def today(practice: Practice) -> date:
    """The date at the practice's place, which lies where the calendar shows another day than in Greenwich."""
    now = clock.wall()
    zone = "Pacific/Kiritimati" if now.hour >= 10 else "Pacific/Pago_Pago"
    practice.tell_all()
    practice.tell_location(zone)
    local = now.astimezone(ZoneInfo(zone)).date()
    assert local != now.date()
    return local


def test_a_file_bears_the_date_of_the_place_that_bills(practice: Practice, tmp_path: Path, today: date) -> None:
    desk = Desk(practice, tmp_path, told=True)
    preview = desk.stored(desk.tenant.call("GetClaimX12", pb.GetClaimX12Request(id=desk.claim.id)).file_id)
    submission = desk.submit()
    sent = desk.stored(submission.file.file_id)
    again = desk.stored(desk.tenant.call("GetClaimX12", pb.GetClaimX12Request(id=desk.claim.id)).file_id)
    assert again == sent
    for data in (preview, sent):
        segments = {line.split("*")[0].strip(): line.split("*") for line in data.decode().split("~")}
        assert segments["ISA"][9] == f"{today:%y%m%d}"
        assert segments["GS"][4] == segments["BHT"][4] == f"{today:%Y%m%d}"


def test_the_age_of_a_claim_is_counted_in_days_of_its_location(practice: Practice, today: date) -> None:
    practice.post()
    age = (today - SERVICE_DAY).days

    def found(**ages: int) -> int:
        return len(practice.tenant.call("ListClaims", pb.ListClaimsRequest(**ages)).claims)

    assert found(min_age_days=age, max_age_days=age) == 1
    assert found(min_age_days=age + 1) == found(max_age_days=age - 1) == 0
