"""One call from outside: who, what, how often, then the service, then the answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import orjson
from flask import Response, g, request
from google.protobuf.message import Message
from werkzeug.http import dump_options_header

from praxis.type.v1 import type_pb2
from praxis_chassis import telemetry
from praxis_chassis.types import new_id
from praxis_gateway import webhooks
from praxis_gateway.authentication import Authenticator, InternalTokens
from praxis_gateway.bulkheads import Bulkheads, kind_of
from praxis_gateway.contracts import Operation
from praxis_gateway.converters import to_json
from praxis_gateway.files import Files
from praxis_gateway.invoke import Invoker, Reply
from praxis_gateway.limits import Allowance, Limiter
from praxis_gateway.openapi import success_status
from praxis_gateway.problems import Problem
from praxis_gateway.settings import Settings
from praxis_gateway.tokens import Caller
from praxis_gateway.transcoding import Incoming, build, parse_json

LOCALES = ("en", "es")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")

AfterCall = Callable[[Caller | None, Reply, Response], None]


def request_id() -> str:
    """Return the id of the request being answered; the caller may have chosen it."""
    if "request_id" not in g:
        sent = request.headers.get("X-Request-Id", "")
        g.request_id = sent if _REQUEST_ID.match(sent) else str(new_id())
    return str(g.request_id)


@dataclass(frozen=True)
class Door:
    """Everything that answering a call needs."""

    settings: Settings
    invoker: Invoker
    authenticator: Authenticator
    tokens: InternalTokens
    files: Files
    limiter: Limiter
    anonymous_limiter: Limiter
    bulkheads: Bulkheads
    after_calls: Mapping[str, AfterCall]

    def answer(self, operation: Operation, path: Mapping[str, str]) -> Response:
        """Answer one call."""
        with self.entered(operation, kind_of(operation)) as caller:
            return self._answer(operation, caller, path)

    @contextmanager
    def entered(self, operation: Operation, kind: str) -> Iterator[Caller | None]:
        """Let a caller in, where there is room for a call of this kind."""
        with self.bulkheads.whole():
            caller = self._admit(operation)
            with self.bulkheads.part(kind, caller.tenant_id if caller else ""):
                yield caller

    def _answer(self, operation: Operation, caller: Caller | None, path: Mapping[str, str]) -> Response:
        message = build(operation, self._incoming(operation, caller, path))
        reply = self.invoker.call(operation, message, self.metadata(operation, caller))
        response = self._response(operation, caller, reply)
        after = self.after_calls.get(operation.full_name)
        if after is not None:
            after(caller, reply, response)
        return response

    def _admit(self, operation: Operation) -> Caller | None:
        """Return the caller, or nobody where no login is needed; refuse who calls too often."""
        address = f"address:{request.remote_addr}"
        if operation.policy.permission == "public":
            _check(self.anonymous_limiter.take(address))
            return None
        if operation.by_signature:
            guest = webhooks.guest(operation, request.view_args or {})
            _check(self.anonymous_limiter.take(f"{address}:{guest.tenant_id}"))
            return guest
        try:
            caller = self.authenticator.authenticate(request)
        except Problem:
            _check(self.anonymous_limiter.take(address))
            raise
        _check(self.limiter.take(f"{caller.tenant_id}:{caller.subject_id}"))
        return caller

    def _incoming(self, operation: Operation, caller: Caller | None, path: Mapping[str, str]) -> Incoming:
        names = operation.path_fields()
        return Incoming(
            path={names[int(key[1:])]: value for key, value in path.items()},
            query=request.args.to_dict(flat=False),
            body=self._body(operation, caller),
            if_match=request.headers.get("If-Match"),
            idempotency_key=request.headers.get("Idempotency-Key"),
        )

    def _body(self, operation: Operation, caller: Caller | None) -> object:
        if not operation.body:
            return None
        if operation.takes_file:
            return self._upload(operation, caller)
        if operation.takes_raw:
            return webhooks.raw_request(request, _read(webhooks.LARGEST))
        data = _read(self.settings.json_limit_bytes)
        if not data and operation.body == "*":
            return {}
        if request.mimetype != "application/json":
            text = "Send the body as JSON, with the header `Content-Type: application/json`."
            raise Problem(415, "MEDIA_TYPE_UNSUPPORTED", text, headers={"Accept": "application/json"})
        return parse_json(data)

    def _upload(self, operation: Operation, caller: Caller | None) -> type_pb2.FileReference:
        if caller is not None and not self.tokens.allows(caller, operation):
            # The service refuses such a call before it looks at it, and writes that down; nothing is read or stored.
            return type_pb2.FileReference()
        data = _read(self.settings.file_limit_bytes)
        if caller is None or not data:
            raise Problem(400, "FILE_EMPTY", "The body is empty; send the bytes of the file as the body.")
        return self.files.put(caller, data, request.mimetype or "application/octet-stream", _file_name())

    def metadata(self, operation: Operation, caller: Caller | None) -> dict[str, str]:
        """Return what a service is told about the request and its caller."""
        metadata = {
            "x-request-id": request_id(),
            "x-correlation-id": request_id(),
            "x-locale": _locale(),
        }
        if trace := telemetry.current():
            metadata["traceparent"] = trace
        key = request.headers.get("Idempotency-Key")
        if key and operation.has_request_id:
            metadata["x-idempotency-key"] = key
        if caller is not None:
            metadata["authorization"] = self.tokens.bearer(caller, operation.service)
        return metadata

    def _response(self, operation: Operation, caller: Caller | None, reply: Reply) -> Response:
        if caller is not None and isinstance(reply.message, type_pb2.FileReference):
            return self.files.response(caller, operation.service, reply.message)
        if isinstance(reply.message, type_pb2.RawReply):
            return raw_response(reply.message)
        response = json_response(operation, reply.message)
        if reply.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response


def raw_response(message: type_pb2.RawReply) -> Response:
    """Return the bytes of a reply as they are, or that they are still what the caller has."""
    disposition = dump_options_header("inline", {"filename": message.file_name})
    headers = {"Content-Disposition": disposition, "Cache-Control": "private, no-cache"}
    response = Response(message.content, mimetype=message.media_type, headers=headers)
    response.set_etag(hashlib.sha256(message.content).hexdigest())
    response.make_conditional(request)
    return response


def json_response(operation: Operation, message: Message) -> Response:
    """Return the answer that a reply message becomes."""
    status = success_status(operation)
    if status == 204:
        return Response(status=204)
    document = to_json(message)
    if status == 201 and document.get("duplicate_of"):
        status = 200
    response = Response(orjson.dumps(document), status, mimetype="application/json")
    if document.get("etag"):
        response.headers["ETag"] = document["etag"]
    if status == 201 and document.get("id"):
        response.headers["Location"] = f"{operation.path}/{document['id']}"
    return response


def _check(allowance: Allowance) -> None:
    """Keep what is left for the answer's headers, and refuse when nothing is."""
    g.allowance = allowance
    if not allowance.allowed:
        text = f"More than {allowance.limit} calls in a minute. Wait {allowance.wait_seconds} s and go on more slowly."
        headers = {"Retry-After": str(allowance.wait_seconds)}
        raise Problem(429, "RATE_LIMITED", text, headers=headers)


def _read(limit: int) -> bytes:
    """Return the body, reading no more than it may hold."""
    length = request.content_length
    data = b"" if length is not None and length > limit else request.stream.read(limit + 1)
    if len(data) > limit or (length or 0) > limit:
        size = f"{limit // 1_000_000} MB" if limit >= 1_000_000 else f"{limit // 1024} KB"
        text = f"The body is larger than {size}. Send less at once."
        raise Problem(413, "BODY_TOO_LARGE", text)
    return data


def _file_name() -> str:
    """Return the name of an upload, from `Content-Disposition`, without any folder."""
    disposition = request.headers.get("Content-Disposition", "")
    match = re.search(r'filename="?([^";\\/]{1,200})"?', disposition)
    return match[1] if match else ""


def _locale() -> str:
    """Return the language that the caller likes best among ours; `es-MX` is content with `es`."""
    wanted = (tag.split("-")[0].lower() for tag in request.accept_languages.values())
    return next((language for language in wanted if language in LOCALES), LOCALES[0])
