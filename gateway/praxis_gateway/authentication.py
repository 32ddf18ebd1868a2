"""Who is calling: a session token, an API key or a browser's cookie, remembered for a few seconds."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from werkzeug.wrappers import Request

from praxis_chassis.tokens import Minter
from praxis_gateway.access import Access
from praxis_gateway.contracts import Contracts, Operation
from praxis_gateway.identity.rules import permissions
from praxis_gateway.problems import Problem, not_authenticated
from praxis_gateway.tokens import Caller, bearer

COOKIE = "__Host-praxis"
LOOPBACK_COOKIE = "praxis"
CSRF_HEADER = "X-CSRF-Token"
REMEMBER_SECONDS = 4.0
_TOKEN_SECONDS = 30.0
_MOST_REMEMBERED = 10_000
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Credential:
    """What the caller sent to prove who he is."""

    text: str
    from_cookie: bool = False

    @property
    def fingerprint(self) -> str:
        """Return what the credential is remembered by; the text itself is not kept."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def is_secure(request: Request) -> bool:
    """Tell whether the browser reached us over TLS; on this machine plain HTTP is the rule."""
    return request.is_secure or request.host.rpartition(":")[0].strip("[]") not in _LOOPBACK


def credential_of(request: Request) -> Credential | None:
    """Return the credential of a request, or nothing when it carries none."""
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer" or not text.strip() or not text.isascii():
            raise not_authenticated("Send the header as `Authorization: Bearer <session token or API key>`.")
        return Credential(text.strip())
    # Only on this machine: over TLS a neighbour under the same domain could set the cookie without the prefix.
    cookie = request.cookies.get(COOKIE if is_secure(request) else LOOPBACK_COOKIE)
    return Credential(cookie, from_cookie=True) if cookie else None


class Authenticator:
    """Turns credentials into callers; a revoked one stops working within five seconds."""

    def __init__(self, access: Access, clock: Callable[[], float] = time.monotonic) -> None:
        self._access = access
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, Caller]] = OrderedDict()

    def authenticate(self, request: Request) -> Caller:
        """Return the caller of a request, or refuse it."""
        credential = credential_of(request)
        if credential is None:
            raise not_authenticated("Log in with `POST /v1/sessions`, or send an API key as `Authorization: Bearer`.")
        caller = self._remembered(credential) or self._look_up(credential)
        if credential.from_cookie and request.method not in _SAFE:
            _check_origin(request, caller)
        return caller

    def forget(self, request: Request) -> None:
        """Forget the credential of a request, which was just revoked or changed."""
        credential = credential_of(request)
        if credential is not None:
            with self._lock:
                self._known.pop(credential.fingerprint, None)

    def _remembered(self, credential: Credential) -> Caller | None:
        with self._lock:
            until, caller = self._known.get(credential.fingerprint, (0.0, None))
        return caller if until > self._clock() else None

    def _look_up(self, credential: Credential) -> Caller:
        caller = self._access.caller(credential.text)
        with self._lock:
            self._known[credential.fingerprint] = (self._clock() + REMEMBER_SECONDS, caller)
            self._known.move_to_end(credential.fingerprint)
            if len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        return caller


def _check_origin(request: Request, caller: Caller) -> None:
    """Refuse a change that another site may have caused in the browser of somebody logged in."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    token = request.headers.get(CSRF_HEADER, "")
    if site not in ("same-origin", "none") or not hmac.compare_digest(token.encode(), caller.csrf_token.encode()):
        text = f"Send the session's `csrf_token`, from `GET /v1/sessions/current`, as the header {CSRF_HEADER}."
        raise Problem(403, "CSRF_TOKEN_INVALID", text)


class InternalTokens:
    """Internal tokens of callers, with the permissions that matter to one service, kept for half a minute."""

    def __init__(self, minter: Minter, contracts: Contracts) -> None:
        self._minter = minter
        self._permissions: Mapping[str, set[str]] = contracts.permissions

    def allows(self, caller: Caller, operation: Operation) -> bool:
        """Tell whether a caller may call, where asking the service in vain would only be noise."""
        return bool(permissions.resolve(caller.patterns, [operation.policy.permission]))

    def bearer(self, caller: Caller, service: str) -> str:
        """Return the `authorization` metadata of a call to a service."""
        now = time.monotonic()
        until, token = caller.tokens.get(service, (0.0, ""))
        if until <= now:
            granted = permissions.resolve(caller.patterns, self._permissions.get(service, ()))
            token = bearer(self._minter, caller, granted)
            caller.tokens[service] = (now + _TOKEN_SECONDS, token)
        return token
