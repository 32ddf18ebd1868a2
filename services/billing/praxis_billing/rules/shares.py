"""Who pays which part of each charge: the insurer and the copay, or several owners to the cent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from praxis_chassis.types import Money


@dataclass(frozen=True, slots=True)
class Owner:
    """An account and the part of the patient's bills that it pays."""

    account_id: UUID
    basis_points: int


@dataclass(frozen=True, slots=True)
class Cover:
    """The coverage that is billed first."""

    coverage_id: UUID
    payer_id: UUID
    rank: int
    copay: Money | None


@dataclass(frozen=True, slots=True)
class Part:
    """The part of one charge that somebody is responsible for."""

    account_id: UUID
    amount: Money
    coverage_id: UUID | None = None
    payer_id: UUID | None = None
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Agreed:
    """A part of a patient's bills that an account pays: of all charges, or of those of the groups that are named."""

    account_id: UUID
    basis_points: int
    groups: frozenset[str] = frozenset()


def owners_of(agreed: Sequence[Agreed], group: str) -> list[Owner]:
    """Return who pays the charges of a revenue group: who named it, else who pays all; an account stands once."""
    chosen = [item for item in agreed if group in item.groups] or [item for item in agreed if not item.groups]
    parts: dict[UUID, int] = {}
    for item in chosen:
        parts[item.account_id] = parts.get(item.account_id, 0) + item.basis_points
    return [Owner(account_id, basis_points) for account_id, basis_points in parts.items()]


def split_charges(totals: Sequence[Money], owners: Sequence[Sequence[Owner]], cover: Cover | None) -> list[list[Part]]:
    """Split each charge over its own owners; the copay is taken from the first charges, the rest is the insurer's."""
    if cover is None:
        return [_over_owners(total, payers) for total, payers in zip(totals, owners, strict=True)]
    copays = _spread_copay(totals, cover.copay)
    known = zip(totals, copays, owners, strict=True)
    return [_insured(total, copay, payers, cover) for total, copay, payers in known]


def _spread_copay(totals: Sequence[Money], copay: Money | None) -> list[Money]:
    left = copay
    parts = []
    for total in totals:
        part = Money.zero(total.currency) if left is None else min(left, total)
        left = None if left is None else left - part
        parts.append(part)
    return parts


def _insured(total: Money, copay: Money, owners: Sequence[Owner], cover: Cover) -> list[Part]:
    insurer = Part(owners[0].account_id, total - copay, cover.coverage_id, cover.payer_id, cover.rank)
    return [part for part in (insurer, *_over_owners(copay, owners)) if part.amount]


def _over_owners(amount: Money, owners: Sequence[Owner]) -> list[Part]:
    if not amount:
        return []
    amounts = amount.split([owner.basis_points for owner in owners])
    return [Part(owner.account_id, part) for owner, part in zip(owners, amounts, strict=True) if part]
