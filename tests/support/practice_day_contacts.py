"""What the practice of the practice day does about how its people may be contacted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.practice_day import Day


def contacts(day: Day, party: str) -> None:
    """Let somebody say how and for what a contact is wanted."""
    path = f"/v1/parties/{party}"
    address = {"lines": [f"{day.mark} Road 7"], "city": "Lawrence", "state": "KS", "postal_code": "66044"}
    day.change(f"{path}/contactPreferences", preferred_channel="email", confidential_address=address)
    day.make(f"{path}:optOut", {"channels": ["sms"], "source": "reply"})
    day.make(f"{path}:optIn", {"channels": ["sms"], "purposes": ["appointments"], "source": "paper"})
    assert len(day.api.get(f"{path}/contactDecisions")["contact_decisions"]) == 6
