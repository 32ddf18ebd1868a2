"""Keep the catalog, the fee schedules and the tax rates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from praxis.billing.v1 import catalog_pb2, events_pb2
from praxis_billing.store.mappings import CATALOG_ITEM, FEE_SCHEDULE, TAX_RATE
from praxis_billing.store.models import CatalogItem, FeeSchedule, TaxRate
from praxis_chassis.database import fetch
from praxis_chassis.errors import invalid
from praxis_chassis.events import record


def create_item(session: Session, asked: catalog_pb2.CatalogItem) -> CatalogItem:
    """Add an item."""
    item = CATALOG_ITEM.new(asked)
    record(session, events_pb2.CatalogItemCreated, item)
    return item


def update_item(session: Session, asked: catalog_pb2.CatalogItem, paths: Sequence[str]) -> CatalogItem:
    """Change an item; charges that were posted keep what they were posted with."""
    item = fetch(session, CatalogItem, asked.id, lock=True, etag=asked.etag)
    CATALOG_ITEM.apply(item, asked, paths)
    record(session, events_pb2.CatalogItemUpdated, item)
    return item


def create_schedule(session: Session, asked: catalog_pb2.FeeSchedule) -> FeeSchedule:
    """Add a fee schedule with its prices."""
    schedule = FEE_SCHEDULE.new(asked)
    _check_schedule(session, schedule)
    record(session, events_pb2.FeeScheduleCreated, schedule)
    return schedule


def update_schedule(session: Session, asked: catalog_pb2.FeeSchedule, paths: Sequence[str]) -> FeeSchedule:
    """Change a fee schedule; prices that are given replace all prices."""
    schedule = fetch(session, FeeSchedule, asked.id, lock=True, etag=asked.etag)
    if not paths or "fees" in paths:
        schedule.fees = []
        session.flush()
    FEE_SCHEDULE.apply(schedule, asked, paths)
    _check_schedule(session, schedule)
    record(session, events_pb2.FeeScheduleUpdated, schedule)
    return schedule


def _check_schedule(session: Session, schedule: FeeSchedule) -> None:
    _check_dates("fee_schedule", schedule.start_date, schedule.end_date)
    wanted = {fee.catalog_item_id for fee in schedule.fees}
    with session.no_autoflush:
        known = set(session.scalars(select(CatalogItem.id).where(CatalogItem.id.in_(wanted))))
    for place, fee in enumerate(schedule.fees):
        if fee.catalog_item_id not in known:
            raise invalid(f"fee_schedule.fees[{place}].catalog_item_id", "ITEM_UNKNOWN", id=fee.catalog_item_id)


def _check_dates(resource: str, start: date | None, end: date | None) -> None:
    if start is None:
        raise invalid(f"{resource}.start_date", "NOT_A_DATE")
    if end is not None and end <= start:
        raise invalid(f"{resource}.end_date", "END_NOT_AFTER_START", start=start)


def create_tax_rate(session: Session, asked: catalog_pb2.TaxRate) -> TaxRate:
    """Add a tax rate."""
    rate = TAX_RATE.new(asked)
    _check_dates("tax_rate", rate.start_date, rate.end_date)
    record(session, events_pb2.TaxRateCreated, rate)
    return rate


def update_tax_rate(session: Session, asked: catalog_pb2.TaxRate, paths: Sequence[str]) -> TaxRate:
    """Change a tax rate; charges that were posted keep their taxes."""
    rate = fetch(session, TaxRate, asked.id, lock=True, etag=asked.etag)
    TAX_RATE.apply(rate, asked, paths)
    _check_dates("tax_rate", rate.start_date, rate.end_date)
    record(session, events_pb2.TaxRateUpdated, rate)
    return rate
