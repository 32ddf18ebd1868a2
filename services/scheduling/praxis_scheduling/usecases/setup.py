"""Set up the calendar: resources, appointment types, templates and closures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from praxis.scheduling.v1 import appointment_type_pb2, errors_pb2, events_pb2, resource_pb2, template_pb2
from praxis_chassis.database import count, fetch
from praxis_chassis.errors import DomainError, Violation, invalid, refuse
from praxis_chassis.events import record
from praxis_scheduling.rules.hours import minute_of_day
from praxis_scheduling.store.models import AppointmentType, Closure, Resource, Template
from praxis_scheduling.usecases import directory

WAVE = template_pb2.BLOCK_KIND_WAVE


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
    kinds = [role.kind for role in kind.required_roles]
    if len(set(kinds)) < len(kinds):
        raise invalid("appointment_type.required_roles", "ROLE_TWICE")
    counted = [appointment_type_pb2.RequiredRole(kind=role.kind, count=role.count or 1) for role in kind.required_roles]
    kind.required_roles = counted
    _settle(kind)


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
    found = [item for index, block in enumerate(template.blocks) for item in _block_faults(index, block)]
    if found:
        raise refuse(found)
    with session.no_autoflush:
        _check_types(session, template)
        _check_overlap(session, template)


def _block_faults(index: int, block: template_pb2.Block) -> Iterable[Violation]:
    path = f"template.blocks[{index}]"
    if minute_of_day(block.local_end) <= minute_of_day(block.local_start):
        yield Violation(f"{path}.local_end", "ENDS_BEFORE_START")
    if (block.kind == WAVE) != (block.wave_size > 0):
        yield Violation(f"{path}.wave_size", "SIZE_FOR_WAVES")


def _check_types(session: Session, template: Template) -> None:
    wanted = {key for block in template.hours.blocks for key in block.allowed}
    known = set(session.scalars(select(AppointmentType.id).where(AppointmentType.id.in_(wanted)))) if wanted else set()
    if missing := wanted - known:
        raise invalid("template.blocks", "TYPE_UNKNOWN", id=min(missing))


def _check_overlap(session: Session, template: Template) -> None:
    mine = func.daterange(template.valid_from_date, template.valid_until_date)
    theirs = func.daterange(Template.valid_from_date, Template.valid_until_date)
    others = [Template.resource_id == template.resource_id, theirs.op("&&")(mine)]
    if inspect(template).has_identity:
        others.append(Template.id != template.id)
    if count(session, Template, *others):
        raise DomainError(errors_pb2.ERROR_REASON_TEMPLATE_OVERLAP)


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
