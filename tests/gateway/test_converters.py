"""Messages survive the way to JSON and back, and JSON that fits no message is told where and why."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from praxis.identity.v1 import clock_service_pb2, user_pb2
from praxis.scheduling.v1 import waitlist_pb2
from praxis.type.v1 import type_pb2
from praxis_gateway import contracts
from praxis_gateway.contracts import message_class
from praxis_gateway.converters import Violations, from_json, to_json

CONTRACTS = contracts.load()
REPLIES = sorted({op.method.output_type.full_name for op in CONTRACTS.operations})
BY_NAME = {op.method.output_type.full_name: op.method.output_type for op in CONTRACTS.operations}
INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@st.composite
def timestamps(draw: st.DrawFn) -> timestamp_pb2.Timestamp:
    """Return any instant of the years 1 to 9999."""
    seconds = draw(st.integers(-62135596800, 253402300799))
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=draw(st.sampled_from([0, 1000, 120_000_000, 999_999_999])))


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, depth: int = 0) -> Message:
    """Return any message of a type."""
    if descriptor.full_name == "google.protobuf.Timestamp":
        return draw(timestamps())
    made = message_class(descriptor)()
    for field in descriptor.fields:
        if field.containing_oneof and field.containing_oneof.fields[0] is not field:
            continue
        if depth < 3 and draw(st.booleans()):
            fill(draw, made, field, depth)
    return made


def fill(draw: st.DrawFn, made: Message, field: FieldDescriptor, depth: int) -> None:
    """Set a field to anything that it can hold."""
    if field.message_type and field.message_type.GetOptions().map_entry:
        value = field.message_type.fields_by_name["value"]
        if not value.message_type:
            for key in draw(st.lists(TEXT, max_size=2)):
                getattr(made, field.name)[key] = draw(values(value, depth))
    elif field.is_repeated:
        getattr(made, field.name).extend(draw(st.lists(values(field, depth), max_size=2)))
    elif field.message_type:
        getattr(made, field.name).CopyFrom(draw(values(field, depth)))
    else:
        setattr(made, field.name, draw(values(field, depth)))


def values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    """Return the values of a field; an unspecified enum has no word."""
    if field.message_type:
        return messages(field.message_type, depth + 1)
    if field.enum_type:
        return st.sampled_from([value.number for value in field.enum_type.values if value.number])
    if field.cpp_type in INTEGERS:
        return st.integers(*INTEGERS[field.cpp_type])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=8)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return TEXT
    return st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(data=st.data(), name=st.sampled_from(REPLIES))
def test_every_reply_survives_the_way_to_json_and_back(data: st.DataObject, name: str) -> None:
    descriptor = BY_NAME[name]
    if descriptor.full_name.startswith("google.protobuf."):
        return
    message = data.draw(messages(descriptor))
    violations = Violations()
    back = from_json(descriptor, orjson.loads(orjson.dumps(to_json(message))), violations)
    assert violations.found == []
    assert back == message


def test_shapes_of_the_wire() -> None:
    user = user_pb2.User(id="1", state=user_pb2.User.STATE_ACTIVE)
    user.create_time.FromJsonString("2026-03-01T09:30:00.5Z")
    document = {"id": "1", "roles": [], "location_ids": [], "state": "active", "create_time": "2026-03-01T09:30:00.5Z"}
    assert to_json(user) == document
    assert "duration_minutes" not in to_json(waitlist_pb2.WaitlistEntry()), "zero means not given"
    assert to_json(clock_service_pb2.Clock(offset_seconds=2**53 - 1))["offset_seconds"] == 2**53 - 1
    assert to_json(clock_service_pb2.Clock(offset_seconds=2**53))["offset_seconds"] == str(2**53)


@pytest.mark.parametrize(
    ("document", "pointer", "code"),
    [
        ({"emial": "a"}, "/emial", "UNKNOWN_FIELD"),
        ({"email": 3}, "/email", "TEXT_EXPECTED"),
        ({"email": None}, "/email", "TEXT_EXPECTED"),
        ({"email": "a\0b"}, "/email", "TEXT_INVALID"),
        ({"roles": "owner"}, "/roles", "LIST_EXPECTED"),
        ({"roles": ["owner", 1]}, "/roles/1", "TEXT_EXPECTED"),
        ({"state": "ACTIVE"}, "/state", "UNKNOWN_WORD"),
        ({"state": "unspecified"}, "/state", "UNKNOWN_WORD"),
        ({"create_time": "2026-03-01T09:30:00"}, "/create_time", "TIMESTAMP_EXPECTED"),
        ({"create_time": "2026-03-01T09:30:00+99:00"}, "/create_time", "TIMESTAMP_EXPECTED"),
        ({"create_time": "2026-03-01T09:30:00-05:75"}, "/create_time", "TIMESTAMP_EXPECTED"),
        ({"create_time": "2026-02-30T09:30:00Z"}, "/create_time", "TIMESTAMP_EXPECTED"),
        ([], "", "OBJECT_EXPECTED"),
        ({"a/b~c": 1}, "/a~1b~0c", "UNKNOWN_FIELD"),
    ],
)
def test_what_does_not_fit_is_told_where(document: Any, pointer: str, code: str) -> None:
    violations = Violations()
    from_json(user_pb2.User.DESCRIPTOR, document, violations)
    assert [(fault.pointer, fault.code) for fault in violations.found] == [(pointer, code)]


def test_a_mistyped_field_gets_a_suggestion() -> None:
    violations = Violations()
    from_json(user_pb2.User.DESCRIPTOR, {"emial": "a"}, violations)
    assert "Did you mean email?" in violations.found[0].message


@pytest.mark.parametrize("value", [True, "x", 1.5, 2**31, -(2**31) - 1, [], None])
def test_numbers_are_whole_and_in_range(value: Any) -> None:
    descriptor = next(op for op in CONTRACTS.operations if op.name == "ListUsers").method.input_type
    violations = Violations()
    from_json(descriptor, {"page_size": value}, violations)
    assert violations.found[0].pointer == "/page_size"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)))  # fmt: skip
def test_no_json_value_breaks_the_decoder(document: Any) -> None:
    violations = Violations()
    from_json(type_pb2.Address.DESCRIPTOR, document, violations)
    if not isinstance(document, dict):
        assert violations.found
