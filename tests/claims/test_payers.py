"""Payers as an administrator keeps them."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf import field_mask_pb2
from tests.claims.builders import Practice

from praxis.claims.v1 import events_pb2, payer_pb2
from praxis.claims.v1 import payer_service_pb2 as pb
from praxis_chassis.testing import Refused, ServiceUnderTest


def test_a_payer_is_added_found_changed_and_retired(claims: ServiceUnderTest) -> None:
    practice = Practice(claims.tenant())
    payer = practice.add_payer(
        name="Acme 100% Health",
        contractual_reasons=["CO-45", "CO-253"],
        formats=[payer_pb2.CLAIM_FORMAT_PROFESSIONAL],
    )
    assert (payer.etag, list(payer.contractual_reasons)) == ('"1"', ["CO-45", "CO-253"])
    assert payer.HasField("create_time")
    assert practice.tenant.call("GetPayer", pb.GetPayerRequest(id=payer.id)) == payer
    for query in ("00% h", "600"):
        assert practice.tenant.call("ListPayers", pb.ListPayersRequest(query=query)).payers[0].id == payer.id
    assert not practice.tenant.call("ListPayers", pb.ListPayersRequest(query="%%")).payers
    change = payer_pb2.Payer(id=payer.id, etag=payer.etag, retired=True)
    mask = field_mask_pb2.FieldMask(paths=["retired"])
    changed = practice.tenant.call("UpdatePayer", pb.UpdatePayerRequest(payer=change, update_mask=mask))
    assert (changed.retired, changed.name, changed.etag) == (True, payer.name, '"2"')
    assert not practice.tenant.call("ListPayers", pb.ListPayersRequest()).payers
    assert practice.tenant.call("ListPayers", pb.ListPayersRequest(include_retired=True)).payers
    with pytest.raises(Refused) as stale:
        practice.tenant.call("UpdatePayer", pb.UpdatePayerRequest(payer=change, update_mask=mask))
    assert stale.value.code == grpc.StatusCode.ABORTED
    assert len(practice.tenant.events(events_pb2.PayerUpdated)) == 1


def test_names_and_electronic_ids_are_used_once(claims: ServiceUnderTest) -> None:
    practice = Practice(claims.tenant())
    payer = practice.add_payer()
    with pytest.raises(Refused) as name:
        practice.add_payer(name=payer.name, electronic_id="99999")
    assert name.value.reason == "PAYER_NAME_TAKEN"
    with pytest.raises(Refused) as electronic_id:
        practice.add_payer()
    assert electronic_id.value.reason == "PAYER_ELECTRONIC_ID_TAKEN"


@pytest.mark.parametrize("pattern", ["[0-9", "(a+)+$", ".*.*.*x", "a?b?c?d?", "[z-a]"])
def test_a_pattern_that_is_broken_or_could_run_for_ever_is_refused(claims: ServiceUnderTest, pattern: str) -> None:
    with pytest.raises(Refused) as refused:
        Practice(claims.tenant()).add_payer(member_id_pattern=pattern)
    assert refused.value.violations[0][:2] == ("payer.member_id_pattern", "PATTERN_INVALID")
