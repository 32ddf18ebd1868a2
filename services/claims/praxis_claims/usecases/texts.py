"""Sentences for people that are part of a reply, in the language of the caller."""

from __future__ import annotations

from sqlalchemy.orm import Session

from praxis.type.v1 import type_pb2
from praxis_chassis.context import context_of


def warning(session: Session, reason: str, **arguments: str) -> type_pb2.Warning:
    context = context_of(session)
    text = context.runtime.catalog.render(context.locale, reason, arguments)
    return type_pb2.Warning(reason=reason, text=text, metadata=arguments)
