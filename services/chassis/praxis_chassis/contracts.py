"""Judge messages by the rules that stand in their contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import protovalidate
from buf.validate import validate_pb2
from google.protobuf.message import Message

from praxis_chassis.errors import Violation, refuse

PATTERN = "string.pattern"
# Rules whose own sentences speak of lists, values and UUIDs; people get the texts of the catalog instead.
WORDED = frozenset(
    {
        "enum.not_in",
        "repeated.min_items",
        "repeated.unique",
        "required",
        "string.min_len",
        "string.uuid",
        "string.uuid_empty",
    }
)


def refuse_violations(message: Message, counts: Callable[[Any], bool] = lambda _: True, prefix: str = "") -> None:
    """Refuse a message that breaks its contract; `counts` tells which violations matter, `prefix` leads their paths."""
    found = [item for item in protovalidate.collect_violations(message) if counts(item.proto)]
    violations = [_violation(message, item.proto, item.rule_value, prefix) for item in found]
    if violations:
        raise refuse(violations)


def _violation(message: Message, found: Any, limit: object, prefix: str) -> Violation:
    elements = found.field.elements if found.field else ()
    path = ".".join(
        f"{element.field_name}[{element.subscript.value}]" if element.subscript else element.field_name
        for element in elements
    )
    example = _example(message, elements) if found.rule_id == PATTERN else ""
    if example:  # nobody who fills a field in reads regular expressions
        return Violation(prefix + path, "STRING_PATTERN", {"example": example})
    reason = found.rule_id.replace(".", "_").upper()
    if found.rule_id in WORDED:
        return Violation(prefix + path, reason, {"limit": str(limit)})
    text = found.message or "is not valid"
    return Violation(prefix + path, reason, text=text[0].upper() + text[1:].rstrip(".") + ".")


def _example(message: Message, elements: Iterable[Any]) -> str:
    """Return how the contract writes the field that a path leads to; nothing where it gives no example."""
    descriptor, examples = message.DESCRIPTOR, []
    for element in elements:
        field = descriptor.fields_by_name.get(element.field_name)
        if field is None:
            return ""
        rules = field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[attr-defined]
        examples = [*rules.string.example, *rules.repeated.items.string.example]
        descriptor = field.message_type or descriptor
    return examples[0] if examples else ""
