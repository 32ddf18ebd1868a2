"""RPCs of accounts and their balances."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from praxis.billing.v1 import account_pb2, events_pb2
from praxis.billing.v1 import account_service_pb2 as pb
from praxis_billing.store import queries
from praxis_billing.store.mappings import ACCOUNT
from praxis_billing.store.models import Account
from praxis_billing.usecases import accounts, civil_dates
from praxis_billing.usecases.balances import Balance, OpenCharge, Unused, balance_of
from praxis_billing.usecases.statements import bucket_message, wording_for
from praxis_chassis.database import fetch
from praxis_chassis.errors import invalid
from praxis_chassis.events import record
from praxis_chassis.mapping import read_date, wire_money
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query


class AccountService:
    @command
    def CreateAccount(self, request: pb.CreateAccountRequest, call: Call) -> account_pb2.Account:
        return _named(call.session, [accounts.open_by_hand(call.session, request.account)])[0]

    @query
    def GetAccount(self, request: pb.GetAccountRequest, call: Call) -> account_pb2.Account:
        return _named(call.session, [fetch(call.session, Account, request.id)])[0]

    @query
    def ListAccounts(self, request: pb.ListAccountsRequest, call: Call) -> pb.ListAccountsResponse:
        today = civil_dates.today(call.session)
        found = queries.accounts(request.party_id, request.patient_id, request.query, today)
        items, token = page(call.session, found, order=[Account.number, Account.id], request=request)
        return pb.ListAccountsResponse(accounts=_named(call.session, items), next_page_token=token)

    @command
    def UpdateAccount(self, request: pb.UpdateAccountRequest, call: Call) -> account_pb2.Account:
        account = fetch(call.session, Account, request.account.id, lock=True, etag=request.account.etag)
        ACCOUNT.apply(account, request.account, request.update_mask.paths)
        record(call.session, events_pb2.AccountUpdated, account)
        return _named(call.session, [account])[0]

    @query
    def GetAccountBalance(self, request: pb.GetAccountBalanceRequest, call: Call) -> account_pb2.AccountBalance:
        today = civil_dates.today(call.session)
        as_of = read_date(request.as_of_date, "as_of_date") or today
        if as_of > today:
            raise invalid("as_of_date", "AS_OF_IN_FUTURE", date=as_of)
        account = fetch(call.session, Account, request.id)
        wording = wording_for(call.session, call.context.locale)
        balance = balance_of(call.session, account, as_of, wording)
        call.shows(*{item.share.patient_id for item in balance.charges})
        return _balance_message(balance)


def _named(session: Session, found: Sequence[Account]) -> list[account_pb2.Account]:
    """Return accounts with the names of their parties, which the mapping leaves out."""
    names = queries.display_names(session, [account.party_id for account in found])
    messages = [ACCOUNT.message(account) for account in found]
    for account, message in zip(found, messages, strict=True):
        message.display_name = names.get(account.party_id, "")
    return messages


def _balance_message(balance: Balance) -> account_pb2.AccountBalance:
    return account_pb2.AccountBalance(
        account_id=str(balance.account.id),
        account_number=balance.account.number,
        display_name=balance.display_name,
        as_of_date=balance.as_of.isoformat(),
        balance=wire_money(balance.total),
        pending_insurance=wire_money(balance.pending_insurance),
        unapplied=wire_money(balance.unapplied),
        buckets=[bucket_message(bucket) for bucket in balance.buckets],
        lines=[*map(_charge_line, balance.charges), *map(_unused_line, balance.unused)],
        text=balance.text,
    )


def _charge_line(item: OpenCharge) -> account_pb2.BalanceLine:
    facts = item.facts
    return account_pb2.BalanceLine(
        kind=account_pb2.BALANCE_LINE_KIND_CHARGE,
        line_date=item.share.service_date.isoformat(),
        amount=wire_money(facts.open),
        text=item.text,
        encounter_id=str(item.share.encounter_id),
        charge_id=str(item.share.charge_id),
        share_id=str(item.share.id),
        patient_id=str(item.share.patient_id),
        patient_name=item.patient_name,
        description=item.share.charge.description,
        assigned=wire_money(facts.assigned),
        charged=wire_money(facts.charged),
        insurer_paid=wire_money(facts.insurer_paid),
        adjusted=wire_money(facts.contractual + facts.written_off),
        paid=wire_money(facts.paid),
    )


def _unused_line(item: Unused) -> account_pb2.BalanceLine:
    return account_pb2.BalanceLine(
        kind=account_pb2.BALANCE_LINE_KIND_UNAPPLIED_PAYMENT,
        line_date=item.payment.received_date.isoformat(),
        amount=wire_money(-item.left),
        text=item.text,
        payment_id=str(item.payment.id),
    )
