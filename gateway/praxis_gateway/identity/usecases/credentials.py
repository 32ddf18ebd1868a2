"""Passwords and tokens: hashing, checking and inventing them."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from praxis.type.v1 import errors_pb2 as common
from praxis_chassis.errors import common_error, invalid
from praxis_gateway.identity.rules import passwords

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Hashing costs memory on purpose: a flood of logins must not take all of it.
_AT_ONCE = threading.BoundedSemaphore(2)
_LONGEST_WAIT_SECONDS = 2.0


def token() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> bytes:
    """Return what a random token is stored as."""
    return hashlib.sha256(text.encode()).digest()


def hash_password(password: str) -> str:
    """Return what a password is stored as."""
    with _turn():
        return _HASHER.hash(password)


def matches(password: str, password_hash: str | None) -> bool:
    """Tell whether a password is the one that was stored; without one it takes as long and is false."""
    with _turn():
        try:
            _HASHER.verify(password_hash or _nobody(), password)
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Tell whether a password was hashed with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


def check_strength(path: str, password: str, *own_words: str) -> None:
    """Refuse a password that is short or that everybody tries first."""
    fault = passwords.fault(password, _common(), own_words)
    if fault:
        raise invalid(path, fault, shortest=passwords.SHORTEST)


@contextmanager
def _turn() -> Iterator[None]:
    if not _AT_ONCE.acquire(timeout=_LONGEST_WAIT_SECONDS):
        raise common_error(common.COMMON_ERROR_REASON_OVERLOADED)
    try:
        yield
    finally:
        _AT_ONCE.release()


@cache
def _nobody() -> str:
    return _HASHER.hash(token())


@cache
def _common() -> frozenset[str]:
    text = resources.files("praxis_gateway.identity.rules").joinpath("common_passwords.txt").read_text()
    return frozenset(text.split())
