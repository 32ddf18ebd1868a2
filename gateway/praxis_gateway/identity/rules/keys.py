"""The text of API keys: who they belong to, a secret, and a checksum that tells a typing mistake from a wrong key."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from uuid import UUID

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 22
_CHECKSUM_LENGTH = 6
_FORM = re.compile(r"^praxis_(test|live)_([0-9A-Za-z]{44})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$")
_UUID_LIMIT = 1 << 128


@dataclass(frozen=True)
class KeyText:
    """The parts of a key; the tenant is part of it so that the key is looked for behind the tenant's wall only."""

    mode: str
    tenant_id: UUID
    key_id: UUID
    secret: str

    @property
    def prefix(self) -> str:
        """Return the part that may be shown, which tells keys apart."""
        return f"praxis_{self.mode}_…{_base62(self.key_id.int, _ID_LENGTH)[-6:]}"

    def __str__(self) -> str:
        ids = _base62(self.tenant_id.int, _ID_LENGTH) + _base62(self.key_id.int, _ID_LENGTH)
        text = f"praxis_{self.mode}_{ids}_{self.secret}"
        return text + _checksum(text)


def secret_text(secret: bytes) -> str:
    """Return 32 random bytes as the secret part of a key."""
    return _base62(int.from_bytes(secret, "big"), 43)


def parse(text: str) -> KeyText | None:
    """Return the parts of a key, or nothing when it is not one or was mistyped."""
    match = _FORM.match(text)
    if match is None or _checksum(text[:-_CHECKSUM_LENGTH]) != match[4]:
        return None
    tenant, key = _number(match[2][:_ID_LENGTH]), _number(match[2][_ID_LENGTH:])
    if max(tenant, key) >= _UUID_LIMIT:
        return None
    return KeyText(match[1], UUID(int=tenant), UUID(int=key), match[3])


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _DIGITS[digit] + digits
    return digits.rjust(length, "0")


def _number(text: str) -> int:
    number = 0
    for letter in text:
        number = number * 62 + _DIGITS.index(letter)
    return number
