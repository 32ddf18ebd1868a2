"""One foreign id in an otherwise own request finds nothing, in every id field that the practice's day fills.

Each such request goes out right before the own one, in the very state in which the own one is then answered well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from support.front_door import ID, Diary, FrontDoor
from support.id_swaps import Swap, Swapper, id_fields
from support.practice_day import Day, Lived, read_everything

from praxis_gateway import contracts

OWN_MARK = "Numbatcherry"


@dataclass(frozen=True)
class Tried:
    """All swaps of a day, and the diary of the practice that lived it."""

    swaps: list[Swap]
    diary: Diary


@pytest.fixture(scope="module")
def tried(front_door: FrontDoor, lived: Lived) -> Iterator[Tried]:
    """Live through the day once more as another practice, with an id of the first one in each request at first."""
    _, diary = front_door.newcomer()
    swapper = Swapper.against(list(lived.diary.exchanges), front_door.url)
    swapper.watch(diary.client)
    with closing(diary), closing(swapper.client):
        Day.begin(diary, OWN_MARK).run()
        read_everything(diary, front_door.description())
        yield Tried(swapper.swaps, diary)


def test_a_foreign_id_is_refused_or_finds_nothing(tried: Tried) -> None:
    statuses = Counter(swap.status for swap in tried.swaps)
    operations = {swap.said.operation.full_name for swap in tried.swaps}
    fields = sum(len(id_fields(operation) - {"request_id"}) for operation in contracts.load().operations)
    print(f"{len(tried.swaps)} of {fields} id fields in {len(operations)} RPCs: {dict(sorted(statuses.items()))}")
    # The others are given by the services, or the day has no value for them.
    wrong = [f"{swap.name}: {swap.status} {swap.told[:200]}" for swap in tried.swaps if not _kept_out(swap)]
    assert not wrong, "\n".join(wrong)
    assert len(operations) > 200
    assert statuses[404] > len(tried.swaps) / 2


def _kept_out(swap: Swap) -> bool:
    """Tell whether a request was refused, or, if it was to read, answered without any fact."""
    return 400 <= swap.status < 500 or (swap.status == 200 and swap.said.operation.read_only)


def test_no_answer_holds_a_foreign_fact(tried: Tried, lived: Lived) -> None:
    known, wrong = lived.diary.ids - tried.diary.ids, []
    for swap in tried.swaps:
        facts = set(ID.findall(swap.told)) & known - {swap.foreign}
        if facts or lived.mark.lower() in swap.told.lower():
            wrong.append(f"{swap.name}: {swap.status} {swap.told[:300]}")
    assert not wrong, "\n".join(wrong)


def test_the_same_requests_with_own_ids_are_answered(tried: Tried) -> None:
    answered = {(each.method, each.path) for each in tried.diary.exchanges}
    missing = {swap.name for swap in tried.swaps if (swap.said.method, swap.said.path()) not in answered}
    assert not missing
