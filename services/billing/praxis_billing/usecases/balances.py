"""Say what an account owes on a date, and why, so that the sentences' amounts add up to the balance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from babel.dates import format_date
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from praxis_billing.rules.aging import Bucket, age_buckets
from praxis_billing.rules.chart import LedgerCode
from praxis_billing.rules.explanation import ShareFacts, reasons
from praxis_billing.rules.ledger import Effect
from praxis_billing.store import queries
from praxis_billing.store.models import Account, Entry, PatientCopy, Payment, Share
from praxis_chassis.texts import Catalog, money_text, way_to_write
from praxis_chassis.types import Money

Sums = dict[UUID, dict[str, int]]


@dataclass(frozen=True, slots=True)
class OpenCharge:
    """One charge that the account still owes a part of."""

    share: Share
    patient_name: str
    facts: ShareFacts
    text: str


@dataclass(frozen=True, slots=True)
class Unused:
    """A payment that is not used up."""

    payment: Payment
    left: Money
    text: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account owes with all reasons."""

    account: Account
    display_name: str
    as_of: date
    charges: tuple[OpenCharge, ...]
    unused: tuple[Unused, ...]
    pending_insurance: Money
    text: str

    @property
    def unapplied(self) -> Money:
        """What is not used yet."""
        return Money.total(self.account.currency_code, (item.left for item in self.unused))

    @property
    def total(self) -> Money:
        """The balance: all lines added up."""
        currency = self.account.currency_code
        return Money.total(currency, (item.facts.open for item in self.charges)) - self.unapplied

    @property
    def buckets(self) -> list[Bucket]:
        """The open charges by age."""
        items = [(item.share.service_date, item.facts.open) for item in self.charges]
        return age_buckets(self.account.currency_code, self.as_of, items)


@dataclass(frozen=True, slots=True)
class Wording:
    """Sentences in one language with its way to write money and dates."""

    catalog: Catalog
    locale: str

    def money(self, amount: Money) -> str:
        """Write money."""
        return money_text(amount, self.locale)

    def day(self, value: date) -> str:
        """Write a date."""
        return format_date(value, format="long", locale=way_to_write(self.locale))

    def short_day(self, value: date) -> str:
        """Write a date for a narrow column."""
        return format_date(value, format="medium", locale=way_to_write(self.locale))

    def say(self, key: str, **arguments: str) -> str:
        """Write a sentence."""
        return self.catalog.render(self.locale, key, arguments)


def balance_of(session: Session, account: Account, as_of: date, wording: Wording) -> Balance:
    """Return the balance of an account from the ledger's entries up to a date."""
    sums = _share_sums(session, account.id, as_of)
    found = Balance(
        account=account,
        display_name=queries.display_names(session, [account.party_id]).get(account.party_id, ""),
        as_of=as_of,
        charges=_open_charges(session, sums, as_of, wording),
        unused=_unused(session, account, as_of, wording),
        pending_insurance=_pending(session, account, sums),
        text="",
    )
    return replace(found, text=_whole_text(found, wording))


def _share_sums(session: Session, account_id: UUID, as_of: date) -> Sums:
    query = (
        select(Entry.share_id, Entry.effect, func.sum(Entry.amount_minor))
        .where(Entry.account_id == account_id, Entry.effect.is_not(None), Entry.effective_date <= as_of)
        .group_by(Entry.share_id, Entry.effect)
    )
    return _by_effect(session.execute(query))


def _insurer_sums(session: Session, charge_ids: Collection[UUID], as_of: date) -> Sums:
    query = (
        select(Entry.charge_id, Entry.effect, func.sum(Entry.amount_minor))
        .where(
            Entry.charge_id.in_(charge_ids),
            Entry.ledger_account == LedgerCode.AR_PAYER,
            Entry.effective_date <= as_of,
        )
        .group_by(Entry.charge_id, Entry.effect)
    )
    return _by_effect(session.execute(query))


def _by_effect(rows: Iterable[tuple[UUID | None, str | None, int]]) -> Sums:
    found: Sums = defaultdict(lambda: defaultdict(int))
    for identifier, effect, total in rows:
        if identifier is not None and effect is not None:
            found[identifier][effect] = int(total)
    return found


def _pending(session: Session, account: Account, sums: Sums) -> Money:
    query = select(Share.id).where(Share.id.in_(sums), Share.payer_id.is_not(None))
    minor = sum(sum(sums[share_id].values()) for share_id in session.scalars(query))
    return Money(account.currency_code, minor)


def _open_charges(session: Session, sums: Sums, as_of: date, wording: Wording) -> tuple[OpenCharge, ...]:
    wanted = [share_id for share_id, figures in sums.items() if sum(figures.values())]
    query = (
        select(Share)
        .where(Share.id.in_(wanted), Share.payer_id.is_(None))
        .order_by(Share.service_date, Share.id)
        .options(joinedload(Share.charge))
    )
    shares = list(session.scalars(query))
    insurers = _insurer_sums(session, {share.charge_id for share in shares}, as_of)
    names = _patient_names(session, {share.patient_id for share in shares})
    payers = _payers_of(session, shares)
    others = _paid_by_others(session, [share.id for share in shares], as_of)
    found = []
    for share in shares:
        facts = _facts(share, sums[share.id], insurers[share.charge_id], others.get(share.id, 0))
        patient = names.get(share.patient_id, "")
        text = _charge_text(share, facts, patient, payers.get(share.charge_id, ""), wording)
        found.append(OpenCharge(share, patient, facts, text))
    return tuple(found)


def _paid_by_others(session: Session, share_ids: Collection[UUID], as_of: date) -> dict[UUID, int]:
    """Return what others than the holders of the shares' accounts paid, by share."""
    theirs = (Payment.payer_id.is_not(None)) | (Payment.account_id != Entry.account_id)
    query = (
        select(Entry.share_id, func.sum(Entry.amount_minor))
        .join(Payment, Payment.id == Entry.payment_id)
        .where(Entry.share_id.in_(share_ids), Entry.effect == Effect.PAID, Entry.effective_date <= as_of, theirs)
        .group_by(Entry.share_id)
    )
    return {share_id: -int(minor) for share_id, minor in session.execute(query) if share_id is not None}


def _facts(share: Share, own: dict[str, int], insurers: dict[str, int], others: int) -> ShareFacts:
    def money(minor: int) -> Money:
        return Money(share.currency_code, minor)

    return ShareFacts(
        charged=share.charge.total,
        assigned=money(own["assigned"]),
        insurer_paid=money(-insurers["paid"]),
        contractual=money(-insurers["adjusted"]),
        paid=money(-own["paid"]),
        written_off=money(-own["adjusted"]),
        paid_by_others=money(others),
    )


def _patient_names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    rows = session.execute(select(PatientCopy.id, PatientCopy.display_name).where(PatientCopy.id.in_(ids)))
    return {row.id: row.display_name for row in rows}


def _payers_of(session: Session, shares: Sequence[Share]) -> dict[UUID, str]:
    charge_ids = {share.charge_id for share in shares}
    query = select(Share.charge_id, Share.payer_id).where(Share.charge_id.in_(charge_ids), Share.payer_id.is_not(None))
    rows = list(session.execute(query.order_by(Share.rank)))
    names = queries.payer_names(session, {payer_id for _, payer_id in rows if payer_id})
    found: dict[UUID, list[str]] = defaultdict(list)
    for charge_id, payer_id in rows:
        if payer_id in names:
            found[charge_id].append(names[payer_id])
    return {charge_id: ", ".join(listed) for charge_id, listed in found.items()}


def _charge_text(share: Share, facts: ShareFacts, patient: str, payer: str, wording: Wording) -> str:
    arguments = {
        "description": share.charge.description,
        "patient": patient or wording.say("EXPLAIN_ERASED_PATIENT"),
        "date": wording.day(share.service_date),
        "payer": payer or wording.say("EXPLAIN_UNNAMED_INSURER"),
    }
    told = [wording.say(key, amount=wording.money(amount), **arguments) for key, amount in reasons(facts)]
    return " ".join(told)


def _unused(session: Session, account: Account, as_of: date, wording: Wording) -> tuple[Unused, ...]:
    total = func.sum(Entry.amount_minor)
    query = (
        select(Entry.payment_id, total)
        .where(
            Entry.account_id == account.id,
            Entry.ledger_account == LedgerCode.UNAPPLIED,
            Entry.effective_date <= as_of,
        )
        .group_by(Entry.payment_id)
        .having(total != 0)
    )
    left = {payment_id: -int(minor) for payment_id, minor in session.execute(query)}
    payments = session.scalars(select(Payment).where(Payment.id.in_(left)).order_by(Payment.received_date, Payment.id))
    return tuple(_unused_text(payment, Money(account.currency_code, left[payment.id]), wording) for payment in payments)


def _unused_text(payment: Payment, left: Money, wording: Wording) -> Unused:
    text = wording.say(
        "EXPLAIN_UNAPPLIED",
        amount=wording.money(payment.amount),
        date=wording.day(payment.received_date),
        left=wording.money(left),
    )
    return Unused(payment, left, text)


def _whole_text(balance: Balance, wording: Wording) -> str:
    told = [*(item.text for item in balance.charges), *(item.text for item in balance.unused)]
    key = "EXPLAIN_TOTAL" if balance.total.minor > 0 else "EXPLAIN_CREDIT" if balance.total.minor else "EXPLAIN_NOTHING"
    amount = balance.total if balance.total.minor >= 0 else -balance.total
    told.append(wording.say(key, amount=wording.money(amount), date=wording.day(balance.as_of)))
    if balance.pending_insurance:
        told.append(wording.say("EXPLAIN_PENDING", amount=wording.money(balance.pending_insurance)))
    return " ".join(told)
