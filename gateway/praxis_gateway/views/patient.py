"""The view of a patient: reads of three services side by side, partial when one of them does not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Flask, Response, g
from google.protobuf.message import Message

from praxis_gateway.contracts import Contracts, Operation
from praxis_gateway.converters import to_json
from praxis_gateway.endpoint import Door
from praxis_gateway.problems import Problem
from praxis_gateway.tokens import Caller
from praxis_gateway.transcoding import Incoming, build
from praxis_gateway.views.description import (
    GET_BALANCE,
    GET_PATIENT,
    LIST_ACCOUNTS,
    LIST_APPOINTMENTS,
    MOST_ACCOUNTS,
    MOST_APPOINTMENTS,
    PATIENT,
    operations_of,
)

_OPEN_STATES = ["booked", "confirmed", "arrived"]

Read = Callable[[], Any]


@dataclass(frozen=True)
class PatientView:
    """A patient, the open appointments, and what those who pay for the patient owe."""

    door: Door
    operations: Mapping[str, Operation]
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(16, thread_name_prefix="view"))

    def answer(self, identifier: str) -> Response:
        """Read all parts side by side; the patient's own refusal is the whole view's."""
        with self.door.entered(self.operations[GET_PATIENT], "views") as caller:
            assert caller is not None
            parts = {name: self.pool.submit(read) for name, read in self._reads(caller, identifier).items()}
            document, failed = _collect(parts)
        refused = failed.get("patient")
        if refused and (refused.status < 500 or len(failed) == len(parts)):
            raise refused
        warnings = [{"part": part, "code": problem.code, "detail": problem.detail} for part, problem in failed.items()]
        return Response(orjson.dumps({**document, "warnings": warnings}), 200, mimetype="application/json")

    def _reads(self, caller: Caller, identifier: str) -> dict[str, Read]:
        """Return the reads that the caller may do; what he may not see is left out without a word."""
        query = {"patient_id": [identifier]}
        patient = self._read(GET_PATIENT, caller, path={"id": identifier})
        found: dict[str, Read] = {"patient": lambda: to_json(patient())}
        if self.door.tokens.allows(caller, self.operations[LIST_APPOINTMENTS]):
            page = {"states": _OPEN_STATES, "page_size": [str(MOST_APPOINTMENTS)]}
            appointments = self._read(LIST_APPOINTMENTS, caller, query={**query, **page})
            found["appointments"] = lambda: to_json(appointments()).get("appointments", [])
        if self.door.tokens.allows(caller, self.operations[LIST_ACCOUNTS]):
            accounts = self._read(LIST_ACCOUNTS, caller, query={**query, "page_size": [str(MOST_ACCOUNTS)]})
            balance = self._call(GET_BALANCE, caller)
            found["balances"] = lambda: [
                to_json(balance(build(self.operations[GET_BALANCE], Incoming(path={"id": each["id"]}))))
                for each in to_json(accounts()).get("accounts", [])
            ]
        return found

    def _read(self, name: str, caller: Caller, **incoming: Any) -> Callable[[], Message]:
        call, message = self._call(name, caller), build(self.operations[name], Incoming(**incoming))
        return lambda: call(message)

    def _call(self, name: str, caller: Caller) -> Callable[[Message], Message]:
        """Return a call that any thread may make: what it takes from the request is taken now."""
        operation, metadata = self.operations[name], self.door.metadata(self.operations[name], caller)
        return lambda message: self.door.invoker.call(operation, message, metadata).message


def _collect(parts: Mapping[str, Future[Any]]) -> tuple[dict[str, Any], dict[str, Problem]]:
    document, failed = {}, {}
    for name, part in parts.items():
        try:
            document[name] = part.result()
        except Problem as problem:
            failed[name] = problem
    return document, failed


def add_views(app: Flask, contracts: Contracts, door: Door) -> None:
    """Add the route of each view."""
    view = PatientView(door, operations_of(contracts))

    def patient(identifier: str) -> Response:
        g.operation = "views/patient"
        return view.answer(identifier)

    rule = PATIENT.replace("{id}", "<segment:identifier>")
    app.add_url_rule(rule, endpoint=f"views {PATIENT}", view_func=patient, methods=["GET"])
