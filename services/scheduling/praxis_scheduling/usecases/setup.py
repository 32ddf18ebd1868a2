"""Set up the calendar: resources, appointment types, templates and closures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_type_pb2, errors_pb2, events_pb2, resource_pb2, template_pb2
from praxis_chassis.database import count, fetch
from praxis_chassis.errors import DomainError, Violation, invalid, refuse
from praxis_chassis.events import record
from praxis_scheduling.rules.hours import minute_of_day
from praxis_scheduling.store.models import AppointmentType, Closure, Resource, Template, TemplateException
from praxis_scheduling.usecases import directory

WAVE = template_pb2.BLOCK_KIND_WAVE
RESERVED = template_pb2.BLOCK_KIND_RESERVED


def _keep(entity: Any, path: str, *names: str) -> None:
    for name in names:
        if inspect(entity).attrs[name].history.has_changes():
            raise invalid(f"{path}.{name}", "CANNOT_BE_CHANGED")


def _settle(entity: Any) -> None:
    entity.active = True if entity.active is None else entity.active


def create_resource(session: Session, resource: Resource) -> Resource:
    """Set up a resource."""
    _check_resource(session, resource)
    record(session, events_pb2.ResourceCreated, resource)
    return resource


def change_resource(session: Session, resource: Resource) -> Resource:
    """Change a resource; its appointments stay as they are."""
    _keep(resource, "resource", "kind", "location_id")
    _check_resource(session, resource)
    record(session, events_pb2.ResourceUpdated, resource)
    return resource


def _check_resource(session: Session, resource: Resource) -> None:
    with session.no_autoflush:
        directory.known_location(session, resource.location_id)
        if (resource.kind == resource_pb2.RESOURCE_KIND_PROVIDER) != (resource.practitioner_id is not None):
            raise invalid("resource.practitioner_id", "PRACTITIONER_FOR_PROVIDERS")
        if resource.practitioner_id:
            directory.known_practitioner(session, resource.practitioner_id)
    resource.capacity = resource.capacity or 1
    if resource.double_booking_enabled:
        resource.double_booking_limit = resource.double_booking_limit or 1
    _settle(resource)


def create_appointment_type(session: Session, kind: AppointmentType) -> AppointmentType:
    """Set up an appointment type."""
    _check_type(kind)
    record(session, events_pb2.AppointmentTypeCreated, kind)
    return kind


def change_appointment_type(session: Session, kind: AppointmentType) -> AppointmentType:
    """Change an appointment type; appointments that are booked stay as they are."""
    _check_type(kind)
    record(session, events_pb2.AppointmentTypeUpdated, kind)
    return kind


def _check_type(kind: AppointmentType) -> None:
    faults = [fault for index, role in enumerate(kind.required_roles) for fault in _role_faults(kind, index, role)]
    if faults:
        raise refuse(faults)
    if kind.deposit is not None and kind.deposit.minor <= 0:
        raise invalid("appointment_type.deposit", "DEPOSIT_POSITIVE")
    kind.required_roles = [_counted(role) for role in kind.required_roles]
    _settle(kind)


def _role_faults(kind: AppointmentType, index: int, role: appointment_type_pb2.RequiredRole) -> Iterable[Violation]:
    path = f"appointment_type.required_roles[{index}]"
    if role.offset_minutes >= kind.duration_minutes:
        yield Violation(f"{path}.offset_minutes", "ROLE_OUTSIDE")
    elif role.offset_minutes + role.length_minutes > kind.duration_minutes:
        yield Violation(f"{path}.length_minutes", "ROLE_OUTSIDE")
    if index == 0 and role.offset_minutes:
        yield Violation(f"{path}.offset_minutes", "LEADS_FROM_START")
    if role in list(kind.required_roles)[:index]:
        yield Violation(path, "ROLE_TWICE")


def _counted(role: appointment_type_pb2.RequiredRole) -> appointment_type_pb2.RequiredRole:
    counted = appointment_type_pb2.RequiredRole()
    counted.CopyFrom(role)
    counted.count = role.count or 1
    return counted


def create_template(session: Session, template: Template) -> Template:
    """Set up weekly hours."""
    fetch(session, Resource, template.resource_id)
    _check_template(session, template)
    record(session, events_pb2.TemplateCreated, template)
    return template


def change_template(session: Session, template: Template) -> Template:
    """Change weekly hours; appointments that are booked stay as they are."""
    _keep(template, "template", "resource_id")
    _check_template(session, template)
    record(session, events_pb2.TemplateUpdated, template)
    return template


def _check_template(session: Session, template: Template) -> None:
    if template.valid_until_date and template.valid_until_date <= template.valid_from_date:
        raise invalid("template.valid_until_date", "ENDS_BEFORE_START")
    check_blocks(session, "template", template.blocks, weekly=True)
    with session.no_autoflush:
        _check_overlap(session, template)


def check_blocks(session: Session, path: str, blocks: Sequence[template_pb2.Block], *, weekly: bool) -> None:
    """Refuse blocks that do not make sense, or that name appointment types which do not exist."""
    found = [item for i, block in enumerate(blocks) for item in _block_faults(f"{path}.blocks[{i}]", block, weekly)]
    if found:
        raise refuse(found)
    wanted = {UUID(key) for block in blocks for key in block.allowed_appointment_type_ids}
    with session.no_autoflush:
        query = select(AppointmentType.id).where(AppointmentType.id.in_(wanted))
        known = set(session.scalars(query)) if wanted else set()
    if missing := wanted - known:
        raise invalid(f"{path}.blocks", "TYPE_UNKNOWN", id=min(missing))


def _block_faults(path: str, block: template_pb2.Block, weekly: bool) -> Iterable[Violation]:
    if bool(block.weekday) != weekly:
        yield Violation(f"{path}.weekday", "WEEKDAY_NEEDED" if weekly else "WEEKDAY_OF_DATE")
    if minute_of_day(block.local_end) <= minute_of_day(block.local_start):
        yield Violation(f"{path}.local_end", "ENDS_BEFORE_START")
    if (block.kind == WAVE) != (block.wave_size > 0):
        yield Violation(f"{path}.wave_size", "SIZE_FOR_WAVES")
    if (block.kind == RESERVED) != bool(block.reserved_tags):
        yield Violation(f"{path}.reserved_tags", "TAGS_FOR_RESERVED")
    if block.release_hours and block.kind != RESERVED:
        yield Violation(f"{path}.release_hours", "RELEASE_FOR_RESERVED")


def _check_overlap(session: Session, template: Template) -> None:
    mine = func.daterange(template.valid_from_date, template.valid_until_date)
    theirs = func.daterange(Template.valid_from_date, Template.valid_until_date)
    others = [Template.resource_id == template.resource_id, theirs.op("&&")(mine)]
    if inspect(template).has_identity:
        others.append(Template.id != template.id)
    if count(session, Template, *others):
        raise DomainError(errors_pb2.ERROR_REASON_TEMPLATE_OVERLAP)


def create_exception(session: Session, exception: TemplateException) -> TemplateException:
    """Set up what is different from the weekly hours on one date; appointments that are booked stay as they are."""
    fetch(session, Resource, exception.resource_id)
    _check_exception(session, exception)
    record(session, events_pb2.TemplateExceptionCreated, exception)
    return exception


def change_exception(session: Session, exception: TemplateException) -> TemplateException:
    """Change or withdraw an exception."""
    _keep(exception, "template_exception", "resource_id", "local_date")
    _check_exception(session, exception)
    record(session, events_pb2.TemplateExceptionUpdated, exception)
    return exception


def _check_exception(session: Session, exception: TemplateException) -> None:
    check_blocks(session, "template_exception", exception.blocks, weekly=False)
    _settle(exception)


def create_closure(session: Session, closure: Closure) -> Closure:
    """Close a location or a resource for a time; appointments that are booked stay as they are."""
    directory.known_location(session, closure.location_id)
    _check_closure(session, closure)
    record(session, events_pb2.ClosureCreated, closure)
    return closure


def change_closure(session: Session, closure: Closure) -> Closure:
    """Change or withdraw a closure."""
    _keep(closure, "closure", "location_id", "resource_id")
    _check_closure(session, closure)
    record(session, events_pb2.ClosureUpdated, closure)
    return closure


def _check_closure(session: Session, closure: Closure) -> None:
    if closure.end_time <= closure.start_time:
        raise invalid("closure.end_time", "ENDS_BEFORE_START")
    if closure.resource_id:
        with session.no_autoflush:
            resource = fetch(session, Resource, closure.resource_id)
        if resource.location_id != closure.location_id:
            raise DomainError(errors_pb2.ERROR_REASON_RESOURCE_ELSEWHERE, resource=resource.name)
    _settle(closure)
