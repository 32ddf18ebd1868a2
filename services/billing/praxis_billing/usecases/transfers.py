"""Write moves of responsibility between the shares of a charge to the ledger and tell the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from praxis.billing.v1 import encounter_pb2, events_pb2, ledger_pb2
from praxis_billing.rules.chart import receivable
from praxis_billing.rules.ledger import Effect, Line
from praxis_billing.store.models import Encounter, Share
from praxis_billing.usecases.ledger import Heading, post
from praxis_chassis.events import record
from praxis_chassis.mapping import wire_money
from praxis_chassis.types import Money


@dataclass(frozen=True, slots=True)
class Move:
    """A positive amount that goes from one share to another share of the same charge."""

    source: Share
    target: Share
    amount: Money
    reason: str

    def lines(self) -> list[Line]:
        """Return the two lines of the move."""
        return [
            Line(receivable(self.source.payer_id), -self.amount, self.source.dimensions(), Effect.ASSIGNED),
            Line(receivable(self.target.payer_id), self.amount, self.target.dimensions(), Effect.ASSIGNED),
        ]

    def message(self, day: date) -> encounter_pb2.Transfer:
        """Return the move as events tell it."""
        return encounter_pb2.Transfer(
            charge_id=str(self.source.charge_id),
            from_share_id=str(self.source.id),
            from_account_id=str(self.source.account_id),
            from_coverage_id=str(self.source.coverage_id or ""),
            from_payer_id=str(self.source.payer_id or ""),
            to_share_id=str(self.target.id),
            to_account_id=str(self.target.account_id),
            to_coverage_id=str(self.target.coverage_id or ""),
            to_payer_id=str(self.target.payer_id or ""),
            to_rank=self.target.rank,
            amount=wire_money(self.amount),
            reason=self.reason,
            effective_date=day.isoformat(),
        )


def post_moves(session: Session, encounter: Encounter, moves: Sequence[Move], day: date, *, key: str) -> UUID | None:
    """Write moves that a person decided on in a journal of their own."""
    heading = Heading(
        kind=ledger_pb2.JOURNAL_KIND_TRANSFER,
        key=key,
        effective_date=day,
        source_type="encounter",
        source_id=encounter.id,
    )
    journal_id = post(session, heading, [line for move in moves for line in move.lines()])
    tell(session, encounter, moves, day)
    return journal_id


def tell(
    session: Session,
    encounter: Encounter,
    moves: Sequence[Move],
    day: date,
    *,
    claim_id: UUID | None = None,
    remittance_id: UUID | None = None,
) -> None:
    """Record that responsibility moved; without moves there is nothing to tell."""
    if moves:
        record(
            session,
            events_pb2.ResponsibilityTransferred,
            encounter,
            transfers=[move.message(day) for move in moves],
            claim_id=str(claim_id or ""),
            remittance_id=str(remittance_id or ""),
        )
