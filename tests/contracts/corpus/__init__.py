"""Bytes of every event type as they were first published; `python -m tests.contracts.corpus` adds what is new.

An entry is never changed: events are kept for ever, so today's code must read and apply what was written then. When a
message has grown, its old entry stays as it is, because old events do not have the new field either.
"""

from __future__ import annotations

import json
import pkgutil
import re
from base64 import b64decode, b64encode
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

import praxis
from praxis.event.v1 import event_pb2
from praxis_chassis.events import message_class

HERE = Path(__file__).parent
MOMENT = 1_790_000_000
DEPTH = 6


def event_types() -> dict[str, type[Message]]:
    """Return every event message of the contracts by its full name, in the order of their files."""
    found = {}
    for service in sorted(each.name for each in pkgutil.iter_modules(praxis.__path__)):
        try:
            module = import_module(f"praxis.{service}.v1.events_pb2")
        except ModuleNotFoundError:
            continue
        for descriptor in module.DESCRIPTOR.message_types_by_name.values():
            if descriptor.GetOptions().Extensions[event_pb2.event].aggregate:
                found[descriptor.full_name] = message_class(descriptor.full_name)
    return found


def entries() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Return the bytes and the meaning of every entry by event type."""
    files = [json.loads(path.read_text()) for path in sorted(HERE.glob("*.json"))]
    return {name: (b64decode(entry["bytes"]), entry["means"]) for file in files for name, entry in file.items()}


def meaning(message: Message) -> dict[str, Any]:
    return MessageToDict(message, preserving_proto_field_name=True)


def identity(kind: str) -> str:
    """Return the id of the one thing of a kind that all entries are about."""
    return str(uuid5(NAMESPACE_URL, f"praxis:{kind}"))


def filled(kind: type[Message], depth: int = 0) -> Message:
    """Return a message that has a value in every field; of a choice, the first."""
    message, chosen = kind(), set()
    for field in kind.DESCRIPTOR.fields:
        choice = field.containing_oneof
        if choice is not None and len(choice.fields) > 1:
            if choice.name in chosen:
                continue
            chosen.add(choice.name)
        if field.message_type is not None and depth > DEPTH:
            continue
        _fill(message, field, depth)
    return message


def _fill(message: Message, field: FieldDescriptor, depth: int) -> None:
    if field.message_type is None:
        value = scalar(field, message.DESCRIPTOR)
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)
    elif field.message_type.full_name == "google.protobuf.Timestamp":
        target = getattr(message, field.name)
        (target.add() if field.is_repeated else target).seconds = MOMENT
    elif not field.message_type.GetOptions().map_entry:
        part = filled(message_class_of(field.message_type), depth + 1)
        target = getattr(message, field.name)
        (target.add() if field.is_repeated else target).CopyFrom(part)


def message_class_of(descriptor: Descriptor) -> Any:
    from google.protobuf.message_factory import GetMessageClass

    return GetMessageClass(descriptor)


TEXTS = {
    "currency_code": "USD", "amount": "12.50", "percent": "7.5", "units": "1", "time_zone": "America/Chicago",
    "country_code": "US", "locale": "en-US", "language": "en", "etag": '"1"', "postal_code": "66044", "state": "KS",
    "local_start": "09:00", "local_end": "10:00",
}  # fmt: skip


def scalar(field: FieldDescriptor, owner: Descriptor) -> Any:
    """Return a value that fits what the name of a field promises."""
    if field.enum_type is not None:
        return field.enum_type.values[1].number
    if field.type == FieldDescriptor.TYPE_BOOL:
        return True
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b"\1\2\3\4"
    if field.type != FieldDescriptor.TYPE_STRING:
        return 10_000 if field.name.endswith("basis_points") else 1
    name = field.name
    if name == "id":
        return identity(re.sub(r"(?<!^)(?=[A-Z])", "_", owner.name).lower())
    if name.endswith(("_id", "_ids")):
        return identity(re.sub(r"_ids?$", "", name))
    return "2026-11-24" if name.endswith("_date") else TEXTS.get(name, name.replace("_", " ").capitalize())


def add_missing() -> int:
    """Write an entry for every event type that has none."""
    known, added = entries(), 0
    for name, kind in event_types().items():
        if name in known:
            continue
        message = filled(kind)
        path = HERE / f"{name.split('.')[1]}.json"
        file = json.loads(path.read_text()) if path.exists() else {}
        body = b64encode(message.SerializeToString(deterministic=True)).decode()
        file[name] = {"bytes": body, "means": meaning(message)}
        path.write_text(json.dumps(file, indent=1) + "\n")
        added += 1
    return added
