"""RPCs of statements."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from praxis.billing.v1 import statement_pb2
from praxis.billing.v1 import statement_service_pb2 as pb
from praxis.type.v1 import type_pb2
from praxis_billing.store.mappings import STATEMENT
from praxis_billing.store.models import Statement
from praxis_billing.usecases import statements
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query


class StatementService:
    @command
    def CreateStatement(self, request: pb.CreateStatementRequest, call: Call) -> statement_pb2.Statement:
        statement = statements.issue(call.session, request.statement)
        call.shows(*statement.patient_ids)
        return STATEMENT.message(statement)

    @query
    def GetStatement(self, request: pb.GetStatementRequest, call: Call) -> statement_pb2.Statement:
        return STATEMENT.message(fetch(call.session, Statement, request.id))

    @query
    def ListStatements(self, request: pb.ListStatementsRequest, call: Call) -> pb.ListStatementsResponse:
        found = select(Statement)
        if request.account_id:
            found = found.where(Statement.account_id == UUID(request.account_id))
        items, token = page(call.session, found, order=[Statement.id], request=request, descending=True)
        return pb.ListStatementsResponse(statements=map(STATEMENT.message, items), next_page_token=token)

    @query
    def GetStatementPdf(self, request: pb.GetStatementPdfRequest, call: Call) -> type_pb2.FileReference:
        statement = fetch(call.session, Statement, request.id)
        call.shows(*statement.patient_ids)
        return statements.document(call.session, statement)
