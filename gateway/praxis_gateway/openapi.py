"""The OpenAPI 3.1 description of the routes, made from the descriptors."""

from __future__ import annotations

from collections import Counter
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from praxis_gateway.contracts import Contracts, Operation, shape
from praxis_gateway.problems import MEDIA_TYPE
from praxis_gateway.schemas import Schema, Schemas
from praxis_gateway.transcoding import query_fields
from praxis_gateway.views.description import describe

_ABOUT = """The interface of Praxis, practice management for people and animals.

Keys are snake_case; instants are RFC 3339 in UTC; civil dates are ISO; money is a decimal string with its currency;
enums are lower-case words. Unknown fields in a request are refused; ignore unknown fields in a reply. Fields without a
value are left out. Every refusal is an RFC 9457 problem document that says what to do.

When many calls come at once, some are refused with 503 `OVERLOADED` before anything is done, so that the others are
answered in time; 503 `UNAVAILABLE` says that a part does not answer, 429 that one login calls too often. Each names in
`Retry-After` the seconds to wait: then send the same call again, spread by a little chance, and a call that changes
something with the same `Idempotency-Key`, so that it happens once whatever became of the first try.
"""
_REFUSALS = {
    400: "The request does not fit the contract; `errors` says where.",
    401: "Nobody is logged in.",
    403: "The caller lacks the permission, or the call is not allowed.",
    404: "There is no such object, or the caller may not see it.",
    409: "The object exists, or its state does not allow the change.",
    412: "The object was changed by somebody else; read it again.",
    413: "The body is too large.",
    415: "The body is not of the media type that the operation takes.",
    422: "The idempotency key was used before with another request.",
    428: "The operation needs the version of the object in `If-Match`.",
    429: "Too many calls; wait as long as `Retry-After` says.",
    500: "Something went wrong inside.",
    503: "Too many calls at once, or a part does not answer; wait as long as `Retry-After` says and send it again.",
    504: "The call took too long and was undone.",
}
_OWN_PROBLEMS = {
    "BODY_TOO_LARGE": "The body is larger than the operation takes.",
    "CSRF_TOKEN_INVALID": "A browser's call that changes something came without the session's CSRF token.",
    "FILE_EMPTY": "An upload without bytes.",
    "MEDIA_TYPE_UNSUPPORTED": "The body is not JSON, or does not say that it is.",
    "METHOD_NOT_ALLOWED": "The path exists, but not with this method; `Allow` names those that do.",
    "RATE_LIMITED": "Too many calls in a minute; `Retry-After` says how long to wait.",
    "REQUEST_MALFORMED": "The request cannot be read at all.",
    "ROUTE_NOT_FOUND": "There is no operation at this path.",
}
_READ_REFUSALS = (400, 401, 403, 404, 409, 429, 500, 503, 504)
_PROBLEM: Schema = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457). Some reasons add members, such as alternatives.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "Where the reason is explained."},
        "title": {"type": "string", "description": "The reason in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "code": {"type": "string", "description": "The reason for programs.", "examples": ["SLOT_TAKEN"]},
        "detail": {"type": "string", "description": "What happened and what to do, for people."},
        "request_id": {"type": "string", "description": "Id to tell support."},
        "trace_id": {"type": "string", "description": "W3C id of the trace, when the call was traced."},
        "errors": {
            "type": "array",
            "description": "Each fault of the input.",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body."},
                    "parameter": {"type": "string", "description": "Name of the query, path or header parameter."},
                    "code": {"type": "string", "description": "The fault for programs."},
                    "message": {"type": "string", "description": "The fault for people."},
                },
            },
        },
    },
}
_RETRY_AFTER: Schema = {
    "description": "Seconds to wait before the call is sent again.",
    "schema": {"type": "integer", "minimum": 1},
}
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A session token from `POST /v1/sessions`, or an API key from `POST /v1/apiKeys`.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-praxis",
        "description": "The session of a browser; calls that change something also send `X-CSRF-Token`.",
    },
}


def document(contracts: Contracts) -> dict[str, Any]:
    """Return the whole description."""
    schemas = Schemas(contracts)
    schemas.components["Problem"] = _PROBLEM
    names = Counter(operation.name for operation in contracts.operations)
    paths: dict[str, Any] = {}
    for operation in contracts.operations:
        name = operation.name if names[operation.name] == 1 else tag_of(operation) + operation.name
        described = {"operationId": name, **_operation(operation, schemas)}
        paths.setdefault(_public_path(operation), {})[operation.verb] = described
    refusals = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _READ_REFUSALS}
    paths.update(describe(contracts, schemas, refusals))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Praxis", "version": "1", "description": _ABOUT, "license": _LICENSE},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"cookie": []}],
        "tags": _tags(contracts),
        "paths": paths,
        "x-problems": _problems(contracts),
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": {str(status): _problem_response(status) for status in _REFUSALS},
            "securitySchemes": _SECURITY,
        },
    }


_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def _problems(contracts: Contracts) -> dict[str, Schema]:
    """Return what every reason of refusal means, for the page that problem documents point to."""
    known = {**_OWN_PROBLEMS, **{name: contracts.comments.get(at, "") for name, at in contracts.reason_names.items()}}
    return {name: {"description": known[name]} for name in sorted(known)}


def _public_path(operation: Operation) -> str:
    """Return the path with its parameters named by their last part, so that all verbs of a path share one spelling."""
    path = operation.path
    for name in operation.path_fields():
        path = path.replace("{" + name + "}", "{" + name.rsplit(".", 1)[-1] + "}")
    return path


def tag_of(operation: Operation) -> str:
    """Return the tag of an operation, which is its service without the word."""
    return operation.method.containing_service.name.removesuffix("Service")


def _tags(contracts: Contracts) -> list[Schema]:
    services = {operation.method.containing_service.full_name: tag_of(operation) for operation in contracts.operations}
    named = [{"name": tag, "description": contracts.comments.get(name, "")} for name, tag in sorted(services.items())]
    return [*named, {"name": "View", "description": "What one screen shows, read from several services at once."}]


def success_status(operation: Operation) -> int:
    """Return the status of a call that worked: a new member of a collection is 201, nothing to say is 204."""
    if operation.method.output_type.full_name == "google.protobuf.Empty":
        return 204
    return 201 if operation.verb == "post" and ":" not in operation.path.rsplit("/", 1)[-1] else 200


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    comment = schemas.comments.get(operation.method.full_name, "")
    description: dict[str, Any] = {
        "tags": [tag_of(operation)],
        "summary": comment.split(". ")[0].removesuffix("."),
        "description": comment,
        "x-permission": operation.policy.permission,
        "parameters": _parameters(operation, schemas),
        "responses": _responses(operation, schemas),
    }
    if operation.policy.permission == "public" or operation.by_signature:
        description["security"] = []
    if operation.body:
        description["requestBody"] = _request_body(operation, schemas)
    return description


def _parameters(operation: Operation, schemas: Schemas) -> list[Schema]:
    found = [_path_parameter(operation, name, schemas) for name in operation.path_fields()]
    found += [_query_parameter(name, entry, schemas) for name, entry in query_fields(operation).items()]
    if operation.has_request_id:
        text = "Key of your choice. A retry with the same key and body gets the first reply again, for seven days."
        found.append(_header("Idempotency-Key", text, {"pattern": "^[!-~]{1,200}$"}))
    if operation.etag_path and not operation.read_only:
        text = (
            "The `etag` that you have seen; refused with 412 when stale, and with 428 when left out where money moves."
        )
        found.append(_header("If-Match", text, {}))
    return found


def _header(name: str, text: str, limits: Schema) -> Schema:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string", **limits}}


def _path_parameter(operation: Operation, name: str, schemas: Schemas) -> Schema:
    descriptor = operation.method.input_type
    for step in name.split(".")[:-1]:
        descriptor = shape(descriptor.fields_by_name[step])
    entry = descriptor.fields_by_name[name.rsplit(".", 1)[-1]]
    schema = schemas.field(entry)
    if entry.name == "id":
        schema["format"] = "uuid"
    description = schemas.describe(entry)
    return {"name": entry.name, "in": "path", "required": True, "description": description, "schema": schema}


def _query_parameter(name: str, entry: FieldDescriptor, schemas: Schemas) -> Schema:
    return {"name": name, "in": "query", "description": schemas.describe(entry), "schema": schemas.field(entry)}


def _request_body(operation: Operation, schemas: Schemas) -> Schema:
    if operation.takes_raw:
        form = {"schema": {"type": "string", "description": "The request as its sender signed it."}}
        return {"required": True, "content": {"application/x-www-form-urlencoded": form, "*/*": form}}
    if operation.takes_file:
        schema = {"type": "string", "format": "binary"}
        return {
            "required": True,
            "content": {"application/octet-stream": {"schema": schema}, "*/*": {"schema": schema}},
        }
    return {"required": True, "content": {"application/json": {"schema": schemas.body(operation)}}}


def _responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    status = success_status(operation)
    success: Schema = {"description": "Done."}
    if operation.gives_file or operation.gives_raw:
        success["content"] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    elif status != 204:
        success["content"] = {"application/json": {"schema": schemas.reference(operation.method.output_type)}}
    unchanged = {"304": {"description": "Nothing has changed since the `ETag` in `If-None-Match`."}}
    statuses = list(_READ_REFUSALS if operation.read_only else _REFUSALS)
    refusals = {str(code): {"$ref": f"#/components/responses/{code}"} for code in statuses}
    replies = {str(status): success}
    if status == 201 and "duplicate_of" in operation.method.output_type.fields_by_name:
        replies["200"] = {**success, "description": "The same input was taken before; this is its first result."}
    return {**replies, **(unchanged if operation.gives_raw else {}), **refusals}


def _problem_response(status: int) -> Schema:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = {"headers": {"Retry-After": _RETRY_AFTER}} if status in {429, 503} else {}
    return {"description": _REFUSALS[status], **headers, "content": content}
