"""Two hundred callers want one time at once, through the gateway as it is shipped: only as many as fit ever get it."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest
from tests.journeys.clinic import Clinic, Json, coined, human, open_clinic
from tests.support.system import System

RACERS, PATIENCE_SECONDS = 200, 120.0


@pytest.fixture(scope="module")
def clinic(system: System) -> Iterator[Clinic]:
    """A practice that has just been set up."""
    with closing(open_clinic(system, "harbor")) as clinic:
        yield clinic


class Race:
    """Callers who send one booking at the same moment and, told that there is no room, ask again as they are told."""

    def __init__(self, clinic: Clinic, body: Json) -> None:
        self.body, self.asked_again = body, Counter[str]()
        self.start, self.lock = threading.Barrier(RACERS), threading.Lock()
        self.headers = {"Authorization": f"Bearer {clinic.front_desk.token}"}
        self.url = clinic.system.url

    def run(self) -> list[httpx.Response]:
        """Return the last answer that each caller got."""
        limits = httpx.Limits(max_connections=RACERS, max_keepalive_connections=RACERS)
        with (
            httpx.Client(base_url=self.url, headers=self.headers, limits=limits, timeout=60) as client,
            ThreadPoolExecutor(RACERS) as pool,
        ):
            return list(pool.map(lambda _: self._ask(client), range(RACERS)))

    def _ask(self, client: httpx.Client) -> httpx.Response:
        headers, until = {"Idempotency-Key": coined("race")}, time.monotonic() + PATIENCE_SECONDS
        self.start.wait()
        while True:
            try:
                answer = client.post("/v1/appointments", json=self.body, headers=headers)
            except (httpx.RemoteProtocolError, httpx.ReadError):
                continue  # the server or another caller's thread just closed it; the key makes it safe to ask again
            if answer.status_code not in {503, 504} or time.monotonic() > until:
                return answer
            with self.lock:
                self.asked_again[answer.json()["code"]] += 1
            time.sleep(int(answer.headers.get("Retry-After", "1")) * random.uniform(1, 1.5))


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("capacity", "hour"), [(1, 10), (3, 15)])
def test_of_two_hundred_callers_as_many_win_as_there_is_room(clinic: Clinic, capacity: int, hour: int) -> None:
    desk = clinic.practice.desks[1]
    path = f"/v1/resources/{desk.resource_id}"
    clinic.owner.patch(path, {"capacity": capacity}, clinic.owner.get(path)["etag"])
    patient = clinic.register(human(coined("Racerton")))["patient"]["id"]
    start = clinic.moment(desk, hour)
    clinic.book(clinic.appointment(patient, desk, clinic.moment(desk, hour + 1)))  # waits until the patient is known
    race = Race(clinic, clinic.appointment(patient, desk, start))
    began = time.monotonic()
    answers = race.run()
    print(f"{RACERS} callers, room for {capacity}: {dict(Counter(answer.status_code for answer in answers))} ", end="")
    print(f"after {dict(race.asked_again)} to be sent again, {time.monotonic() - began:.1f} s in all")
    won = [answer.json() for answer in answers if answer.status_code == 201]
    lost = [answer.json() for answer in answers if answer.status_code == 409]
    assert len(won) == capacity
    assert len(lost) == RACERS - capacity, Counter(answer.text[:200] for answer in answers)
    assert {booked["reservations"][0].get("lane", 0) for booked in won} == set(range(capacity))
    assert {problem["code"] for problem in lost} == {"SLOT_TAKEN"}
    offers = [[slot["start_time"] for slot in problem["slot_alternatives"]["slots"]] for problem in lost]
    assert {len(set(offer) - {start}) for offer in offers} == {3}
    at_the_time = clinic.front_desk.get("/v1/appointments", resource_id=desk.resource_id, page_size=200)
    held = [each["id"] for each in at_the_time["appointments"] if each["start_time"] == start]
    assert sorted(held) == sorted(booked["id"] for booked in won)
