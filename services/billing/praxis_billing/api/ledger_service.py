"""RPCs that read the ledger and prove that it agrees."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from praxis.billing.v1 import ledger_pb2
from praxis.billing.v1 import ledger_service_pb2 as pb
from praxis_billing.store.mappings import JOURNAL, REMITTANCE_POSTING
from praxis_billing.store.models import Journal, RemittancePosting
from praxis_billing.usecases import reconciliation
from praxis_chassis.database import fetch
from praxis_chassis.mapping import read_date
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, query


class LedgerService:
    @query
    def GetJournal(self, request: pb.GetJournalRequest, call: Call) -> ledger_pb2.Journal:
        return JOURNAL.message(fetch(call.session, Journal, request.id))

    @query
    def ListJournals(self, request: pb.ListJournalsRequest, call: Call) -> pb.ListJournalsResponse:
        found = select(Journal)
        if request.source_id:
            found = found.where(Journal.source_id == UUID(request.source_id))
        if first := read_date(request.from_date, "from_date"):
            found = found.where(Journal.effective_date >= first)
        if last := read_date(request.to_date, "to_date"):
            found = found.where(Journal.effective_date <= last)
        items, token = page(call.session, found, order=[Journal.id], request=request, descending=True)
        return pb.ListJournalsResponse(journals=map(JOURNAL.message, items), next_page_token=token)

    @query
    def GetTrialBalance(self, request: pb.GetTrialBalanceRequest, call: Call) -> pb.GetTrialBalanceResponse:
        as_of = read_date(request.as_of_date, "as_of_date")
        lines = reconciliation.trial_balance(call.session, as_of)
        return pb.GetTrialBalanceResponse(lines=lines, balanced=reconciliation.balanced(lines))

    @query
    def GetReconciliation(self, request: pb.GetReconciliationRequest, call: Call) -> pb.GetReconciliationResponse:
        checks = reconciliation.checks(call.session)
        return pb.GetReconciliationResponse(checks=checks, passed=all(check.passed for check in checks))

    @query
    def ListRemittancePostings(
        self, request: pb.ListRemittancePostingsRequest, call: Call
    ) -> pb.ListRemittancePostingsResponse:
        found = select(RemittancePosting)
        if request.remittance_id:
            found = found.where(RemittancePosting.remittance_id == UUID(request.remittance_id))
        if request.claim_id:
            found = found.where(RemittancePosting.claim_id == UUID(request.claim_id))
        items, token = page(call.session, found, order=[RemittancePosting.id], request=request, descending=True)
        messages = map(REMITTANCE_POSTING.message, items)
        return pb.ListRemittancePostingsResponse(remittance_postings=messages, next_page_token=token)
