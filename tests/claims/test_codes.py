"""Diagnosis codes as a biller looks them up: by code, by words, and by the date of service."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import grpc
import pytest
from sqlalchemy import create_engine, text

from praxis.claims.v1 import code_service_pb2 as pb
from praxis_chassis.database import driver_url
from praxis_chassis.testing import Refused, ServiceUnderTest, TenantUnderTest
from praxis_claims.store.releases import load_release

LATER_YEAR = "Z00.00\t1\t\tSynthetic check-up\tannual synthetic\n".replace(".", "")
LATER_FROM = date(2031, 10, 1)


@pytest.fixture(scope="module")
def tenant(claims: ServiceUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TenantUnderTest]:
    """A tenant in a database that has a second, synthetic release."""
    packed = tmp_path_factory.mktemp("codes") / "later.tsv.gz"
    packed.write_bytes(gzip.compress(LATER_YEAR.encode(), mtime=0))
    engine = create_engine(driver_url(claims.runtime.settings.database_owner_url))
    with engine.begin() as connection:
        assert load_release(connection, packed, "2032", LATER_FROM)
        assert not load_release(connection, Path(packed), "2032", LATER_FROM)
    yield claims.tenant()
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM diagnosis_releases WHERE name = '2032'"))
    engine.dispose()


def search(tenant: TenantUnderTest, query: str, day: str = "2026-03-09", **more: int) -> pb.ListDiagnosisCodesResponse:
    request = pb.ListDiagnosisCodesRequest(query=query, service_date=day, **more)  # type: ignore[arg-type]
    reply: pb.ListDiagnosisCodesResponse = tenant.call("ListDiagnosisCodes", request)
    return reply


def test_a_code_is_found_with_and_without_its_dot(tenant: TenantUnderTest) -> None:
    for written in ("E11.9", "e119"):
        found = tenant.call("GetDiagnosisCode", pb.GetDiagnosisCodeRequest(code=written, service_date="2026-03-09"))
        assert (found.code, found.billable, found.parent_code) == ("E11.9", True, "E11")
        assert (found.release, found.valid_from_date, found.valid_to_date) == ("2026", "2025-10-01", "2031-09-30")
        assert not found.warnings


def test_a_category_is_shown_and_marked_as_not_billable(tenant: TenantUnderTest) -> None:
    codes = search(tenant, "E11").diagnosis_codes
    assert (codes[0].code, codes[0].billable) == ("E11", False)
    assert all(code.code.startswith("E11") for code in codes)
    assert all(code.billable for code in search(tenant, "E11", billable_only=True).diagnosis_codes)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("heart attack", "I21.9"),
        ("sugar diabetes", "E11.9"),
        ("high blood pressure", "I10"),
        ("hypertension", "I10"),
        ("flu", "J11.1"),
        ("pink eye", "H10.9"),
        ("uti", "N39.0"),
        ("type 2 diabetes", "E11.9"),
    ],
)
def test_words_find_what_people_mean(tenant: TenantUnderTest, query: str, code: str) -> None:
    assert search(tenant, query).diagnosis_codes[0].code == code


def test_a_later_release_counts_from_its_own_date(tenant: TenantUnderTest) -> None:
    assert search(tenant, "synthetic", "2031-10-01").diagnosis_codes[0].release == "2032"
    assert not search(tenant, "synthetic check", "2031-09-30").diagnosis_codes[0].description.startswith("Synthetic")
    assert not search(tenant, "Z0000", "2040-01-01").warnings


def test_a_date_before_every_release_warns_and_answers(tenant: TenantUnderTest) -> None:
    reply = search(tenant, "E11.9", "2019-05-05")
    assert reply.diagnosis_codes[0].code == "E11.9"
    assert [(warning.reason, warning.metadata["release"]) for warning in reply.warnings] == [
        ("DIAGNOSIS_RELEASE_OUTSIDE", "2026")
    ]


def test_pages_follow_each_other(tenant: TenantUnderTest) -> None:
    first = search(tenant, "fracture radius", page_size=5)
    second = tenant.call(
        "ListDiagnosisCodes",
        pb.ListDiagnosisCodesRequest(query="fracture radius", page_size=5, page_token=first.next_page_token),
    )
    assert len({code.code for code in [*first.diagnosis_codes, *second.diagnosis_codes]}) == 10


def test_an_unknown_code_and_an_empty_query_say_what_to_do(tenant: TenantUnderTest) -> None:
    with pytest.raises(Refused) as unknown:
        tenant.call("GetDiagnosisCode", pb.GetDiagnosisCodeRequest(code="Q99.99", service_date="2026-03-09"))
    assert (unknown.value.code, unknown.value.reason) == (grpc.StatusCode.NOT_FOUND, "DIAGNOSIS_CODE_UNKNOWN")
    with pytest.raises(Refused) as wordless:
        search(tenant, "???")
    assert wordless.value.violations[0][:2] == ("query", "QUERY_WITHOUT_WORDS")


def test_places_of_service_are_listed(tenant: TenantUnderTest) -> None:
    places = tenant.call("ListPlacesOfService", pb.ListPlacesOfServiceRequest()).places_of_service
    assert ("11", "Office") in [(place.code, place.name) for place in places]
