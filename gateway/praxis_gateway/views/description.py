"""What each view is called, which calls it joins, and what OpenAPI tells about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from praxis_gateway.contracts import Contracts, Operation, shape
from praxis_gateway.schemas import Schema, Schemas

PATIENT = "/v1/views/patients/{id}"
MOST_APPOINTMENTS, MOST_ACCOUNTS = 10, 3
GET_PATIENT = "praxis.patients.v1.PatientService/GetPatient"
LIST_APPOINTMENTS = "praxis.scheduling.v1.AppointmentService/ListAppointments"
LIST_ACCOUNTS = "praxis.billing.v1.AccountService/ListAccounts"
GET_BALANCE = "praxis.billing.v1.AccountService/GetAccountBalance"


def operations_of(contracts: Contracts) -> dict[str, Operation]:
    """Return the calls that the views join, by their full name."""
    names = {GET_PATIENT, LIST_APPOINTMENTS, LIST_ACCOUNTS, GET_BALANCE}
    return {operation.full_name: operation for operation in contracts.operations if operation.full_name in names}


def describe(contracts: Contracts, schemas: Schemas, refusals: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the paths of the views for the OpenAPI description."""
    operations = operations_of(contracts)
    identifier = {"type": "string", "format": "uuid"}
    schemas.components["PatientView"] = _shape(operations, schemas)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/PatientView"}}}
    described: Schema = {
        "operationId": "ViewPatient",
        "tags": ["View"],
        "summary": "Shows a patient with open appointments and balances",
        "description": "Shows a patient with open appointments and balances. Parts that the caller may not read are"
        " left out; parts that do not answer are left out as well, and `warnings` names them.",
        "x-permission": operations[GET_PATIENT].policy.permission,
        "parameters": [
            {"name": "id", "in": "path", "required": True, "description": "Id of the patient.", "schema": identifier}
        ],
        "responses": {"200": {"description": "Done.", "content": content}, **refusals},
    }
    return {PATIENT: {"get": described}}


def _shape(operations: Mapping[str, Operation], schemas: Schemas) -> Schema:
    patient, balance = (operations[name].method.output_type for name in (GET_PATIENT, GET_BALANCE))
    listed = shape(operations[LIST_APPOINTMENTS].method.output_type.fields_by_name["appointments"])
    warning = _object("What is missing, and why.", {
        "part": {"type": "string", "enum": ["patient", "appointments", "balances"], "description": "What is missing."},
        "code": {"type": "string", "description": "The reason for programs.", "examples": ["UNAVAILABLE"]},
        "detail": {"type": "string", "description": "The reason for people."},
    }, ["part", "code", "detail"])  # fmt: skip
    return _object("A patient with what a screen shows beside.", {
        "patient": schemas.reference(patient),
        "appointments": {"type": "array", "maxItems": MOST_APPOINTMENTS, "items": schemas.reference(listed),
                         "description": "Appointments that are booked, confirmed or arrived."},
        "balances": {"type": "array", "maxItems": MOST_ACCOUNTS, "items": schemas.reference(balance),
                     "description": "What those who pay for the patient today owe."},
        "warnings": {"type": "array", "items": warning, "description": "Parts that did not answer."},
    }, ["warnings"])  # fmt: skip


def _object(text: str, properties: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    return {"type": "object", "description": text, "required": list(required), "properties": dict(properties)}
