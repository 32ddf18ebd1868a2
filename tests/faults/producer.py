"""A partner's program: sends each request under its key until it is answered, and goes on where it was killed."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import grpc
from tests.support.canary import BIRTH_DATE, FAMILY

from praxis.billing.v1 import encounter_pb2, encounter_service_pb2
from praxis.patients.v1 import patient_pb2, patient_service_pb2
from praxis_chassis.clients import channel
from praxis_chassis.tls import Certificates
from praxis_chassis.tokens import Minter

SUBJECT = "00000000-0000-7000-8000-000000000001"
AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
# Of so many requests one posts a charge; the others change a patient.
CHARGE_EVERY = 4


def somebody(family: str, place: int) -> patient_pb2.HumanProfile:
    """Return a person whom nobody would take for another; some have the birth date that logs are searched for."""
    given = f"{chr(ord('A') + place % 26)}da"
    born = f"{1950 + place % 50}-{1 + place % 12:02}-{1 + place % 28:02}" if place % 20 else BIRTH_DATE
    return patient_pb2.HumanProfile(name={"family": family, "given": [given]}, birth_date=born)


class Producer:
    """One thread's worth of requests, the same ones at every start."""

    def __init__(self, plan: dict[str, Any], lane: int, minter: Minter) -> None:
        self.plan, self.lane, self.minter = plan, lane, minter
        self.progress = Path(plan["progress"]) / f"{plan['tenant']}-{lane}"
        certificates = Certificates(Path(plan["certificates"]))
        self.channels = {name: channel(target, name, certificates) for name, target in plan["targets"].items()}

    def run(self) -> None:
        """Send what is not answered yet, in order."""
        first = int(self.progress.read_text()) if self.progress.exists() else 0
        for number in range(first, self.plan["count"]):
            self.send(number)
            self.note(number + 1)
            time.sleep(self.plan.get("pause", 0.0))

    def note(self, done: int) -> None:
        """Remember how far we are, so that a kill leaves the old number or the new one."""
        fresh = self.progress.with_suffix(".new")
        fresh.write_text(str(done))
        fresh.replace(self.progress)

    def send(self, number: int) -> None:
        chance = random.Random(f"{self.plan['seed']}-{self.lane}-{number}")
        patients = self.plan["patients"][self.lane]
        patient_id = chance.choice(patients)
        key = str(uuid5(UUID(self.plan["tenant"]), f"{self.lane}-{number}"))
        if number % CHARGE_EVERY:
            self.call(
                "patients.v1.PatientService/UpdatePatient",
                self.rename(patient_id, number, self.lane * len(patients) + patients.index(patient_id)),
                key,
            )
        else:
            self.call("billing.v1.EncounterService/CreateEncounter", self.charge(patient_id), key)

    def rename(self, patient_id: str, number: int, place: int = 0) -> Any:
        """Return the request to give the patient at a place of the list a new name."""
        patient = patient_pb2.Patient(id=patient_id, human=somebody(f"{FAMILY}{self.lane}x{number}", place))
        request = patient_service_pb2.UpdatePatientRequest(patient=patient)
        request.update_mask.paths.append("human")
        return request

    def charge(self, patient_id: str) -> Any:
        charge = encounter_pb2.Charge(procedure_code="99213", diagnosis_pointers=[1])
        encounter = encounter_pb2.Encounter(
            patient_id=patient_id,
            service_date=self.plan["date"],
            location_id=self.plan["location"],
            rendering_practitioner_id=self.plan["practitioner"],
            diagnoses=["J06.9"],
            charges=[charge],
            self_pay=True,
        )
        return encounter_service_pb2.CreateEncounterRequest(encounter=encounter)

    def call(self, method: str, request: Any, key: str) -> bytes:
        """Repeat a request under its key until it is answered."""
        opened = self.channels[method.partition(".")[0]]
        invoke = opened.unary_unary(f"/praxis.{method}", type(request).SerializeToString)
        while True:
            metadata = (("authorization", f"Bearer {self.token()}"), ("x-idempotency-key", key))
            try:
                return bytes(invoke(request, metadata=metadata, timeout=10, wait_for_ready=True))
            except grpc.RpcError as failure:
                if failure.code() not in AGAIN:
                    raise
                time.sleep(0.05)

    def token(self) -> str:
        return self.minter.mint(
            tenant_id=UUID(self.plan["tenant"]), subject=SUBJECT, kind="user", permissions=self.plan["permissions"]
        )


def main(plan: dict[str, Any]) -> None:
    """Run all lanes to their end."""
    minter = Minter(Path(plan["key"]).read_bytes())
    lanes = [Producer(plan, lane, minter) for lane in range(len(plan["patients"]))]
    threads = [threading.Thread(target=lane.run) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
