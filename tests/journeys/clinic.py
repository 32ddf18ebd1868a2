"""A practice of a journey: set up through the API, with one login per role and what must never be told in logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from secrets import randbelow
from typing import Any
from zoneinfo import ZoneInfo

from tests.journeys.prices import items_for
from tests.support.api import Api
from tests.support.system import System

from praxis_local.demo import people
from praxis_local.demo.directory import Desk, Practice, set_up_directory
from praxis_local.demo.load import create_practice
from praxis_local.demo.practices import PRACTICES

Json = dict[str, Any]
CODE = "abcdefghijklmnopqrstuvwxyz"
# Every word that was coined so far: after all journeys, no log, trace, metric or dead letter may hold one.
COINED: list[str] = []


def coined(stem: str) -> str:
    """Return a name that occurs nowhere else, so that finding it anywhere proves a leak."""
    COINED.append(stem + "".join(CODE[randbelow(26)] for _ in range(8)))
    return COINED[-1]


def digits(count: int) -> str:
    return "".join(str(randbelow(10)) for _ in range(count))


def amount(value: Mapping[str, Any] | None) -> Decimal:
    """Return money from the wire as a number; left out means nothing."""
    return Decimal((value or {}).get("amount", "0"))


def dollars(value: str) -> Json:
    return {"currency_code": "USD", "amount": value}


@dataclass
class Clinic:
    """One practice, its people, and what the journey touched."""

    system: System
    tenant_id: str
    users: Mapping[str, Api]
    practice: Practice
    private: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    patient_ids: list[str] = field(default_factory=list)

    def close(self) -> None:
        for user in self.users.values():
            user.close()

    @property
    def owner(self) -> Api:
        return self.users["owner"]

    @property
    def front_desk(self) -> Api:
        return self.users["front_desk"]

    @property
    def provider(self) -> Api:
        return self.users["provider"]

    @property
    def biller(self) -> Api:
        return self.users["biller"]

    def newcomer(self, role: str) -> Api:
        """Return somebody new with one role, logged in."""
        user = {"email": f"{coined(role)}@example.org", "password": coined("A long sentence "), "role": role}
        body = {"email": user["email"], "display_name": "Wren", "roles": [role]}
        self.owner.post("/v1/users", {"user": body, "password": user["password"]})
        return Api.login(self.system.url, user, user["email"])

    @property
    def first_desk(self) -> Desk:
        return self.practice.desks[0]

    @property
    def today(self) -> date:
        """Return the day at the first desk."""
        return datetime.now(UTC).astimezone(ZoneInfo(self.first_desk.place.time_zone)).date()

    def keep_private(self, *words: str) -> None:
        """Note words that must not appear in logs, subjects or audit."""
        self.private.extend(words)

    def visit_type(self, treats: str) -> str:
        return next(identifier for kind, identifier in self.practice.visit_types if treats in kind.patient_kinds)

    def moment(self, desk: Desk, hour: int, minute: int = 0) -> str:
        """Return a wall time of the next weekday after tomorrow, as an instant."""
        day = self.today + timedelta(days=2)
        while day.weekday() > 4:
            day += timedelta(days=1)
        zone = ZoneInfo(desk.place.time_zone)
        return instant(datetime.combine(day, clock_time(hour, minute), zone))

    def register(self, profile: Json, responsibilities: Sequence[Json] = ()) -> Json:
        """Register a patient at the front desk and return the whole answer."""
        body = {**profile, **({"responsibilities": list(responsibilities)} if responsibilities else {})}
        answer = self.front_desk.post("/v1/patients", body, name=coined("patient"))
        self.patient_ids.append(answer["patient"]["id"])
        self.paths.append(f"/v1/patients/{answer['patient']['id']}")
        return answer

    def party(self, given: str, family: str) -> str:
        """Register somebody who answers or pays for a patient."""
        self.keep_private(family)
        body = {"person": {"name": {"given": [given], "family": family}}}
        return str(self.front_desk.post("/v1/parties", body, name=family)["id"])

    def cover(self, patient_id: str, rank: int, member_id: str) -> Json:
        """Add an insurance."""
        self.keep_private(member_id)
        body = {
            "patient_id": patient_id, "kind": "medical", "rank": rank, "member_id": member_id,
            "payer_id": self.practice.payer_ids[rank - 1], "subscriber_relationship": "self",
            "from_date": (self.today - timedelta(days=200)).isoformat(), "group_number": "G100",
        }  # fmt: skip
        return self.front_desk.post("/v1/coverages", body, name=member_id)

    def appointment(self, patient_id: str, desk: Desk, start: str, **more: Any) -> Json:
        """Return the body of a booking."""
        return {
            "patient_id": patient_id, "appointment_type_id": self.visit_type(desk.clinician.treats), "channel": "desk",
            "location_id": desk.location_id, "start_time": start, "resource_ids": [desk.resource_id], **more,
        }  # fmt: skip

    def book(self, body: Json) -> Json:
        booked = self.front_desk.post("/v1/appointments", body, name=coined("booking"))
        self.paths.append(f"/v1/appointments/{booked['id']}")
        return booked

    def encounter(
        self, patient_id: str, desk: Desk, charges: Sequence[Json], by: str = "front_desk", **more: Any
    ) -> Json:
        """Check a patient out with charges of today."""
        body = {
            "patient_id": patient_id, "service_date": self.today.isoformat(), "location_id": desk.location_id,
            "rendering_practitioner_id": desk.practitioner_id, "charges": list(charges), **more,
        }  # fmt: skip
        posted = self.users[by].post("/v1/encounters", body, name=coined("encounter"))
        self.paths.append(f"/v1/encounters/{posted['id']}")
        return posted

    def item(self, code: str, **more: Any) -> Json:
        """Return a charge for one item of the catalog."""
        return {"catalog_item_id": self.practice.items[code], "units": "1", **more}

    def pay(self, account_id: str, value: str) -> Json:
        """Take money at the desk and use it for the oldest charges."""
        body = {
            "payer_kind": "account", "account_id": account_id, "method": "card", "amount": dollars(value),
            "location_id": self.first_desk.location_id, "allocation_policy": "oldest_first",
        }  # fmt: skip
        paid = self.front_desk.post("/v1/payments", body, name=coined("payment"))
        self.paths.append(f"/v1/payments/{paid['id']}")
        return paid


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def human(family: str, given: str = "Una", birth_date: str = "1984-03-09", phone: str = "") -> Json:
    """Return the profile of a person with an address that claims accept."""
    return {
        "human": {
            "name": {"use": "official", "given": [given], "family": family}, "birth_date": birth_date, "sex": "female",
            "telecoms": [{"system": "mobile", "value": phone or f"+1207555{digits(4)}", "preferred": True}],
            "addresses": [{
                "use": "home", "lines": ["5 Birch Avenue"], "city": "Portland", "state": "ME",
                "postal_code": "04101", "country_code": "US",
            }],
        }
    }  # fmt: skip


def animal(name: str, chip: str) -> Json:
    """Return the profile of a dog."""
    return {
        "animal": {
            "name": name, "species_code": "dog", "breed_codes": ["beagle"], "sex": "female_spayed",
            "birth_date": "2021-05-04", "birth_date_precision": "day", "microchips": [chip],
        }
    }  # fmt: skip


def microchip() -> str:
    """Return a number that no other animal has: a maker's code and twelve digits within the allowed range."""
    return f"985{randbelow(2**38):012d}"


def answers_for(party_id: str, role: str, share: int = 10000) -> Json:
    return {
        "party_id": party_id, "role": role, "share_basis_points": share, "may_consent": True, "may_be_informed": True,
    }  # fmt: skip


def open_clinic(system: System, key: str) -> Clinic:
    """Set up one of the demo's practices under numbers of its own, and log its people in."""
    spec = next(spec for spec in PRACTICES if spec.key == key)
    spec = replace(
        spec, key=f"{key}-{coined('')}", npi_stem=100000000 + randbelow(99000000), items=items_for(spec.kind)
    )
    created = create_practice(system.url, spec, system.setup_token())
    users = {user["role"]: Api.login(system.url, user, spec.key) for user in created["users"]}
    tenant = users["owner"].get("/v1/tenants/current")
    practice = set_up_directory(users["owner"], spec, datetime.now(UTC).date())
    return Clinic(system, tenant["id"], users, practice)


def npi_is_checked(clinic: Clinic) -> bool:
    """Tell whether a practitioner with a wrong check digit is refused."""
    wrong = people.npi(178399999)[:-1] + str((int(people.npi(178399999)[-1]) + 1) % 10)
    body = {"kind": "physician", "name": {"given": ["Ann"], "family": "Lee"}, "npi": wrong}
    problem = clinic.owner.refusal(lambda: clinic.owner.post("/v1/practitioners", body))
    return problem.status == 400 and "npi" in str(problem.errors)
