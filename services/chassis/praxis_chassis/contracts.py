"""Judge messages by the rules that stand in their contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import protovalidate
from google.protobuf.message import Message

from praxis_chassis.errors import Violation, refuse


def refuse_violations(message: Message, counts: Callable[[Any], bool] = lambda _: True, prefix: str = "") -> None:
    """Refuse a message that breaks its contract; `counts` tells which violations matter, `prefix` leads their paths."""
    found = [item.proto for item in protovalidate.collect_violations(message)]
    violations = [_violation(item, prefix) for item in found if counts(item)]
    if violations:
        raise refuse(violations)


def _violation(found: Any, prefix: str) -> Violation:
    elements = found.field.elements if found.field else ()
    path = ".".join(
        f"{element.field_name}[{element.subscript.value}]" if element.subscript else element.field_name
        for element in elements
    )
    text = found.message or "is not valid"
    sentence = text[0].upper() + text[1:].rstrip(".") + "."
    return Violation(prefix + path, found.rule_id.replace(".", "_").upper(), text=sentence)
