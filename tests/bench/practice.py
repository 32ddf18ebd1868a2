"""The practice that the benches work in: one location, four providers, patients, full days and empty weeks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from tests.bench.load import request
from tests.bench.stage import Stage

from praxis_local.api_client import ApiClient
from praxis_local.demo import people
from praxis_local.demo.load import create_practice
from praxis_local.demo.practices import PRACTICES, Place

SEED = 29
PATIENTS, PROVIDERS = 32, 4
MINUTES, FULL_DAY = 15, 30
Json = dict[str, Any]


@dataclass
class Practice:
    """What requests name; every time of `free` is asked for once."""

    key: str
    tenant_id: UUID
    location_id: str
    patients: list[str]
    providers: list[tuple[str, str]]
    type_id: str
    full_days: list[date]
    searched_id: str
    free: Iterator[tuple[str, str]] = field(default_factory=lambda: iter(()))

    def gets(self) -> list[str]:
        return [request("GET", f"/v1/patients/{patient}", self.key) for patient in self.patients]

    def days(self) -> list[str]:
        practitioner = self.providers[0][0]
        query = "/v1/appointments?practitioner_id={}&from_date={}&until_date={}"
        return [request("GET", query.format(practitioner, day, day), self.key) for day in self.full_days]

    def bookings(self, count: int) -> list[str]:
        """Return requests for times that nobody has asked for yet."""
        return [request("POST", "/v1/appointments", self.key, self.booking(*next(self.free))) for _ in range(count)]

    def booking(self, resource_id: str, start: str, patient: str = "") -> Json:
        return {
            "patient_id": patient or self.patients[sum(start.encode()) % len(self.patients)],
            "appointment_type_id": self.type_id, "location_id": self.location_id, "channel": "desk",
            "start_time": start, "resource_ids": [resource_id],
        }  # fmt: skip

    def search(self, days: int, limit: int) -> str:
        """Return a request for the first free times within some days."""
        start = datetime.combine(self.full_days[0], datetime.min.time(), UTC)
        body = {
            "appointment_type_id": self.type_id, "channel": "desk", "limit": limit, "step_minutes": 5,
            "location_ids": [self.searched_id],
            "from_time": _wire(start), "until_time": _wire(start + timedelta(days=days)),
        }  # fmt: skip
        return request("POST", "/v1/appointments:findSlots", self.key, body)


def set_up(stage: Stage, *, days: int, calendars: int) -> Practice:
    """Make the practice through the API, while events flow from patients to scheduling.

    It has some full days, and a second place with many calendars and nobody in them: what is searched there is all
    computing.
    """
    workers = [stage.start(name, "work") for name in ("patients", "scheduling")]
    spec = next(spec for spec in PRACTICES if spec.kind == "human")
    created = create_practice(stage.system.url, spec, stage.system.setup_token())
    api = ApiClient(stage.system.url, created["api_key"], series="bench")
    random, today = Random(SEED), datetime.now(UTC).date()
    location_id, searched_id = _locations(api)
    providers = [_provider(api, location_id, number, today) for number in range(PROVIDERS)]
    for number in range(PROVIDERS, PROVIDERS + calendars):
        _provider(api, searched_id, number, today)
    practice = Practice(
        key=created["api_key"],
        tenant_id=UUID(api.get("/v1/tenants/current")["id"]),
        location_id=location_id,
        patients=[_patient(api, random, spec.places[0], today, number) for number in range(PATIENTS)],
        providers=providers,
        type_id=_appointment_type(api),
        full_days=_weekdays(today + timedelta(days=3), days),
        searched_id=searched_id,
    )
    _fill(api, practice)
    practice.free = _times(practice, random)
    api.close()
    for worker in workers:
        stage.end(worker)
    return practice


def _locations(api: ApiClient) -> list[str]:
    practice = {"name": "Bench", "kind": "human", "country_code": "US", "currency_code": "USD", "locale": "en-US"}
    practice_id = api.post("/v1/practices", practice, name="practice")["id"]
    bodies = [{"practice_id": practice_id, "name": name, "time_zone": "UTC"} for name in ("Main", "Branch")]
    return [str(api.post("/v1/locations", body, name=body["name"])["id"]) for body in bodies]


def _provider(api: ApiClient, location_id: str, number: int, today: date) -> tuple[str, str]:
    """Return practitioner and resource of a calendar that is open all week."""
    name = {"use": "official", "family": people.FAMILIES[number % len(people.FAMILIES)], "given": ["Ada"]}
    person = {"kind": "physician", "name": name, "location_ids": [location_id]}
    practitioner_id = api.post("/v1/practitioners", person, name=f"practitioner-{number}")["id"]
    resource = {
        "kind": "provider", "name": f"Provider {number}", "location_id": location_id,
        "practitioner_id": practitioner_id, "capacity": 1,
    }  # fmt: skip
    resource_id = api.post("/v1/resources", resource, name=f"resource-{number}")["id"]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday")
    blocks = [{"weekday": day, "local_start": "08:00", "local_end": "18:00", "kind": "open"} for day in days]
    template = {
        "resource_id": resource_id, "name": "Week", "blocks": blocks, "valid_from_date": today.isoformat(),
    }  # fmt: skip
    api.post("/v1/templates", template, name=f"template-{number}")
    return str(practitioner_id), str(resource_id)


def _appointment_type(api: ApiClient) -> str:
    body = {
        "name": "Visit", "patient_kinds": ["human"], "duration_minutes": MINUTES, "channels": ["desk"],
        "required_roles": [{"kind": "provider", "count": 1}],
    }  # fmt: skip
    return str(api.post("/v1/appointmentTypes", body, name="type")["id"])


def _patient(api: ApiClient, random: Random, place: Place, today: date, number: int) -> str:
    profile = people.person(random, today)
    profile["addresses"] = [people.address(random, place.city, place.state, place.postal_code)]
    profile["telecoms"] = people.telecoms(random, place.phone[2:5], profile["name"]["given"][0], "bench")
    return str(api.post("/v1/patients", {"human": profile}, name=f"patient-{number}")["patient"]["id"])


def _fill(api: ApiClient, practice: Practice) -> None:
    """Book the full days of the first provider."""
    resource_id = practice.providers[0][1]
    for day in practice.full_days:
        for number in range(FULL_DAY):
            start = _at(day, number)
            patient = practice.patients[number % len(practice.patients)]
            api.post("/v1/appointments", practice.booking(resource_id, start, patient), name=f"{day}-{number}")


def _times(practice: Practice, random: Random) -> Iterator[tuple[str, str]]:
    """Return free times of all providers over the next two years, in an order by chance."""
    days = _weekdays(practice.full_days[-1] + timedelta(days=4), 480)
    resources = [resource_id for _, resource_id in practice.providers]
    free = [(resource, _at(day, number)) for day in days for resource in resources for number in range(40)]
    random.shuffle(free)
    return iter(free)


def _weekdays(first: date, count: int) -> list[date]:
    days = (first + timedelta(days=number) for number in range(count * 2))
    return [day for day in days if day.weekday() < 5][:count]


def _at(day: date, number: int) -> str:
    start = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=8, minutes=MINUTES * number)
    return _wire(start)


def _wire(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
