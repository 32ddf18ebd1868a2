"""What a practice sets up once: itself, its places and people, prices, taxes, payers and hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from praxis_local.api_client import ApiClient
from praxis_local.demo.people import npi
from praxis_local.demo.practices import PAYERS, Clinician, Item, Place, PracticeSpec, VisitType

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday")


@dataclass(frozen=True)
class Desk:
    """A clinician's calendar at one place."""

    clinician: Clinician
    place: Place
    practitioner_id: str
    location_id: str
    resource_id: str


@dataclass(frozen=True)
class Practice:
    """A practice that is set up: the ids that its daily work needs."""

    spec: PracticeSpec
    desks: Sequence[Desk]
    rooms: Mapping[str, str]
    items: Mapping[str, str]
    visit_types: Sequence[tuple[VisitType, str]]
    payer_ids: Sequence[str]

    def desks_for(self, treats: str) -> list[Desk]:
        return [desk for desk in self.desks if desk.clinician.treats == treats]


def set_up_directory(api: ApiClient, spec: PracticeSpec, anchor: date) -> Practice:
    practice = api.post("/v1/practices", _practice(spec), name="practice")
    locations = [_location(api, spec, place, practice["id"]) for place in spec.places]
    desks = [_desk(api, spec, index, locations, anchor) for index in range(len(spec.clinicians))]
    return Practice(
        spec=spec,
        desks=desks,
        rooms={location: _room(api, location) for location in locations},
        items=_catalog(api, spec, anchor),
        visit_types=[(kind, _visit_type(api, kind)) for kind in spec.visit_types],
        payer_ids=[_payer(api, spec, *payer) for payer in PAYERS] if spec.people else [],
    )


def _practice(spec: PracticeSpec) -> dict[str, Any]:
    place = spec.places[0]
    return {
        "name": spec.name, "kind": spec.kind, "npi": npi(spec.npi_stem), "tax_id": spec.tax_id,
        "taxonomy_code": spec.taxonomy_code, "billing_address": {**_address(place), "use": "billing"},
        "phone": place.phone, "country_code": "US", "currency_code": "USD", "locale": "en-US",
    }  # fmt: skip


def _address(place: Place) -> dict[str, Any]:
    return {
        "use": "work", "lines": [place.line], "city": place.city, "state": place.state,
        "postal_code": place.postal_code, "country_code": "US",
    }  # fmt: skip


def _location(api: ApiClient, spec: PracticeSpec, place: Place, practice_id: str) -> str:
    body = {
        "practice_id": practice_id, "name": place.name, "address": _address(place), "time_zone": place.time_zone,
        "phone": place.phone, "place_of_service_code": "11", "npi": npi(spec.npi_stem + 10 + spec.places.index(place)),
    }  # fmt: skip
    return str(api.post("/v1/locations", body, name=place.name)["id"])


def _desk(api: ApiClient, spec: PracticeSpec, index: int, locations: Sequence[str], anchor: date) -> Desk:
    """Create a practitioner with a calendar and weekly hours."""
    person = spec.clinicians[index]
    location = locations[person.place]
    practitioner = {
        "kind": person.kind, "name": {"use": "official", "family": person.family, "given": [person.given]},
        "npi": npi(spec.npi_stem + 20 + index), "taxonomy_code": person.taxonomy_code, "specialty": person.specialty,
        "color": person.color, "bills": True, "location_ids": [location],
    }  # fmt: skip
    practitioner_id = api.post("/v1/practitioners", practitioner, name=person.family)["id"]
    resource = {
        "kind": "provider", "name": f"{person.given} {person.family}", "location_id": location,
        "practitioner_id": practitioner_id, "capacity": 1, "double_booking_enabled": index == 0,
        "double_booking_limit": 1 if index == 0 else 0, "color": person.color,
    }  # fmt: skip
    resource_id = api.post("/v1/resources", resource, name=person.family)["id"]
    template = {
        "resource_id": resource_id, "name": "Weekly hours", "blocks": _hours(),
        "valid_from_date": (anchor - timedelta(days=400)).isoformat(),
    }  # fmt: skip
    api.post("/v1/templates", template, name=person.family)
    return Desk(person, spec.places[person.place], practitioner_id, location, resource_id)


def _hours() -> list[dict[str, Any]]:
    parts = (("08:00", "17:00", "open"), ("12:00", "13:00", "break"))
    return [
        {"weekday": day, "local_start": start, "local_end": end, "kind": kind}
        for day in WEEK
        for start, end, kind in parts
    ]


def _room(api: ApiClient, location_id: str) -> str:
    body = {"kind": "room", "name": "Room 1", "location_id": location_id, "capacity": 1}
    return str(api.post("/v1/resources", body, name=f"room-{location_id}")["id"])


def _visit_type(api: ApiClient, kind: VisitType) -> str:
    body = {
        "name": kind.name, "patient_kinds": list(kind.patient_kinds), "duration_minutes": kind.minutes,
        "required_roles": [{"kind": "provider", "count": 1}], "color": kind.color, "overbooking_allowed": True,
        "channels": ["desk", "booking"], "cancellation_notice_hours": 24,
    }  # fmt: skip
    return str(api.post("/v1/appointmentTypes", body, name=kind.name)["id"])


def _catalog(api: ApiClient, spec: PracticeSpec, anchor: date) -> dict[str, str]:
    """Create items, the general fee schedule and the taxes on what is sold for animals."""
    start = (anchor - timedelta(days=400)).isoformat()
    ids = {item.code: _item(api, item) for item in spec.items}
    fees = [
        {"catalog_item_id": ids[item.code], "amount": {"currency_code": "USD", "amount": item.price}}
        for item in spec.items
    ]
    api.post("/v1/feeSchedules", {"name": "Standard fees", "start_date": start, "fees": fees}, name="standard")
    for tax_class in sorted({item.tax_class for item in spec.items if item.tax_class}):
        rate = {
            "name": f"Sales tax on {tax_class.removesuffix('s')}s", "jurisdiction": f"US-{spec.places[0].state}",
            "tax_class": tax_class, "sector": "animal", "percent": spec.tax_percent, "start_date": start,
        }  # fmt: skip
        api.post("/v1/taxRates", rate, name=tax_class)
    return ids


def _item(api: ApiClient, item: Item) -> str:
    body = {
        "kind": item.kind, "name": item.name, "code_system": item.code_system, "code": item.code,
        "revenue_group": item.revenue_group, "sector": item.sector,
        **({"tax_class": item.tax_class} if item.tax_class else {}),
    }  # fmt: skip
    return str(api.post("/v1/catalogItems", body, name=item.code)["id"])


def _payer(api: ApiClient, spec: PracticeSpec, name: str, kind: str, electronic_id: str, indicator: str) -> str:
    body = {
        "name": name, "kind": kind, "electronic_id": electronic_id, "claim_filing_indicator": indicator,
        "filing_limit_days": 365, "contractual_reasons": ["CO-45"], "submitter_id": f"PRX{spec.npi_stem % 10000}",
        "receiver_id": "CHSIM", "receiver_name": "Simulated clearinghouse", "test_mode": True,
    }  # fmt: skip
    return str(api.post("/v1/payers", body, name=electronic_id)["id"])
