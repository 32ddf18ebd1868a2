"""RPCs of the catalog, the fee schedules and the tax rates."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import or_, select

from praxis.billing.v1 import catalog_pb2
from praxis.billing.v1 import catalog_service_pb2 as pb
from praxis_billing.store.mappings import CATALOG_ITEM, FEE_SCHEDULE, TAX_RATE
from praxis_billing.store.models import CatalogItem, FeeSchedule, TaxRate
from praxis_billing.store.queries import holds_on
from praxis_billing.usecases import catalog
from praxis_chassis.database import fetch
from praxis_chassis.mapping import read_date
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query


class CatalogService:
    @command
    def CreateCatalogItem(self, request: pb.CreateCatalogItemRequest, call: Call) -> catalog_pb2.CatalogItem:
        return CATALOG_ITEM.message(catalog.create_item(call.session, request.catalog_item))

    @query
    def GetCatalogItem(self, request: pb.GetCatalogItemRequest, call: Call) -> catalog_pb2.CatalogItem:
        return CATALOG_ITEM.message(fetch(call.session, CatalogItem, request.id))

    @query
    def ListCatalogItems(self, request: pb.ListCatalogItemsRequest, call: Call) -> pb.ListCatalogItemsResponse:
        found = select(CatalogItem)
        if request.query:
            found = found.where(
                or_(
                    CatalogItem.name.istartswith(request.query, autoescape=True),
                    CatalogItem.code.istartswith(request.query, autoescape=True),
                )
            )
        if request.sector:
            found = found.where(CatalogItem.sector.in_([request.sector, catalog_pb2.SECTOR_ALL]))
        if not request.include_retired:
            found = found.where(~CatalogItem.retired)
        items, token = page(call.session, found, order=[CatalogItem.name, CatalogItem.id], request=request)
        return pb.ListCatalogItemsResponse(catalog_items=map(CATALOG_ITEM.message, items), next_page_token=token)

    @command
    def UpdateCatalogItem(self, request: pb.UpdateCatalogItemRequest, call: Call) -> catalog_pb2.CatalogItem:
        return CATALOG_ITEM.message(catalog.update_item(call.session, request.catalog_item, request.update_mask.paths))

    @command
    def CreateFeeSchedule(self, request: pb.CreateFeeScheduleRequest, call: Call) -> catalog_pb2.FeeSchedule:
        return FEE_SCHEDULE.message(catalog.create_schedule(call.session, request.fee_schedule))

    @query
    def GetFeeSchedule(self, request: pb.GetFeeScheduleRequest, call: Call) -> catalog_pb2.FeeSchedule:
        return FEE_SCHEDULE.message(fetch(call.session, FeeSchedule, request.id))

    @query
    def ListFeeSchedules(self, request: pb.ListFeeSchedulesRequest, call: Call) -> pb.ListFeeSchedulesResponse:
        found = select(FeeSchedule)
        if request.payer_id:
            found = found.where(FeeSchedule.payer_id == UUID(request.payer_id))
        if day := read_date(request.valid_date, "valid_date"):
            found = found.where(holds_on(FeeSchedule.start_date, FeeSchedule.end_date, day))
        items, token = page(call.session, found, order=[FeeSchedule.name, FeeSchedule.id], request=request)
        return pb.ListFeeSchedulesResponse(fee_schedules=map(FEE_SCHEDULE.message, items), next_page_token=token)

    @command
    def UpdateFeeSchedule(self, request: pb.UpdateFeeScheduleRequest, call: Call) -> catalog_pb2.FeeSchedule:
        changed = catalog.update_schedule(call.session, request.fee_schedule, request.update_mask.paths)
        return FEE_SCHEDULE.message(changed)

    @command
    def CreateTaxRate(self, request: pb.CreateTaxRateRequest, call: Call) -> catalog_pb2.TaxRate:
        return TAX_RATE.message(catalog.create_tax_rate(call.session, request.tax_rate))

    @query
    def GetTaxRate(self, request: pb.GetTaxRateRequest, call: Call) -> catalog_pb2.TaxRate:
        return TAX_RATE.message(fetch(call.session, TaxRate, request.id))

    @query
    def ListTaxRates(self, request: pb.ListTaxRatesRequest, call: Call) -> pb.ListTaxRatesResponse:
        found = select(TaxRate)
        if request.tax_class:
            found = found.where(TaxRate.tax_class == request.tax_class)
        items, token = page(call.session, found, order=[TaxRate.name, TaxRate.id], request=request)
        return pb.ListTaxRatesResponse(tax_rates=map(TAX_RATE.message, items), next_page_token=token)

    @command
    def UpdateTaxRate(self, request: pb.UpdateTaxRateRequest, call: Call) -> catalog_pb2.TaxRate:
        return TAX_RATE.message(catalog.update_tax_rate(call.session, request.tax_rate, request.update_mask.paths))
