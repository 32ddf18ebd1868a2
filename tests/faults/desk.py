"""Callers of a service whose database hears that it shall commit, and whose answers never come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import grpc
from tests.faults.producer import SUBJECT
from tests.faults.world import World
from tests.support.canary import BIRTH_DATE
from tests.support.fault_proxy import FaultProxy, through

from praxis.patients.v1 import patient_service_pb2 as pb
from praxis_chassis.clients import channel
from praxis_chassis.tokens import Minter
from praxis_chassis.types import new_id
from praxis_local.processes import free_port, wait_until

METHOD = "/praxis.patients.v1.PatientService/RegisterPatient"
COMMIT = b"COMMIT"
TURNED_AWAY = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}
# A loaded machine takes its time to start a service.
PATIENCE_SECONDS = 120.0
NAMES = "SELECT display_name, id FROM patients WHERE tenant_id = %s"


@dataclass(frozen=True)
class Answer:
    """Whom a registration made, and whether the answer is that of an earlier request with the same key."""

    patient_id: str
    replayed: bool


@dataclass(frozen=True)
class Desk:
    """One more process of patients, whose way to its database leads through a proxy."""

    world: World
    line: FaultProxy
    channel: grpc.Channel
    minter: Minter
    tenant: UUID
    name: str = "desk"

    @classmethod
    def open(cls, world: World, line: FaultProxy) -> Desk:
        platform = world.platform
        listen = f"127.0.0.1:{free_port()}"
        url = through(platform.databases["patients"].app, line)
        environment = {**world.environment("patients", listen), "PRAXIS_DATABASE_URL": url}
        world.add(cls.name, ["-m", "praxis_patients", "serve"], environment)
        minter = Minter(platform.private_key.read_bytes())
        return cls(world, line, channel(listen, "patients", platform.certificates("gateway")), minter, new_id())

    def kill_unanswered(self, families: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
        """Let every registration commit and none be answered, kill the service, and return who was registered."""
        self.line.unanswered = COMMIT
        pairs = list(zip(families, keys, strict=True))
        calls = [self._call(*pair) for pair in pairs]

        def committed_by_all() -> bool:
            for place, call in enumerate(calls):
                # The place of a call that was answered a moment ago may not be free yet.
                if call.done() and call.code() in TURNED_AWAY:
                    calls[place] = self._call(*pairs[place])
            return set(families) <= self.registered().keys()

        committed = wait_until(committed_by_all, PATIENCE_SECONDS)
        found = {family: self.registered().get(family, "") for family in families}
        self.world.victims[self.name].end()
        ended = [str(call.exception(0)) for call in calls if call.done()]
        assert committed, f"{sum(map(bool, found.values()))} of {len(families)} committed; ended: {ended}"
        codes = {call.exception(PATIENCE_SECONDS).code() for call in calls}
        assert codes == {grpc.StatusCode.UNAVAILABLE}, codes
        self.line.heal()
        self.world.victims[self.name].start()
        return found

    def ask(self, family: str, key: str) -> Answer:
        """Ask, and wait until the service is there again."""
        call = self._call(family, key)
        patient_id = str(call.result(PATIENCE_SECONDS).patient.id)
        return Answer(patient_id, ("x-idempotent-replay", "true") in {tuple(pair) for pair in call.trailing_metadata()})

    def registered(self) -> dict[str, str]:
        """Return the patients of this desk by their family names, as another connection sees them."""
        rows = self.world.rows("patients", NAMES, [self.tenant])
        return {name.split()[-1]: str(identifier) for name, identifier in rows}

    def _call(self, family: str, key: str) -> Any:
        request = pb.RegisterPatientRequest()
        request.patient.human.name.family = family
        request.patient.human.name.given.append("Ada")
        request.patient.human.birth_date = BIRTH_DATE
        token = self.minter.mint(
            tenant_id=self.tenant, subject=SUBJECT, kind="user", permissions=["patients.patients.write"]
        )
        metadata = (("authorization", f"Bearer {token}"), ("x-idempotency-key", key))
        invoke = self.channel.unary_unary(
            METHOD, pb.RegisterPatientRequest.SerializeToString, pb.RegisterPatientResponse.FromString
        )
        return invoke.future(request, metadata=metadata, timeout=PATIENCE_SECONDS, wait_for_ready=True)
