"""Keys of the installation and what is derived from them per tenant and purpose."""

from __future__ import annotations

import base64
import json
import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from uuid import UUID

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12


class KeyProvider(Protocol):
    """Where the key-encryption keys live: a file here, a mounted secret or a vault elsewhere."""

    @property
    def current(self) -> int:
        """The version that new data is sealed with."""
        ...

    def key(self, version: int) -> bytes:
        """Return the 32 bytes of a version; an unknown one raises KeyError."""
        ...


class FileKeys:
    """Keys in a JSON file that only its owner may read: `{"current": 1, "keys": {"1": base64}}`."""

    def __init__(self, path: Path) -> None:
        content = json.loads(path.read_text(encoding="ascii"))
        self._current = int(content["current"])
        self._keys = {int(version): base64.b64decode(key) for version, key in content["keys"].items()}

    @property
    def current(self) -> int:
        """The version that new data is sealed with."""
        return self._current

    def key(self, version: int) -> bytes:
        """Return the 32 bytes of a version; an unknown one raises KeyError."""
        return self._keys[version]


def make_keys_file(path: Path) -> None:
    """Write a fresh keys file, unless there is one."""
    if path.exists():
        return
    content = {"current": 1, "keys": {"1": base64.b64encode(secrets.token_bytes(32)).decode()}}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(content, file)


class KeyRing:
    """Seals and opens bytes per tenant and purpose, AES-256-GCM; the version leads the sealed bytes."""

    def __init__(self, provider: KeyProvider) -> None:
        self.provider = provider
        self._derived = lru_cache(maxsize=4096)(self._derive)

    def _derive(self, version: int, tenant: UUID, purpose: str) -> bytes:
        info = b"praxis|" + tenant.bytes + b"|" + purpose.encode()
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(self.provider.key(version))

    def seal(self, tenant: UUID, purpose: str, data: bytes, bound: bytes = b"") -> bytes:
        """Return version ‖ nonce ‖ ciphertext; `bound` must be given again to open it."""
        version = self.provider.current
        nonce = secrets.token_bytes(NONCE)
        cipher = AESGCM(self._derived(version, tenant, purpose))
        return version.to_bytes(2, "big") + nonce + cipher.encrypt(nonce, data, bound)

    def open(self, tenant: UUID, purpose: str, sealed: bytes, bound: bytes = b"") -> bytes:
        """Return what was sealed; InvalidTag when it was tampered with or bound to something else."""
        version = int.from_bytes(sealed[:2], "big")
        cipher = AESGCM(self._derived(version, tenant, purpose))
        return cipher.decrypt(sealed[2 : 2 + NONCE], sealed[2 + NONCE :], bound)

    def index(self, tenant: UUID, purpose: str, value: str) -> bytes:
        """Return a 16-byte blind index, the same for the same value, so that it can be searched without being read."""
        digest = hmac.HMAC(self._derived(1, tenant, f"index|{purpose}"), hashes.SHA256())
        digest.update(value.encode())
        return digest.finalize()[:16]
