"""Paths, queries, bodies and headers become request messages as the contracts say."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message

from praxis_gateway import contracts
from praxis_gateway.contracts import Operation
from praxis_gateway.transcoding import Incoming, InputError, build, place_of

CONTRACTS = contracts.load()
SOME_ID = "019ad2b5-7c00-7000-8000-000000000001"


def operation(name: str) -> Operation:
    return next(op for op in CONTRACTS.operations if op.name == name)


def built(name: str, **incoming: Any) -> Message:
    return build(operation(name), Incoming(**incoming))


def faults(name: str, **incoming: Any) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as caught:
        built(name, **incoming)
    return [(fault.parameter or fault.pointer, fault.code) for fault in caught.value.violations]


def test_path_query_and_body_fill_the_request() -> None:
    request: Any = built("SetUserRoles", path={"id": SOME_ID}, body={"roles": ["biller"]}, if_match='"3"')
    assert (request.id, list(request.roles), request.etag) == (SOME_ID, ["biller"], '"3"')
    listed: Any = built("ListUsers", query={"page_size": ["10"], "page_token": ["abc"]})
    assert (listed.page_size, listed.page_token) == (10, "abc")


def test_an_update_masks_the_fields_that_were_sent() -> None:
    body = {"display_name": "Kim", "etag": '"1"', "id": SOME_ID}
    request: Any = built("UpdateUser", path={"user.id": SOME_ID}, body=body, if_match='"2"')
    assert list(request.update_mask.paths) == ["display_name"]
    assert request.user.id == SOME_ID
    assert request.user.etag == '"2"'


def test_an_update_changes_something() -> None:
    assert faults("UpdateUser", path={"user.id": SOME_ID}, body={"id": SOME_ID}) == [("", "NOTHING_TO_CHANGE")]


def test_null_clears_a_field_in_an_update_only() -> None:
    request: Any = built("UpdateUser", path={"user.id": SOME_ID}, body={"location_ids": None})
    assert list(request.update_mask.paths) == ["location_ids"]
    assert not request.user.location_ids
    assert faults("CreateRole", body={"title": None}) == [("/title", "TEXT_EXPECTED")]


def test_the_idempotency_key_becomes_the_request_id() -> None:
    request: Any = built("CreateRole", body={"name": "x"}, idempotency_key="abc-1")
    assert request.request_id == "abc-1"
    assert faults("CreateRole", body={}, idempotency_key="a b") == [("Idempotency-Key", "IDEMPOTENCY_KEY_INVALID")]


def test_everything_wrong_is_told_at_once() -> None:
    found = faults("SetUserRoles", path={"id": SOME_ID}, query={"dry": ["1"]}, body={"id": SOME_ID, "rolse": []})
    assert set(found) == {("/id", "IN_PATH"), ("/rolse", "UNKNOWN_FIELD"), ("dry", "UNKNOWN_PARAMETER")}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"page_size": ["ten"]}, "INTEGER_EXPECTED"),
        ({"page_size": ["1", "2"]}, "GIVEN_TWICE"),
        ({"page": ["1"]}, "UNKNOWN_PARAMETER"),
    ],
)
def test_wrong_queries_name_the_parameter(query: dict[str, list[str]], code: str) -> None:
    assert [found for _, found in faults("ListUsers", query=query)] == [code]


def test_a_body_cannot_name_another_object() -> None:
    other = SOME_ID.replace("1", "2")
    assert faults("UpdateUser", path={"user.id": SOME_ID}, body={"id": other, "display_name": "X"}) == [
        ("/id", "PATH_MISMATCH")
    ]


def test_if_match_is_refused_where_no_version_is_compared() -> None:
    assert faults("CreateRole", body={"name": "x"}, if_match='"1"') == [("If-Match", "IF_MATCH_UNUSED")]


def test_faults_found_by_a_service_point_into_the_http_request() -> None:
    assert place_of(operation("CreateRole"), "role.permissions[2]").pointer == "/permissions/2"
    assert place_of(operation("CreateRole"), "permissions").pointer == "/permissions"
    assert place_of(operation("SetUserRoles"), "roles").pointer == "/roles"
    assert place_of(operation("SetUserRoles"), "id").parameter == "id"
    assert place_of(operation("ListUsers"), "page_size").parameter == "page_size"


def test_every_route_names_fields_that_exist() -> None:
    for op in CONTRACTS.operations:
        for name in op.path_fields():
            descriptor = op.method.input_type
            for step in name.split("."):
                field = descriptor.fields_by_name[step]
                descriptor = field.message_type or descriptor
