"""The Flask application: routes made from the contracts, and a problem document for everything else."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, g, request
from opentelemetry.trace import SpanKind
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from praxis_chassis import metrics, telemetry
from praxis_gateway import openapi
from praxis_gateway.authentication import is_secure
from praxis_gateway.contracts import Contracts, Operation
from praxis_gateway.docs import add_docs
from praxis_gateway.endpoint import Door, request_id
from praxis_gateway.headers import security_headers
from praxis_gateway.problems import MEDIA_TYPE, Problem, invalid_input
from praxis_gateway.transcoding import InputError, rule_of
from praxis_gateway.views.links import add_links
from praxis_gateway.views.patient import add_views

DRAIN_FILE = "PRAXIS_GATEWAY_DRAIN_FILE"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PROBES = frozenset({"/livez", "/readyz"})
logger = logging.getLogger(__name__)


class Segment(BaseConverter):
    """One part of a path, up to the colon of a custom verb."""

    regex = "[^/:]+"


def build_app(contracts: Contracts, door: Door, ready: Callable[[], bool]) -> Flask:
    """Return the application."""
    app = Flask(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.converters["segment"] = Segment
    for operation in contracts.operations:
        app.add_url_rule(
            rule_of(operation),
            endpoint=f"{operation.full_name} {operation.path}",
            view_func=_view(door, operation),
            methods=[operation.verb.upper()],
        )
    add_views(app, contracts, door)
    add_links(app, contracts, door)
    _add_probes(app, ready)
    _add_description(app, contracts)
    add_docs(app)
    _add_problems(app)
    app.before_request(_start)
    app.after_request(_finish)
    app.teardown_request(_end)
    if door.settings.trusted_proxies:
        count = door.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    return app


def _view(door: Door, operation: Operation) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        g.operation = operation.full_name
        return door.answer(operation, path)

    return view


def _add_probes(app: Flask, ready: Callable[[], bool]) -> None:
    """Add liveness, which depends on nothing, and readiness, which looks at our own database and at draining."""

    def live() -> Response:
        return Response("ok\n", mimetype="text/plain")

    def readiness() -> Response:
        if is_draining() or not ready():
            return Response("not ready\n", 503, mimetype="text/plain", headers={"Retry-After": "1"})
        return Response("ready\n", mimetype="text/plain")

    app.add_url_rule("/livez", view_func=live)
    app.add_url_rule("/readyz", view_func=readiness)


def is_draining() -> bool:
    """Tell whether the server was told to stop; the parent process says so by a file."""
    path = os.environ.get(DRAIN_FILE)
    return bool(path) and Path(path or "").exists()


def _add_description(app: Flask, contracts: Contracts) -> None:
    text = orjson.dumps(openapi.document(contracts))

    def describe() -> Response:
        response = Response(text, mimetype="application/json")
        response.headers["Cache-Control"] = "no-cache"
        return response

    app.add_url_rule("/v1/openapi.json", view_func=describe)


def _add_problems(app: Flask) -> None:
    app.register_error_handler(Problem, _problem_response)
    app.register_error_handler(InputError, lambda error: _problem_response(invalid_input(error.violations)))
    app.register_error_handler(HTTPException, lambda error: _problem_response(_from_http(error)))
    app.register_error_handler(Exception, _from_fault)


def _problem_response(problem: Problem) -> Response:
    body = orjson.dumps(problem.document(request_id(), g.get("trace", "")))
    return Response(body, problem.status, mimetype=MEDIA_TYPE, headers=problem.headers)


def _from_http(error: HTTPException) -> Problem:
    """Return the problem of a request that no route takes."""
    if isinstance(error, NotFound):
        text = f"There is nothing at {request.path}. The operations are listed at /docs."
        return Problem(404, "ROUTE_NOT_FOUND", text)
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(set(error.valid_methods or ()) - {"HEAD", "OPTIONS"}))
        text = f"{request.method} is not possible here. Use {allowed}."
        return Problem(405, "METHOD_NOT_ALLOWED", text, headers={"Allow": allowed})
    return Problem(error.code or 500, "REQUEST_MALFORMED", "The request cannot be read; compare it with /docs.")


def _from_fault(error: Exception) -> Response:
    """Answer a fault of our own without telling what it was; the log has its kind and place."""
    logger.error("fault", exc_info=error, extra={"request_id": request_id()})
    text = "Something went wrong that you cannot mend. Tell support the request id."
    return _problem_response(Problem(500, "INTERNAL", text))


def _start() -> None:
    """Begin the trace of this request; probes come too often to be kept."""
    g.started = time.perf_counter()
    g.method = request.method if request.method in METHODS else "_OTHER"
    g.route = _route()
    trace = telemetry.arrive(request.headers.get("traceparent", ""), wanted=g.route not in PROBES)
    g.span = telemetry.span(f"{g.method} {g.route}".rstrip(), SpanKind.SERVER, trace)
    g.trace = g.span.__enter__().traceparent


def _route() -> str:
    """Return the template of the route, never the path itself, which holds ids and what people typed."""
    rule = request.url_rule
    return (rule.endpoint.partition(" ")[2] or rule.rule) if rule else ""


def _end(_failure: BaseException | None) -> None:
    if "span" in g:
        g.span.__exit__(None, None, None)


def _finish(response: Response) -> Response:
    """Add the headers that every answer carries, and write one line without personal data to the log."""
    response.headers["X-Request-Id"] = request_id()
    response.headers["X-Trace-Id"] = g.trace[3:35]
    allowance: Any = g.get("allowance")
    if allowance is not None:
        response.headers.update(allowance.headers())
    response.headers.update(security_headers(is_secure(request), dict(response.headers)))
    _measure(response.status_code)
    facts = {
        "method": g.method,
        "route": g.get("operation", ""),
        "status": response.status_code,
        "duration_ms": round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000, 1),
        "request_id": request_id(),
    }
    logger.info("answered", extra=facts)
    return response


def _measure(status: int) -> None:
    took = time.perf_counter() - g.started
    metrics.http_server.record(took, g.method, g.route, status, traceparent=g.trace)
    g.span.facts = {"http.request.method": g.method, "http.route": g.route, "http.response.status_code": status}
    g.span.failure = str(status) if status >= 500 else ""
