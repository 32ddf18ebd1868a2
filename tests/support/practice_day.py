"""One practice calls every operation of the public API at least once, with data that belongs together."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from support.front_door import PASSWORD, Diary
from support.practice_day_authorizations import authorizations
from support.practice_day_contacts import contacts
from support.practice_day_coverages import coverage_work
from support.practice_day_feeds import feeds
from support.practice_day_planning import attendance, planning, together
from support.practice_day_records import duplicates, facilities, letters, referrals
from support.practice_day_waitlist import waitlist
from tests.claims.edi.remittance_writer import File, Paid, PaidClaim, PaidLine
from twilio.request_validator import RequestValidator

from praxis_local.api_client import ApiProblem
from praxis_local.demo.directory import Desk, Practice, set_up_directory
from praxis_local.demo.practices import PRACTICES

Json = dict[str, Any]
SMS_SECRET = "a-secret-of-the-practice"  # a test fixture, not a secret
MIXED = next(spec for spec in PRACTICES if spec.kind == "mixed")


def dollars(amount: str) -> Json:
    return {"currency_code": "USD", "amount": amount}


def cents(money: Mapping[str, str]) -> int:
    return int(Decimal(money["amount"]) * 100)


@dataclass
class Day:
    """What the practice has, as far as the next step needs it."""

    api: Diary
    practice: Practice
    mark: str
    numbers: Any = field(default_factory=lambda: count(1))

    @classmethod
    def begin(cls, api: Diary, mark: str) -> Day:
        """Set a mixed practice up; `mark` is a word that stands in its texts and nowhere else."""
        return cls(api, set_up_directory(api, MIXED, datetime.now(UTC).date()), mark)

    @property
    def people_desk(self) -> Desk:
        return self.practice.desks_for("human")[0]

    @property
    def today(self) -> date:
        return datetime.now(UTC).astimezone(ZoneInfo(self.people_desk.place.time_zone)).date()

    def make(self, path: str, body: Json, etag: str = "") -> Json:
        return self.api.post(path, body, name=f"{next(self.numbers)}", etag=etag)

    def change(self, path: str, **values: Any) -> Json:
        """Change a resource that has just been read."""
        return self.api.patch(path, values, etag=self.api.get(path)["etag"])

    def moment(self, days: int, hour: int) -> str:
        """Return a wall time at the desk on a weekday, so many days away or a little further."""
        day = self.today + timedelta(days=days)
        while day.weekday() > 4:
            day += timedelta(days=1 if days > 0 else -1)
        local = datetime.combine(day, clock_time(hour), ZoneInfo(self.people_desk.place.time_zone))
        return local.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def run(self) -> None:
        """Live through everything."""
        directory(self)
        patient, animal = patients(self)
        messages(self)
        calendar(self, patient)
        told(self, patient)
        recalled(self, patient)
        weekly(self, patient)
        planning(self, patient, _visit_type(self))
        attendance(self, patient)
        together(self, patient, person(self, "Ivy"), _visit_type(self))
        feeds(self, patient)
        waitlist(self, patient, [person(self, name) for name in ("Una", "Ola")], _visit_type(self))
        encounter = billing(self, patient, animal)
        claims(self, patient, encounter)
        referrals(self, patient)
        authorizations(self, patient, _visit_type(self))
        reports(self)
        people(self)


@dataclass(frozen=True)
class Lived:
    """A practice whose day is over: its tenant, the word that stands in its texts, and all that was said."""

    tenant_id: UUID
    mark: str
    diary: Diary
    day: Day


def directory(day: Day) -> None:
    """Change what was set up, and add referrers."""
    referrer = day.make("/v1/referrers", {"organization_name": f"{day.mark} Cardiology"})
    day.change(f"/v1/referrers/{referrer['id']}", specialty="Cardiology")
    facilities(day)
    changes: dict[str, Json] = {
        "practices": {"legal_name": f"{day.mark} Incorporated"},
        "locations": {"phone": "+17855550199"},
        "practitioners": {"specialty": f"{day.mark} medicine"},
        "resources": {"color": "#112233"},
        "templates": {"name": f"{day.mark} hours"},
        "catalogItems": {"name": f"{day.mark} visit"},
        "feeSchedules": {"name": f"{day.mark} fees"},
        "taxRates": {"name": f"{day.mark} tax"},
        "appointmentTypes": {"color": "#445566"},
        "payers": {"phone": "+17855550198"},
    }
    for collection, values in changes.items():
        listed = day.api.get(f"/v1/{collection}")
        first = next(items for items in listed.values() if isinstance(items, list))[0]
        day.change(f"/v1/{collection}/{first['id']}", **values)


def person(day: Day, given: str) -> Json:
    """Return somebody whom claims accept."""
    address = {
        "use": "home", "lines": ["5 Birch Avenue"], "city": "Lawrence", "state": "KS", "postal_code": "66044-2417",
        "country_code": "US",
    }  # fmt: skip
    return {
        "name": {"use": "official", "given": [given], "family": day.mark}, "birth_date": "1984-03-09",
        "sex": "female", "addresses": [address],
    }  # fmt: skip


def answers(party: str, role: str, share: int) -> Json:
    return {"party_id": party, "role": role, "share_basis_points": share, "may_consent": True}


def patients(day: Day) -> tuple[str, str]:
    """Register people and an animal, and let each verb happen to one of them."""
    party = day.make("/v1/parties", {"person": {"name": {"given": ["Oda"], "family": day.mark}}})
    other = day.make("/v1/parties", {"organization": {"name": f"{day.mark} Farm"}})
    day.change(f"/v1/parties/{party['id']}", language="es")
    contacts(day, party["id"])
    patient, late, gone = (
        day.make("/v1/patients", {"human": person(day, given)})["patient"] for given in ("Una", "Ida", "Eve")
    )
    animal = day.make(
        "/v1/patients",
        {
            "animal": {"name": day.mark, "species_code": "dog"},
            "responsibilities": [answers(party["id"], "owner", 10000)],
        },
    )["patient"]
    path = f"/v1/patients/{animal['id']}"
    owners = [answers(party["id"], "owner", 6000), answers(other["id"], "co_owner", 4000)]
    day.make(f"{path}:changeResponsibilities", {"responsibilities": owners}, day.api.get(path)["etag"])
    sale = {"from_party_id": party["id"], "to_party_id": other["id"], "share_basis_points": 1000}
    day.make(f"{path}:transferOwnership", sale)
    day.make(f"{path}:deactivate", {})
    day.make(f"{path}:reactivate", {})
    day.change(path, tags=[day.mark.lower()])
    measured(day, animal["id"])
    annotations(day, animal["id"], party["id"])
    died = {"deceased_date": day.today.isoformat(), "condolence_letter": True}
    day.make(f"/v1/patients/{late['id']}:markDeceased", died)
    letters(day, late["id"])
    left = day.make("/v1/patients", {"human": person(day, "Lea")})["patient"]
    day.make(f"/v1/patients/{left['id']}:transfer", {"transferred_to": f"{day.mark} Elsewhere"})
    day.make(
        f"/v1/patients/{gone['id']}:erase",
        {"reason": "Asked for it"},
        day.api.get(f"/v1/patients/{gone['id']}")["etag"],
    )
    twice = day.make("/v1/patients", {"human": person(day, "Una")})["patient"]
    merge = day.make(
        f"/v1/patients/{patient['id']}:merge", {"duplicate_id": twice["id"], "reason": f"{day.mark} twice"}
    )
    day.make(f"/v1/patientMerges/{merge['id']}:reverse", {"reason": f"{day.mark} are two"})
    duplicates(day, patient["id"])
    cover(day, patient["id"], 1, f"SILENT-{day.mark}")  # a clearinghouse accepts that and leaves paying to the day
    ended = cover(day, patient["id"], 2, f"COPAY-{day.mark}")
    day.change(f"/v1/coverages/{ended['id']}", plan_name=day.mark)
    coverage_work(day, patient["id"], ended["id"])
    day.make(f"/v1/coverages/{ended['id']}:end", {"to_date": (day.today - timedelta(days=300)).isoformat()})
    return patient["id"], animal["id"]


def measured(day: Day, animal: str) -> None:
    """Weigh an animal, and put the weight right."""
    heavy = {"patient_id": animal, "kind": "weight", "value": "52.5", "unit": "lb", "note": day.mark}
    weight = day.make("/v1/measurements", heavy)
    day.make(f"/v1/measurements/{weight['id']}:correct", {"value": "25.5", "note": day.mark})
    day.api.get("/v1/measurements", patient_id=animal)


def annotations(day: Day, animal: str, party: str) -> None:
    """Warn of an animal, give it a group and a field of the practice, and let its owner found a household."""
    alert = f"/v1/alerts/{day.make('/v1/alerts', {'patient_id': animal, 'severity': 'danger', 'text': day.mark})['id']}"
    day.change(alert, text=f"{day.mark} bites")
    day.api.get("/v1/alerts", patient_id=animal)
    day.make(f"{alert}:end", {})
    group = day.make("/v1/patientGroups", {"tag": day.mark.lower(), "title": day.mark, "color": "#B3261E"})
    day.change(f"/v1/patientGroups/{group['id']}", color="#00639B")
    field = day.make("/v1/customFields", {"name": "stall", "title": day.mark, "type": "text"})
    day.change(f"/v1/customFields/{field['id']}", title=f"{day.mark} stall")
    day.change(f"/v1/patients/{animal}", custom_fields={"stall": day.mark})
    household = f"/v1/households/{day.make('/v1/households', {'party_ids': [party]})['id']}"
    day.change(household, party_ids=[party])
    day.api.get(f"{household}/patients")


def cover(day: Day, patient: str, rank: int, member: str, payer: str = "") -> Json:
    """Add an insurance."""
    return day.make(
        "/v1/coverages",
        {
            "patient_id": patient, "kind": "medical", "rank": rank, "member_id": member,
            "payer_id": payer or day.practice.payer_ids[0], "subscriber_relationship": "self",
            "from_date": (day.today - timedelta(days=400)).isoformat(), "group_number": "G100",
        },
    )  # fmt: skip


def messages(day: Day) -> None:
    """Set up what is told about appointments, in the practice's words, as letters that a person writes."""
    texts = {"sms_from": "+17855550100", "sms_account": "AC1", "sms_secret": SMS_SECRET}
    day.change("/v1/communicationSettings", from_name=f"{day.mark} Desk", **texts)
    words = {"name": day.mark, "channel": "letter", "language": "en", "body": f"{day.mark}: {{date}}"}
    made = day.make("/v1/messageTemplates", words)
    day.change(f"/v1/messageTemplates/{made['id']}", body=f"{day.mark} expects you: {{date}}, {{time}}")
    kinds = [{"kind": kind} for kind in ("booked", "cancelled", "waitlist_offer")]
    plan = {"name": day.mark, "channels": ["email", "letter"], "communications": kinds}
    day.change(f"/v1/reminderPlans/{day.make('/v1/reminderPlans', plan)['id']}", name=f"{day.mark} letters")


def told(day: Day, patient: str) -> None:
    """Write the letter that a booking asks for; let somebody answer by links and texts."""
    _book(day, patient, 9)
    guest = person(day, "Ida")
    ways = [{"system": "email", "value": f"{day.mark}@example.org"}, {"system": "mobile", "value": "+17855550177"}]
    reached = day.make("/v1/patients", {"human": {**guest, "telecoms": ways}})["patient"]["id"]
    _book(day, reached, 10)
    _book(day, reached, 11)

    def planned(reply: Json) -> tuple[list[Json], list[Json]]:
        """Return letters to write and mails; others may be there, when an appointment was told before it was moved."""
        booked = [item for item in reply.get("communications", []) if item["kind"] == "booked" and "body" in item]
        letters = [item for item in booked if item["state"] == "to_do"]
        return letters, sorted((item for item in booked if item["channel"] == "email"), key=lambda item: item["id"])

    told = day.api.until("/v1/communications", lambda reply: [*map(len, planned(reply))] == [1, 2])
    (letter,), mails = planned(told)
    day.make(f"/v1/communications/{letter['id']}:resolve", {"decision": "sent"})
    links = ["/v1" + re.findall(r"https://front.example(/links/\S+)", item["body"])[0] for item in mails]
    day.api.get(links[0])
    day.make(f"{links[0]}:confirm", {})
    day.make(f"{links[1]}:cancel", {})
    day.make(f"{links[1]}:unsubscribe", {})
    for path, fields in (
        ("sms", {"MessageSid": "SM1", "From": "+17855550177", "Body": f"{day.mark} C"}),
        ("smsStatus", {"MessageSid": "SM2", "MessageStatus": "delivered"}),
    ):
        _provider_calls(day, links[0].split("/")[3], path, fields)


def recalled(day: Day, patient: str) -> None:
    """Recall whoever gets an item, and one patient by hand; stop it again."""
    rule = {
        "name": f"{day.mark} check", "aged": {"months": 600}, "steps": [{"offset_days": 0, "channels": ["letter"]}],
    }  # fmt: skip
    day.change(f"/v1/recallRules/{day.make('/v1/recallRules', rule)['id']}", name=f"{day.mark} again")
    due = (day.today + timedelta(days=21)).isoformat()
    made = day.make("/v1/recalls", {"patient_id": patient, "name": f"{day.mark} wound", "due_date": due})
    day.make(f"/v1/recalls/{made['id']}:stop", {})


def _provider_calls(day: Day, tenant: str, path: str, fields: Json) -> None:
    path = f"/v1/webhooks/{tenant}/{path}"
    signed = RequestValidator(SMS_SECRET).compute_signature(f"https://front.example{path}", fields)
    answer = day.api.client.post(path, data=fields, headers={"X-Twilio-Signature": signed})
    assert answer.status_code == 204, answer.text


def _book(day: Day, patient: str, hour: int) -> None:
    desk = day.people_desk
    body = {
        "patient_id": patient, "location_id": desk.location_id, "start_time": day.moment(4, hour),
        "appointment_type_id": _visit_type(day), "resource_ids": [desk.resource_id],
    }  # fmt: skip
    day.make("/v1/appointments", body)


def calendar(day: Day, patient: str) -> None:
    """Book, move, cancel, miss, and bring a patient through."""
    desk = day.people_desk
    visit_type = _visit_type(day)
    span = {"from_time": day.moment(3, 8), "until_time": day.moment(3, 17)}
    day.make("/v1/appointments:findSlots", {"appointment_type_id": visit_type, **span})

    def book(start: str) -> str:
        body = {
            "patient_id": patient, "appointment_type_id": visit_type, "location_id": desk.location_id,
            "start_time": start, "resource_ids": [desk.resource_id], "notes": day.mark,
        }  # fmt: skip
        return f"/v1/appointments/{day.make('/v1/appointments', body)['id']}"

    moved, missed, seen = book(day.moment(3, 9)), book(day.moment(-3, 9)), book(day.moment(-3, 14))
    day.make(f"{moved}:confirm", {})
    day.change(moved, notes=f"{day.mark} rings twice")
    day.make(f"{moved}:reschedule", {"start_time": day.moment(3, 14)})
    day.make(f"{moved}:cancel", {"by": "patient", "reason": day.mark})
    day.make(f"{missed}:markNoShow", {})
    visit = f"/v1/visits/{day.make(f'{seen}:arrive', {})['id']}"
    day.make(f"{visit}:room", {"room_id": day.practice.rooms[desk.location_id]})
    day.make(f"{visit}:startTech", {})
    day.make(f"{visit}:startClinician", {"practitioner_id": desk.practitioner_id})
    day.make(f"{visit}:readyForCheckout", {})
    day.make(f"{visit}:complete", {})
    walked_in = day.make("/v1/visits", {"patient_id": patient, "location_id": desk.location_id, "reason": day.mark})
    flow_board(day, f"/v1/visits/{walked_in['id']}", desk)


def weekly(day: Day, patient: str) -> None:
    """Book a series, change its last date and cancel it; keep a time for a while; work other hours on one day."""
    desk, first = day.people_desk, date.fromisoformat(day.moment(40, 12)[:10])
    rule = {"frequency": "weekly", "weekdays": [f"{first:%A}".lower()], "count": 3}
    body = {
        "patient_id": patient, "appointment_type_id": _visit_type(day), "location_id": desk.location_id,
        "first_date": first.isoformat(), "local_start": "10:00", "rule": rule, "reason": day.mark,
        "resource_ids": [desk.resource_id],
    }  # fmt: skip
    series = day.make("/v1/series", body)["series"]["id"]
    last = (first + timedelta(days=14)).isoformat()
    etag = day.api.get(f"/v1/series/{series}")["etag"]
    day.make(f"/v1/series/{series}:change", {"scope": "this", "occurrence_date": last, "local_start": "11:00"}, etag)
    etag = day.api.get(f"/v1/series/{series}")["etag"]
    cancel = {"scope": "this", "occurrence_date": last, "by": "patient", "reason": day.mark}
    day.make(f"/v1/series/{series}:cancel", cancel, etag)
    day.api.get("/v1/series", patient_id=patient)
    wish = {"appointment_type_id": _visit_type(day), "location_id": desk.location_id, "start_time": day.moment(60, 10)}
    kept = f"/v1/holds/{day.make('/v1/holds', {**wish, 'resource_ids': [desk.resource_id]})['id']}"
    day.api.get(kept)
    day.make(f"{kept}:release", {})
    free = {"resource_id": desk.resource_id, "local_date": (first + timedelta(days=1)).isoformat(), "reason": day.mark}
    exception = f"/v1/templateExceptions/{day.make('/v1/templateExceptions', free)['id']}"
    day.change(exception, reason=f"{day.mark} congress")
    day.api.get("/v1/templateExceptions", resource_id=desk.resource_id)


def flow_board(day: Day, visit: str, desk: Desk) -> None:
    """Look at who waits, change who is urgent, and take a step back."""
    day.change(visit, urgency="urgent")
    day.api.get("/v1/visits:queue", location_id=desk.location_id)
    day.make(f"{visit}:leave", {"reason": day.mark})
    day.make(f"{visit}:undo", {"reason": f"{day.mark} came back"})
    day.api.get(f"{visit}/statusEvents")
    first, last = day.today - timedelta(days=2), day.today + timedelta(days=1)
    day.api.get("/v1/visits:waitTimes", from_date=first.isoformat(), until_date=last.isoformat())
    day.make(f"{visit}:leave", {})
    views(day, desk)


def views(day: Day, desk: Desk) -> None:
    """Color the calendar, save what is looked at, and look at it."""
    day.make("/v1/colorSchemes:checkContrast", {"color": "#ffffff"})
    rules = [{"name": day.mark, "tags": [day.mark.lower()], "color": "#fde0e0"}]
    scheme = day.make("/v1/colorSchemes", {"name": day.mark, "rules": rules})
    day.change(f"/v1/colorSchemes/{scheme['id']}", name=f"{day.mark} first")
    day.api.get(f"/v1/colorSchemes/{scheme['id']}")
    day.api.get("/v1/colorSchemes")
    body = {"name": day.mark, "resource_ids": [desk.resource_id], "color_scheme_id": scheme["id"]}
    view = day.make("/v1/calendarViews", body)
    day.change(f"/v1/calendarViews/{view['id']}", shared=True)
    day.api.get(f"/v1/calendarViews/{view['id']}")
    day.api.get("/v1/calendarViews")
    first = (day.today - timedelta(days=5)).isoformat()
    assert day.api.get("/v1/calendar", from_date=first, days=10, view_id=view["id"])["appointments"]


def _visit_type(day: Day) -> str:
    return next(identifier for kind, identifier in day.practice.visit_types if "human" in kind.patient_kinds)


def encounter_body(day: Day, desk: Desk, patient: str, count: int, **more: Any) -> Json:
    """Charge so many of the dearest items that a clinician offers."""
    offered = [item for item in MIXED.items if item.sector == desk.clinician.treats]
    dearest = sorted(offered, key=lambda item: -Decimal(item.price))[:count]
    pointers = {"diagnosis_pointers": [1]} if desk.clinician.treats == "human" else {}
    diagnoses = {"diagnoses": ["J06.9"]} if pointers else {}
    charges = [{"catalog_item_id": day.practice.items[item.code], "units": "1", **pointers} for item in dearest]
    return {
        "patient_id": patient, "service_date": (day.today - timedelta(days=20)).isoformat(), "charges": charges,
        "location_id": desk.location_id, "rendering_practitioner_id": desk.practitioner_id, **diagnoses, **more,
    }  # fmt: skip


def billing(day: Day, patient: str, animal: str) -> Json:
    """Charge, pay, adjust, transfer and state; return the encounter that an insurer owes."""
    desk, animals = day.people_desk, day.practice.desks_for("animal")[0]
    body = encounter_body(day, desk, patient, 2)
    day.make("/v1/encounters:preview", body)
    encounter = day.make("/v1/encounters", body)
    owed = day.make("/v1/encounters", encounter_body(day, desk, patient, 2, self_pay=True))
    day.make("/v1/encounters", encounter_body(day, animals, animal, 2))
    wrong = day.make("/v1/encounters", encounter_body(day, desk, patient, 1, self_pay=True))
    day.make(f"/v1/encounters/{wrong['id']}:reverse", {"reason": day.mark}, wrong["etag"])
    shares = [charge["shares"][0] for charge in owed["charges"]]
    money(day, shares)
    accounts(day, owed, shares[0])
    return encounter


def money(day: Day, shares: list[Json]) -> None:
    """Pay at the desk and take something off, forth and back."""
    account = shares[0]["account_id"]
    body = {"payer_kind": "account", "account_id": account, "method": "card", "allocation_policy": "none"}
    paid, mistaken = (day.make("/v1/payments", {**body, "amount": dollars("30.00")}) for _ in range(2))
    listed = {"policy": "listed", "allocations": [{"share_id": shares[0]["id"], "amount": dollars("10.00")}]}
    day.make(f"/v1/payments/{paid['id']}:allocate", listed, paid["etag"])
    day.make(f"/v1/payments/{mistaken['id']}:reverse", {"reason": day.mark}, mistaken["etag"])
    off = {"share_id": shares[1]["id"], "reason": "courtesy", "amount": dollars("2.00"), "note": day.mark}
    kept, taken_back = (day.make("/v1/adjustments", off) for _ in range(2))
    assert kept["id"] != taken_back["id"]
    day.make(f"/v1/adjustments/{taken_back['id']}:reverse", {"reason": day.mark}, taken_back["etag"])


def accounts(day: Day, encounter: Json, share: Json) -> None:
    """Let another account take a part over, and write a statement."""
    employer = day.make("/v1/parties", {"organization": {"name": f"{day.mark} Works"}})
    account = day.make("/v1/accounts", {"party_id": employer["id"]})
    day.change(f"/v1/accounts/{account['id']}", terms_days=10)
    path = f"/v1/encounters/{encounter['id']}"
    move = {"share_id": share["id"], "amount": dollars("5.00"), "to_account_id": account["id"], "reason": day.mark}
    day.make(f"{path}:transferResponsibility", move, day.api.get(path)["etag"])
    day.make("/v1/statements", {"account_id": account["id"]})


def claims(day: Day, patient: str, encounter: Json) -> None:
    """Hold, release, send and be paid; override a warning; approve a remittance."""
    claim = claim_of(day, encounter["id"])
    path = f"/v1/claims/{claim['id']}"
    day.change(path, prior_authorization_number="AUTH 77")
    day.make(f"{path}:scrub", {}, day.api.get(path)["etag"])
    day.make(f"{path}:hold", {"reason": day.mark}, day.api.get(path)["etag"])
    day.make(f"{path}:release", {}, day.api.get(path)["etag"])
    day.make("/v1/claims:submit", {"claim_ids": [claim["id"]]})
    overridden(day)
    day.change(f"/v1/payers/{day.practice.payer_ids[0]}", approve_remittances=True)
    uploaded = day.api.upload("/v1/remittanceFiles", remittance(day.api.get(path)), "application/edi-x12")
    listed = day.api.get("/v1/remittances", remittance_file_id=uploaded["id"])["remittances"]
    path = f"/v1/remittances/{listed[0]['id']}"
    waiting = day.api.until(path, lambda reply: reply["state"] == "awaiting_approval")
    day.make(f"{path}:post", {}, waiting["etag"])
    day.api.until(path, lambda reply: reply["state"] == "posted")
    cut = day.api.upload("/v1/remittanceFiles", remittance(claim, amount=1), "application/edi-x12")
    kept = day.api.get("/v1/remittances", remittance_file_id=cut["id"])["remittances"][0]
    day.make(f"/v1/remittances/{kept['id']}:discard", {"reason": day.mark}, kept["etag"])
    day.api.get("/v1/diagnosisCodes", query="J06")
    day.api.get("/v1/diagnosisCodes/J06.9")


def overridden(day: Day) -> None:
    """Let a claim through whose member id looks unusual to its payer."""
    strict = day.make(
        "/v1/payers",
        {
            "name": f"{day.mark} Mutual", "kind": "commercial", "electronic_id": "STRCT01", "filing_limit_days": 365,
            "claim_filing_indicator": "CI", "member_id_pattern": "[0-9]{9}",
        },
    )  # fmt: skip
    patient = day.make("/v1/patients", {"human": person(day, "Ada")})["patient"]
    cover(day, patient["id"], 1, f"PAID-{day.mark}", strict["id"])
    encounter = day.make("/v1/encounters", encounter_body(day, day.people_desk, patient["id"], 1))
    claim = claim_of(day, encounter["id"])
    finding = next(each for each in claim["findings"] if each["severity"] == "warn")
    path = f"/v1/claims/{claim['id']}"
    day.make(f"{path}:override", {"finding_id": finding["id"], "reason": day.mark}, claim["etag"])


def claim_of(day: Day, encounter: str) -> Json:
    """Wait for the claim that an encounter's event makes."""

    def settled(reply: Json) -> bool:
        return [each["state"] for each in reply.get("claims", [])] not in ([], ["draft"])

    return dict(day.api.until("/v1/claims", settled, encounter_id=encounter)["claims"][0])


def remittance(claim: Json, amount: int | None = None) -> bytes:
    """Return a file in which the payer pays every line as charged, and pays that unless another amount is told."""
    service_day = claim["service_from_date"].replace("-", "")
    lines = tuple(
        PaidLine(
            line["procedure_code"],
            cents(line["charge"]),
            cents(line["charge"]),
            control_number=line["control_number"],
            date=service_day,
        )
        for line in claim["lines"]
    )
    total = cents(claim["charge_amount"])
    paid = PaidClaim(claim["claim_number"], total, total, lines, patient="")
    return File((Paid((paid,), payer_id="MDWLK01", amount=amount),)).bytes()


def reports(day: Day) -> None:
    day.api.export({"report": "day_sheet", "format": "csv"})
    missed = day.api.get("/v1/missedCharges", page_size=5)["missed_charges"][0]
    place, items = (
        f"/v1/missedCharges/{missed['visit_id']}",
        [each["catalog_item_id"] for each in missed.get("items", [])],
    )
    day.make(f"{place}:dismiss", {"catalog_item_ids": items, "reason": day.mark})
    day.make(f"{place}:restore", {})


def people(day: Day) -> None:
    """Invite, change, disable and let in people; make roles and keys; move the clock."""
    users = [
        {"user": {"email": f"{day.mark.lower()}-{n}@example.org", "display_name": day.mark, "roles": ["biller"]}}
        for n in "ab"
    ]
    invited = day.make("/v1/users", users[0])
    guest = Diary(day.api.url, "", day.mark)
    guest.post("/v1/users:acceptInvitation", {"invitation_token": invited["invitation_token"], "password": PASSWORD})
    kim = day.api.post("/v1/users", {**users[1], "password": PASSWORD})["user"]
    login = guest.post("/v1/sessions", {"email": users[1]["user"]["email"], "password": PASSWORD})
    own = Diary(day.api.url, login["token"], day.mark)
    own.post("/v1/users:changePassword", {"current_password": PASSWORD, "new_password": f"{PASSWORD}-2"})
    again = guest.post("/v1/sessions", {"email": users[1]["user"]["email"], "password": f"{PASSWORD}-2"})
    leaving = Diary(day.api.url, again["token"], day.mark)
    leaving.delete("/v1/sessions/current")
    path = f"/v1/users/{kim['id']}"
    day.change(path, display_name=f"{day.mark} Kim")
    day.make(f"{path}:setRoles", {"roles": ["front_desk"]}, day.api.get(path)["etag"])
    day.make(f"{path}:disable", {}, day.api.get(path)["etag"])
    day.make(f"{path}:enable", {}, day.api.get(path)["etag"])
    day.api.post(f"{path}:resetPassword", {})
    role = day.make("/v1/roles", {"name": "greeter", "title": day.mark, "permissions": ["patients.patients.read"]})
    day.change(f"/v1/roles/{role['id']}", title=f"{day.mark} greeter")
    day.make(f"/v1/roles/{role['id']}:retire", {}, day.api.get(f"/v1/roles/{role['id']}")["etag"])
    key = day.api.post("/v1/apiKeys", {"title": day.mark, "scopes": ["patients.*.read"]})
    day.api.post(f"/v1/apiKeys/{key['id']}:revoke", {})
    day.change("/v1/tenants/current", name=f"{day.mark} group")
    day.make("/v1/test/clock:advance", {"seconds": 60})
    for each in (guest, own, leaving):
        day.api.exchanges.extend(each.exchanges)
        each.close()


def read_everything(api: Diary, description: Json) -> None:
    """Call every reading operation, with ids that the collections hold."""
    for path, operations in description["paths"].items():
        if "get" not in operations:
            continue
        collection = path.partition("/{")[0]
        identifiers = [""] if "{" not in path else _identifiers(api, collection)
        for identifier in identifiers:
            try:
                api.download(path.partition("/{")[0] + _rest(path, identifier))
            except (ApiProblem, AssertionError):
                continue
            break


def _identifiers(api: Diary, collection: str) -> list[str]:
    """Return ids of a collection as its list tells them, or as its creations did where it has no list."""
    try:
        listed = api.get(collection)
    except ApiProblem:
        created = [each for each in api.exchanges if (each.method, each.path) == ("POST", collection)]
        return [json.loads(each.reply)["id"] for each in created]
    items = next((items for items in listed.values() if isinstance(items, list)), [])
    return [item.get("id") or item.get("code", "") for item in items]


def _rest(path: str, identifier: str) -> str:
    if "{" not in path:
        return ""
    return f"/{identifier}{path.partition('}')[2]}"
