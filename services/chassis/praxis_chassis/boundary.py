"""The one way into a service: token, permission, validation, transaction, stored answer, audit, and errors out.

It does not know how a call arrived: the gRPC server, the gateway's own identity and tests all come through here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2
from opentelemetry.trace import SpanKind
from psycopg import errors as pg
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from praxis.policy.v1 import policy_pb2
from praxis.type.v1 import errors_pb2 as common
from praxis_chassis import audit, clock, compartment, contracts, events, idempotency, telemetry
from praxis_chassis.context import Actor, Context
from praxis_chassis.database import collided
from praxis_chassis.errors import CallFailed, DomainError, Violation, common_error, is_pending, refuse, status_of
from praxis_chassis.rpc import Call
from praxis_chassis.service import Runtime
from praxis_chassis.tokens import Claims, TokenInvalid
from praxis_chassis.types import made_seconds_ago, new_id

TRIES = 3
PENDING_SECONDS, WAITING_SHARE = 2.0, 0.75
NEW_SECONDS = 60.0
STEP_UP_SECONDS = 300
# With less time left, work would only be begun to be thrown away.
LEAST_SECONDS = 0.03
DEADLINES = {"query": 2.0, "command": 5.0, "stream": 300.0}
REPORT_DEADLINE = 30.0
PURPOSES = {"treatment", "payment", "operations"}
log = logging.getLogger(__name__)


class PolicyMissing(Exception):
    """An RPC has no usable policy, or a contract's RPC has no method; the process must not start."""


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: its contract and the function that answers it."""

    full_name: str
    service: str
    name: str
    kind: str
    request: type[Message]
    reply: type[Message]
    policy: Any
    function: Any
    first: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and whether it was given before."""

    message: Message
    replayed: bool = False


def methods_of(package: str, servicers: Iterable[Any]) -> dict[str, Method]:
    """Return the RPCs of the servicers by full name; raise PolicyMissing when one cannot be served safely."""
    found: dict[str, Method] = {}
    pool = descriptor_pool.Default()
    for servicer in servicers:
        contract = getattr(servicer, "contract", None) or f"{package}.{type(servicer).__name__}"
        for described in pool.FindServiceByName(contract).methods:
            method = _method(described, servicer)
            found[method.full_name] = method
    return found


def _method(described: Any, servicer: Any) -> Method:
    name = f"{described.containing_service.full_name}/{described.name}"
    policy = described.GetOptions().Extensions[policy_pb2.policy]
    if not policy.permission or not policy.resource or not policy.audit_class:
        raise PolicyMissing(f"{name} has no policy with permission, resource and audit_class in its contract")
    function = getattr(servicer, described.name, None)
    kind, first = getattr(function, "__rpc__", ("", None))
    if function is None or not kind:
        raise PolicyMissing(f"{name} has no method marked @command, @query or @stream")
    return Method(
        full_name=name,
        service=described.containing_service.full_name,
        name=described.name,
        kind=kind,
        request=GetMessageClass(described.input_type),
        reply=GetMessageClass(described.output_type),
        policy=policy,
        function=function,
        first=first,
    )


class Boundary:
    """Answers the calls of one service."""

    def __init__(self, runtime: Runtime) -> None:
        from praxis_chassis.operations import OperationsService

        self.runtime = runtime
        servicers = [*runtime.service.servicers, OperationsService()]
        self.methods = methods_of(runtime.service.package, servicers)
        self.domain = f"{runtime.service.name}.praxis"

    def call(
        self,
        full_name: str,
        request: Message,
        metadata: Mapping[str, str],
        deadline_seconds: float | None = None,
        *,
        peers: Collection[str] | None,
    ) -> Reply:
        """Answer one unary call, or raise CallFailed with the status for the wire.

        `peers` are the names in the caller's certificate: nothing within a process, or where encryption is off.
        """
        method = self.methods[full_name]
        with telemetry.rpc(SpanKind.SERVER, full_name, metadata.get("traceparent", "")) as span:
            try:
                context = self._context(method, metadata, deadline_seconds, span.traceparent, peers)
                return self._admitted(method, request, context)
            except Exception as failure:  # noqa: BLE001 - every failure becomes a status here
                failed = self._failed(failure, method, metadata.get("x-locale", "en"))
                span.answered(code_pb2.Code.Name(failed.status.code))
                raise failed from None

    def stream(
        self, full_name: str, request: Message, metadata: Mapping[str, str], *, peers: Collection[str] | None
    ) -> Iterator[Message]:
        """Answer one server-streaming call."""
        method = self.methods[full_name]
        try:
            context = self._context(method, metadata, None, metadata.get("traceparent", ""), peers)
            self._authorize(method, context)
            validate(request)
            yield from method.function(request, context)
        except Exception as failure:  # noqa: BLE001 - every failure becomes a status here
            raise self._failed(failure, method, metadata.get("x-locale", "en")) from None

    def _context(
        self,
        method: Method,
        metadata: Mapping[str, str],
        deadline_seconds: float | None,
        traceparent: str,
        peers: Collection[str] | None,
    ) -> Context:
        claims = self._claims(method, metadata.get("authorization", ""))
        seconds = DEADLINES[method.kind] if deadline_seconds is None else deadline_seconds
        actor = Actor(claims.kind, claims.subject)
        request_id = metadata.get("x-request-id") or str(new_id())
        context = Context(
            tenant_id=claims.tenant_id,
            actor=actor,
            runtime=self.runtime,
            permissions=claims.permissions,
            compartment=claims.compartment,
            purpose=claims.purpose,
            session_id=claims.session_id,
            locale=metadata.get("x-locale", "en"),
            request_id=request_id,
            idempotency_key=metadata.get("x-idempotency-key", ""),
            correlation_id=metadata.get("x-correlation-id") or request_id,
            traceparent=traceparent,
            origin=metadata.get("x-origin", str(actor)),
            deadline=time.monotonic() + seconds,
        )
        self._check_caller(method, context, claims.issuer, peers)
        return context

    def _check_caller(self, method: Method, context: Context, issuer: str, peers: Collection[str] | None) -> None:
        """Refuse processes that the contract does not name, by the token's word and by the certificate's."""
        named = issuer in (list(method.policy.callers) or ["gateway"])
        if not named or (peers is not None and issuer not in peers):
            shown = "no certificate" if peers is None else f"certificate of {', '.join(sorted(peers)) or 'nobody'}"
            facts = {"method": method.full_name, "reason": f"token of {issuer}, {shown}"}
            log.warning("caller refused", extra=facts)
            self._deny(method, context)

    def _claims(self, method: Method, header: str) -> Claims:
        if method.policy.permission == "public" and not header:
            return Claims(None, "", "anonymous", frozenset(), "operations", "", "gateway", 0)
        try:
            claims = self.runtime.verifier.verify(header.removeprefix("Bearer ").strip())
        except TokenInvalid:
            raise common_error(common.COMMON_ERROR_REASON_UNAUTHENTICATED) from None
        if method.policy.step_up and clock.wall().timestamp() - claims.factor_time > STEP_UP_SECONDS:
            raise common_error(common.COMMON_ERROR_REASON_STEP_UP_REQUIRED)
        return claims

    def _admitted(self, method: Method, request: Message, context: Context) -> Reply:
        if context.remaining_seconds() < LEAST_SECONDS:
            raise common_error(common.COMMON_ERROR_REASON_DEADLINE_EXCEEDED)
        self._authorize(method, context)
        if not context.idempotency_key:
            context.idempotency_key = getattr(request, "request_id", "")
        validate(request)
        require_etag(method.policy, request)
        self._check_compartment(method, request, context)
        fetched = method.first(request, context) if method.first else None
        patience = Patience(self.runtime.service.errors, request, method.kind, context.remaining_seconds())
        while True:
            try:
                return self._transaction(method, request, context, fetched)
            except (OperationalError, StaleDataError, DomainError) as failure:
                if not patience.worth_repeating(failure):
                    raise
                context.subjects.clear()
                context.recorded.clear()

    def _authorize(self, method: Method, context: Context) -> None:
        policy = method.policy
        if compartment.is_closed(policy, context.actor.kind, context.compartment):
            self._deny(method, context)
        if policy.permission in {"none", "public"} or policy.permission in context.permissions:
            accepted = {policy_pb2.Purpose.Name(p).removeprefix("PURPOSE_").lower() for p in policy.purposes}
            if context.purpose in (accepted or PURPOSES) or context.actor.kind == "system":
                return
        self._deny(method, context)

    def _check_compartment(self, method: Method, request: Message, context: Context) -> None:
        """Refuse a portal user who names somebody else's patient, and write it down."""
        try:
            compartment.check_request(method.policy, context.compartment, request)
        except DomainError:
            self._write_denial(method, context)
            raise

    def _write_denial(self, method: Method, context: Context) -> None:
        if context.tenant_id is not None:
            with self.runtime.database.transaction(context) as session:
                audit.write(session, context, method.full_name, method.policy, outcome="denied")

    def _deny(self, method: Method, context: Context) -> NoReturn:
        """Write the denial down and refuse."""
        self._write_denial(method, context)
        raise common_error(common.COMMON_ERROR_REASON_PERMISSION_DENIED, permission=method.policy.permission)

    def _transaction(self, method: Method, request: Message, context: Context, fetched: Any) -> Reply:
        changes = method.kind == "command"
        keyed = bool(changes and context.idempotency_key and context.tenant_id)
        with self.runtime.database.transaction(context, durable=changes) as session:
            if keyed and (stored := idempotency.claim(session, context, method.full_name, request)) is not None:
                return self._replayed(session, method, context, stored)
            message = method.function(request, Call(session, context, fetched))
            events.store_recorded(session)
            context.subjects.update(patients_in(method.policy.patient_field, request, message))
            compartment.check_shown(method.policy, context.compartment, context.subjects)
            if keyed:
                idempotency.store(session, context, message)
            audit.write(session, context, method.full_name, method.policy)
        return Reply(message)

    def _replayed(self, session: Session, method: Method, context: Context, stored: idempotency.Stored) -> Reply:
        """Give the first answer again; who reads it a second time sees it, so that this is written down too."""
        message = method.reply()
        message.ParseFromString(stored.reply)
        context.subjects.update(stored.subject_ids)
        compartment.check_shown(method.policy, context.compartment, context.subjects)
        audit.write(session, context, method.full_name, method.policy, outcome="replayed")
        return Reply(message, replayed=True)

    def _failed(self, failure: Exception, method: Method, locale: str) -> CallFailed:
        refusal = as_refusal(failure, self.runtime.service.constraints, method.policy.resource)
        if refusal is None:
            log.error("call failed", extra={"method": method.full_name}, exc_info=failure)
            refusal = common_error(common.COMMON_ERROR_REASON_INTERNAL)
        return CallFailed(
            status_of(refusal, self.runtime.service.errors, self.domain, self.runtime.catalog, locale or "en")
        )


def validate(request: Message) -> None:
    """Check a request against the rules of its contract; all violations are told at once.

    Of an update only what its mask names is judged here; the merged resource is judged when it is applied.
    """
    contracts.refuse_violations(request, lambda violation: not _untouched(request, violation))


def require_etag(policy: Any, request: Message) -> None:
    """Refuse to move the money of an object whose version the caller has not said that he saw."""
    if policy.audit_class == policy_pb2.AUDIT_CLASS_MONEY and getattr(request, "etag", None) == "":
        raise common_error(common.COMMON_ERROR_REASON_ETAG_REQUIRED, resource=policy.resource.replace("_", " "))


def _untouched(request: Message, violation: Any) -> bool:
    """Tell whether a violation is about a part of the resource that an update leaves as it is."""
    if "update_mask" not in request.DESCRIPTOR.fields_by_name:
        return False
    mask = {path.split(".")[0] for path in request.update_mask.paths}  # type: ignore[attr-defined]
    steps = [element.field_name for element in (violation.field.elements if violation.field else ())]
    return bool(mask) and steps[:1] != ["update_mask"] and (len(steps) < 2 or steps[1] not in mask | {"id", "etag"})


def patients_in(path: str, request: Message, reply: Message) -> set[UUID]:
    """Return the patients that a call concerns, by the path in its policy; lists are followed."""
    if not path:
        return set()
    within = path.removeprefix("reply.")
    return compartment.ids_at(within, request if within == path else reply)


class Patience:
    """Decides whether a command that failed is worth another try, and waits before it."""

    def __init__(self, errors: Any, request: Message, kind: str, remaining: float) -> None:
        self.errors, self.request = errors, request
        self.tries = TRIES if kind == "command" else 1
        # Who waits for as long as the caller does answers nobody; the refusal itself needs its part of the time.
        self.until = time.monotonic() + min(PENDING_SECONDS, WAITING_SHARE * remaining)
        self.collisions = 0

    def worth_repeating(self, failure: Exception) -> bool:
        """Wait and say yes after a collision with another transaction, or when a foreign event is on its way."""
        if isinstance(failure, DomainError):
            return self._pending(failure)
        self.collisions += 1
        if self.collisions >= self.tries or not collided(failure):
            return False
        time.sleep(0.005 * self.collisions)
        return True

    def _pending(self, failure: DomainError) -> bool:
        if (
            time.monotonic() > self.until
            or not is_pending(failure, self.errors)
            or not names_something_new(self.request)
        ):
            return False
        time.sleep(0.04)
        return True


def names_something_new(message: Message) -> bool:
    """Tell whether a request names something that was made in the last minute, by the time inside its ids."""
    for field, value in message.ListFields():
        for item in compartment.items_of(value):
            if isinstance(item, Message):
                if names_something_new(item):
                    return True
            elif field.type == field.TYPE_STRING and made_seconds_ago(_id_in(item)) < NEW_SECONDS:
                return True
    return False


def _id_in(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def as_refusal(failure: Exception, constraints: Mapping[str, int], resource: str) -> DomainError | None:
    """Return what a failure means to the caller, or nothing when it is our own fault; no text of the database."""
    if isinstance(failure, DomainError):
        return failure
    if isinstance(failure, IntegrityError):
        return _broken_constraint(failure, constraints, resource)
    if isinstance(failure, StaleDataError):
        return common_error(common.COMMON_ERROR_REASON_ETAG_MISMATCH, resource=resource)
    if isinstance(failure, PoolTimeout):
        return common_error(common.COMMON_ERROR_REASON_OVERLOADED)
    if isinstance(failure, DBAPIError):
        return _database_failure(failure)
    if isinstance(failure, OverflowError):
        # Only what was sent can lie so far out: a date such as 9999-12-31 whose next day is asked for.
        log.warning("beyond what can be reckoned", exc_info=failure)
        return refuse([Violation("", "OUT_OF_REACH")])
    return None


def _broken_constraint(failure: IntegrityError, constraints: Mapping[str, int], resource: str) -> DomainError:
    diagnosis = getattr(failure.orig, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    if name in constraints:
        return DomainError(constraints[name], constraint=name)
    if isinstance(failure.orig, pg.UniqueViolation | pg.ExclusionViolation):
        return common_error(common.COMMON_ERROR_REASON_ALREADY_EXISTS, resource=resource, constraint=name)
    if isinstance(failure.orig, pg.ForeignKeyViolation):
        return common_error(common.COMMON_ERROR_REASON_REFERENCE_BROKEN, resource=resource, constraint=name)
    log.error("constraint broken", extra={"reason": name})
    return common_error(common.COMMON_ERROR_REASON_INTERNAL)


def _database_failure(failure: DBAPIError) -> DomainError | None:
    if isinstance(failure.orig, pg.QueryCanceled):
        return common_error(common.COMMON_ERROR_REASON_DEADLINE_EXCEEDED)
    if isinstance(failure.orig, pg.DataError):
        return refuse([Violation("", "VALUE_NOT_STORABLE")])
    if isinstance(failure, OperationalError):
        log.warning("database does not do it now", extra={"failure": type(failure.orig).__name__}, exc_info=failure)
        return common_error(common.COMMON_ERROR_REASON_UNAVAILABLE)
    return None
