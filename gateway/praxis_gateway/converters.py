"""Messages to JSON values and back, by functions built once per message type from its descriptor."""

from __future__ import annotations

import base64
import binascii
import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from buf.validate import validate_pb2
from google.protobuf import duration_pb2, timestamp_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from praxis_gateway.contracts import enum_words, message_class, rules_of, shape

Encode = Callable[[Any], Any]
Decode = Callable[[Any, str, "Violations"], Any]

EXACT = 2**53
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$")
_WHOLE = re.compile(r"^-?\d{1,19}$")
_SECONDS = re.compile(r"^-?\d{1,11}(\.\d{1,9})?s$")
_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_WIDE = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
_MOST_VIOLATIONS = 50
_REFUSED = object()


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong with the input, and where; `pointer` for the body, `parameter` for the URL."""

    pointer: str
    code: str
    message: str
    parameter: str = ""

    def entry(self) -> dict[str, str]:
        """Return the member of `errors` in a problem document."""
        place = {"parameter": self.parameter} if self.parameter else {"pointer": self.pointer}
        return {**place, "code": self.code, "message": self.message}


@dataclass
class Violations:
    """What was found wrong so far."""

    found: list[Violation] = field(default_factory=list)

    def add(self, pointer: str, code: str, message: str) -> Any:
        """Note a fault and return the mark of a refused value."""
        if len(self.found) < _MOST_VIOLATIONS:
            self.found.append(Violation(pointer, code, message))
        return _REFUSED


def refused(value: Any) -> bool:
    """Tell whether a decoder refused its input."""
    return value is _REFUSED


# ---- messages to JSON ----


def to_json(message: Message) -> Any:
    """Return a message as the value that orjson writes."""
    return encoder(message.DESCRIPTOR)(message)


@cache
def encoder(descriptor: Descriptor) -> Encode:
    """Return the function that turns messages of this type into JSON values."""
    special = _ENCODERS.get(descriptor.full_name)
    if special:
        return special
    steps: list[tuple[str, bool, Encode | None, bool]] | None = None

    def encode(message: Message) -> dict[str, Any]:
        # Built at first use rather than at once, because message types may contain themselves.
        nonlocal steps
        if steps is None:
            steps = [_encode_step(entry) for entry in descriptor.fields]
        document: dict[str, Any] = {}
        for name, has_presence, convert, keep_empty in steps:
            if has_presence and not message.HasField(name):
                continue
            value = getattr(message, name)
            if not has_presence and not keep_empty and not value:
                continue
            document[name] = convert(value) if convert else value
        return document

    return encode


def _encode_step(entry: FieldDescriptor) -> tuple[str, bool, Encode | None, bool]:
    """Return name, presence, conversion, and whether an empty value is written.

    Texts and enums are left out when empty, and so is a number of which the contract says that zero means not given.
    """
    texts = (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_ENUM)
    not_given = rules_of(entry).ignore == validate_pb2.Ignore.Value("IGNORE_IF_ZERO_VALUE")  # type: ignore[attr-defined]
    keep_empty = entry.is_repeated or not (entry.cpp_type in texts or not_given)
    return entry.name, entry.has_presence, _encode_field(entry), keep_empty


def _is_map(entry: FieldDescriptor) -> bool:
    return bool(entry.message_type and entry.message_type.GetOptions().map_entry)


def _encode_field(entry: FieldDescriptor) -> Encode | None:
    if _is_map(entry):
        convert = _encode_one(shape(entry).fields_by_name["value"])
        return lambda value: {str(key): convert(item) if convert else item for key, item in value.items()}
    convert_one = _encode_one(entry)
    if not entry.is_repeated:
        return convert_one
    if convert_one is None:
        return list
    return lambda values: [convert_one(value) for value in values]


def _encode_one(entry: FieldDescriptor) -> Encode | None:
    if entry.message_type:
        return encoder(entry.message_type)
    if entry.enum_type:
        words = enum_words(entry.enum_type)
        return lambda number: words.get(number, str(number))
    if entry.cpp_type in _WIDE:
        return lambda value: value if -EXACT < value < EXACT else str(value)
    if entry.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: base64.b64encode(value).decode()
    return None


def _encode_timestamp(message: timestamp_pb2.Timestamp) -> str:
    text = (EPOCH + timedelta(seconds=message.seconds)).isoformat()[:19]
    if not message.nanos:
        return text + "Z"
    return f"{text}.{message.nanos:09d}".rstrip("0") + "Z"


_ENCODERS: dict[str, Encode] = {
    "google.protobuf.Timestamp": _encode_timestamp,
    "google.protobuf.Duration": lambda message: message.ToJsonString(),
    "google.protobuf.FieldMask": lambda message: list(message.paths),
}


# ---- JSON to messages ----


def from_json(descriptor: Descriptor, value: Any, violations: Violations, pointer: str = "") -> Any:
    """Return the message that a JSON value describes, or note what is wrong with it."""
    return decoder(descriptor)(value, pointer, violations)


@cache
def decoder(descriptor: Descriptor) -> Decode:
    """Return the function that turns JSON values into messages of this type."""
    special = _DECODERS.get(descriptor.full_name)
    if special:
        return special
    fields: dict[str, tuple[FieldDescriptor, Decode]] | None = None
    make = message_class(descriptor)

    def decode(value: Any, pointer: str, violations: Violations) -> Any:
        nonlocal fields
        if fields is None:
            fields = {entry.name: (entry, decode_field(entry)) for entry in descriptor.fields}
        if not isinstance(value, dict):
            return violations.add(pointer, "OBJECT_EXPECTED", f"This must be an object, not {_kind(value)}.")
        message = make()
        seen: dict[str, str] = {}
        for key, item in value.items():
            place = f"{pointer}/{_escape(key)}"
            if key not in fields:
                violations.add(place, "UNKNOWN_FIELD", _unknown(key, list(fields)))
                continue
            entry, convert = fields[key]
            if _second_choice(entry, seen, place, violations):
                continue
            converted = convert(item, place, violations)
            if converted is not _REFUSED:
                assign(message, entry, converted)
        return message

    return decode


def assign(message: Message, entry: FieldDescriptor, value: Any) -> None:
    """Set a field to a decoded value, whatever its kind."""
    if _is_map(entry):
        target = getattr(message, entry.name)
        for key, item in value.items():
            if shape(entry).fields_by_name["value"].message_type:
                target[key].CopyFrom(item)
            else:
                target[key] = item
    elif entry.is_repeated:
        getattr(message, entry.name).extend(value)
    elif entry.message_type:
        getattr(message, entry.name).CopyFrom(value)
    else:
        setattr(message, entry.name, value)


def _second_choice(entry: FieldDescriptor, seen: dict[str, str], place: str, violations: Violations) -> bool:
    """Note when two members of one choice are given."""
    choice = entry.containing_oneof
    if choice is None or len(choice.fields) == 1:
        return False
    first = seen.setdefault(choice.name, entry.name)
    if first == entry.name:
        return False
    violations.add(place, "CHOICE_CONFLICT", f"Give either {first} or {entry.name}, not both.")
    return True


def decode_field(entry: FieldDescriptor) -> Decode:
    """Return the decoder of a field, which is a list or a map of single values, or one of them."""
    if _is_map(entry):
        return _decode_map(decode_one(shape(entry).fields_by_name["value"]))
    return _decode_list(decode_one(entry)) if entry.is_repeated else decode_one(entry)


def _decode_list(convert: Decode) -> Decode:
    def decode(value: Any, pointer: str, violations: Violations) -> Any:
        if not isinstance(value, list):
            return violations.add(pointer, "LIST_EXPECTED", f"This must be a list, not {_kind(value)}.")
        items = [convert(item, f"{pointer}/{index}", violations) for index, item in enumerate(value)]
        return [item for item in items if item is not _REFUSED]

    return decode


def _decode_map(convert: Decode) -> Decode:
    def decode(value: Any, pointer: str, violations: Violations) -> Any:
        if not isinstance(value, dict):
            return violations.add(pointer, "OBJECT_EXPECTED", f"This must be an object, not {_kind(value)}.")
        items = {key: convert(item, f"{pointer}/{_escape(key)}", violations) for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not _REFUSED}

    return decode


def decode_one(entry: FieldDescriptor) -> Decode:
    """Return the decoder of a single value of a field."""
    if entry.message_type:
        return decoder(entry.message_type)
    if entry.enum_type:
        return _decode_enum({word: number for number, word in enum_words(entry.enum_type).items()})
    if entry.type == FieldDescriptor.TYPE_BYTES:
        return _decode_bytes
    if entry.cpp_type in _RANGES:
        return _decode_integer(*_RANGES[entry.cpp_type], wide=entry.cpp_type in _WIDE)
    return _SCALARS[entry.cpp_type]


def _decode_text(value: Any, pointer: str, violations: Violations) -> Any:
    if not isinstance(value, str):
        return violations.add(pointer, "TEXT_EXPECTED", f"This must be a text in quotes, not {_kind(value)}.")
    if "\0" in value:
        return violations.add(pointer, "TEXT_INVALID", "This contains a NUL character; remove it.")
    return value


def _decode_flag(value: Any, pointer: str, violations: Violations) -> Any:
    if not isinstance(value, bool):
        return violations.add(pointer, "BOOLEAN_EXPECTED", f"This must be true or false, not {_kind(value)}.")
    return value


def _decode_number(value: Any, pointer: str, violations: Violations) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return violations.add(pointer, "NUMBER_EXPECTED", f"This must be a number, not {_kind(value)}.")
    return float(value)


def _decode_integer(low: int, high: int, wide: bool) -> Decode:
    def decode(value: Any, pointer: str, violations: Violations) -> Any:
        if wide and isinstance(value, str) and _WHOLE.match(value):
            value = int(value)
        if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            return violations.add(pointer, "INTEGER_EXPECTED", f"This must be a whole number, not {_kind(value)}.")
        if not low <= value <= high:
            return violations.add(pointer, "OUT_OF_RANGE", f"This must be between {low} and {high}.")
        return value

    return decode


def _decode_enum(numbers: dict[str, int]) -> Decode:
    def decode(value: Any, pointer: str, violations: Violations) -> Any:
        if isinstance(value, str) and value in numbers:
            return numbers[value]
        return violations.add(pointer, "UNKNOWN_WORD", f"This must be one of: {', '.join(numbers)}.")

    return decode


def _decode_bytes(value: Any, pointer: str, violations: Violations) -> Any:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return violations.add(pointer, "BASE64_EXPECTED", "This must be a text in base64.")


def _decode_timestamp(value: Any, pointer: str, violations: Violations) -> Any:
    message = timestamp_pb2.Timestamp()
    try:
        if not isinstance(value, str) or not _INSTANT.match(value):
            raise ValueError(value)
        message.FromJsonString(value)
    except (ValueError, OverflowError):
        text = "This must be an instant with a zone, such as 2026-03-01T09:30:00Z."
        return violations.add(pointer, "TIMESTAMP_EXPECTED", text)
    return message


def _decode_duration(value: Any, pointer: str, violations: Violations) -> Any:
    message = duration_pb2.Duration()
    try:
        if not isinstance(value, str) or not _SECONDS.match(value):
            raise ValueError(value)
        message.FromJsonString(value)
    except (ValueError, OverflowError):
        return violations.add(pointer, "DURATION_EXPECTED", "This must be a number of seconds, such as 90s.")
    return message


_SCALARS: dict[int, Decode] = {
    FieldDescriptor.CPPTYPE_STRING: _decode_text,
    FieldDescriptor.CPPTYPE_BOOL: _decode_flag,
    FieldDescriptor.CPPTYPE_DOUBLE: _decode_number,
    FieldDescriptor.CPPTYPE_FLOAT: _decode_number,
}
_DECODERS: dict[str, Decode] = {
    "google.protobuf.Timestamp": _decode_timestamp,
    "google.protobuf.Duration": _decode_duration,
}


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    if isinstance(value, float) and not value.is_integer():
        return "a number with decimals"
    return names.get(type(value), "a number")


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else f"Known fields: {', '.join(sorted(known)) or 'none'}."
    return f"There is no such field. {hint}"
