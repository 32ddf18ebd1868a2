"""Turn an HTTP request into the request message of an RPC, as its `google.api.http` rule says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from praxis_gateway.contracts import Operation, message_class, shape
from praxis_gateway.converters import Violation, Violations, assign, decode_one, from_json, refused

_SERVER_FIELDS = ("id", "etag", "create_time", "update_time")
_IDEMPOTENCY_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")
_WHOLE = re.compile(r"^-?\d{1,19}$")
_NUMBERS = (
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
)


class InputError(Exception):
    """The request does not fit the contract; `violations` says where and how."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("the request does not fit the contract")
        self.violations = violations


@dataclass(frozen=True)
class Incoming:
    """What an HTTP request says, apart from who sent it."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, list[str]] = field(default_factory=dict)
    body: Any = None
    if_match: str | None = None
    idempotency_key: str | None = None


def rule_of(operation: Operation) -> str:
    """Return the Werkzeug rule of an operation; its variables are `p0`, `p1`… in order of the path fields."""
    rule = operation.path
    for index, name in enumerate(operation.path_fields()):
        rule = rule.replace("{" + name + "}", f"<segment:p{index}>")
    return rule


def query_fields(operation: Operation) -> dict[str, FieldDescriptor]:
    """Return the fields that may stand in the query, by their dotted name."""
    if operation.body == "*":
        return {}
    taken = {*operation.path_fields(), operation.body, "update_mask", "request_id"}
    if operation.etag_path:
        taken.add(".".join(operation.etag_path))
    return dict(_flat(operation.method.input_type, "", taken))


def _flat(descriptor: Descriptor, prefix: str, taken: set[str]) -> list[tuple[str, FieldDescriptor]]:
    found = []
    for entry in descriptor.fields:
        name = prefix + entry.name
        if name in taken:
            continue
        plain = entry.message_type is None or entry.message_type.full_name.startswith("google.protobuf.")
        if plain:
            found.append((name, entry))
        elif not entry.is_repeated and not prefix:
            found.extend(_flat(shape(entry), f"{name}.", taken))
    return found


def build(operation: Operation, incoming: Incoming) -> Message:
    """Return the request message, or raise with everything that is wrong at once."""
    violations = Violations()
    request = _from_body(operation, incoming.body, violations)
    parameters: list[Violation] = []
    _apply_query(operation, request, incoming.query, parameters)
    for name, value in incoming.path.items():
        _apply_path(request, name, value, violations)
    _apply_headers(operation, request, incoming, parameters)
    found = [*violations.found, *parameters]
    if found:
        raise InputError(found)
    return request


def _from_body(operation: Operation, body: Any, violations: Violations) -> Message:
    descriptor = operation.method.input_type
    if operation.body == "*":
        whole = from_json(descriptor, _without_path_fields(operation, body, violations), violations)
        return message_class(descriptor)() if refused(whole) else whole
    request = message_class(descriptor)()
    target = operation.body_field
    if target is None:
        return request
    if isinstance(body, Message):
        assign(request, target, body)
        return request
    if operation.is_update and isinstance(body, dict):
        changed = [key for key in body if key not in _SERVER_FIELDS]
        if not changed:
            violations.add("", "NOTHING_TO_CHANGE", "Send at least one field to change.")
        request.update_mask.paths.extend(changed)  # type: ignore[attr-defined]
        body = {key: value for key, value in body.items() if value is not None or key not in _clearable(target)}
    value = from_json(shape(target), body, violations)
    if not refused(value):
        assign(request, target, value)
    return request


def _clearable(target: FieldDescriptor) -> set[str]:
    """Return the fields that `null` clears in an update."""
    return {entry.name for entry in shape(target).fields}


def _without_path_fields(operation: Operation, body: Any, violations: Violations) -> Any:
    """Refuse body keys that the path or a header gives already."""
    if not isinstance(body, dict):
        return body
    for name in operation.path_fields():
        if name in body:
            violations.add(f"/{name}", "IN_PATH", "This is given by the path; leave it out of the body.")
    return {key: value for key, value in body.items() if key not in operation.path_fields()}


def _apply_path(request: Message, name: str, value: str, violations: Violations) -> None:
    """Set a path field; a body that names another object is refused."""
    owner, entry = _place(request, name)
    present = getattr(owner, entry.name)
    if present and present != value:
        violations.add(f"/{entry.name}", "PATH_MISMATCH", "This differs from the path; leave it out of the body.")
    setattr(owner, entry.name, value)


def _place(request: Message, name: str) -> tuple[Message, FieldDescriptor]:
    """Return the message that holds a dotted field, and the field."""
    owner = request
    *parents, last = name.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    return owner, cast(FieldDescriptor, owner.DESCRIPTOR.fields_by_name[last])


def _apply_query(
    operation: Operation, request: Message, query: Mapping[str, list[str]], found: list[Violation]
) -> None:
    known = query_fields(operation)
    for name, texts in query.items():
        entry = known.get(name)
        if entry is None:
            names = ", ".join(sorted(known)) or "none"
            text = f"There is no such query parameter. Known ones: {names}."
            found.append(Violation("", "UNKNOWN_PARAMETER", text, name))
        elif len(texts) > 1 and not entry.is_repeated:
            found.append(Violation("", "GIVEN_TWICE", "Give this parameter once.", name))
        else:
            _apply_parameter(request, name, entry, texts, found)


def _apply_parameter(
    request: Message, name: str, entry: FieldDescriptor, texts: list[str], found: list[Violation]
) -> None:
    violations = Violations()
    convert = decode_one(entry)
    values = [convert(_typed(entry, text), "", violations) for text in texts]
    found.extend(Violation("", fault.code, fault.message, name) for fault in violations.found)
    if not violations.found:
        owner, _ = _place(request, name)
        assign(owner, entry, values if entry.is_repeated else values[0])


def _typed(entry: FieldDescriptor, text: str) -> Any:
    """Return a query text as the JSON value it stands for."""
    if entry.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    if entry.cpp_type in _NUMBERS and _WHOLE.match(text):
        return int(text)
    return text


def _apply_headers(operation: Operation, request: Message, incoming: Incoming, found: list[Violation]) -> None:
    if incoming.if_match is not None and incoming.if_match != "*" and not operation.read_only:
        _apply_etag(operation, request, incoming.if_match, found)
    key = incoming.idempotency_key
    if key is None:
        return
    if not _IDEMPOTENCY_KEY.match(key):
        text = "This must be 1 to 200 visible ASCII characters, such as a UUID."
        found.append(Violation("", "IDEMPOTENCY_KEY_INVALID", text, "Idempotency-Key"))
    elif operation.has_request_id:
        request.request_id = key  # type: ignore[attr-defined]


def _apply_etag(operation: Operation, request: Message, etag: str, found: list[Violation]) -> None:
    if operation.etag_path is None:
        text = "This operation does not compare versions; leave the header out."
        found.append(Violation("", "IF_MATCH_UNUSED", text, "If-Match"))
        return
    owner, entry = _place(request, ".".join(operation.etag_path))
    setattr(owner, entry.name, etag)


def parse_json(data: bytes) -> Any:
    """Return the JSON value of a body, or raise saying where it breaks; a name said twice could mean either value."""
    try:
        value = orjson.loads(data)
        json.loads(data, object_pairs_hook=_once_each)
    except orjson.JSONDecodeError as error:
        text = f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise InputError([Violation("", "JSON_MALFORMED", text)]) from None
    except RecursionError:
        text = "The body is nested too deeply; no request needs that."
        raise InputError([Violation("", "JSON_MALFORMED", text)]) from None
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> None:
    """Refuse an object that has a name twice; parsers disagree about which value counts."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            text = f"The body has {name[:60]!r} twice in one object; send each name once."
            raise InputError([Violation("", "JSON_NAME_REPEATED", text)])
        seen.add(name)


def place_of(operation: Operation, field_path: str) -> Violation:
    """Return where a field of the request message stands in the HTTP request, with code and message left empty."""
    steps = re.findall(r"[^.\[\]]+", field_path)
    if ".".join(steps) in operation.path_fields():
        return Violation("", "", "", steps[-1])
    if operation.body_field is not None and steps[:1] == [operation.body]:
        return Violation("/" + "/".join(steps[1:]) if steps[1:] else "", "", "")
    if operation.body != "*" and not _of_body(operation, steps[0]):
        return Violation("", "", "", ".".join(steps))
    return Violation("/" + "/".join(steps), "", "")


def _of_body(operation: Operation, name: str) -> bool:
    """Tell whether a name that a service gives without its message can only be a field of the body."""
    target = operation.body_field
    inside = target is not None and target.message_type is not None and name in shape(target).fields_by_name
    in_path = {field.rsplit(".", 1)[-1] for field in operation.path_fields()}
    return inside and name not in operation.method.input_type.fields_by_name and name not in in_path
