"""Sealed streams: compressed, encrypted with AES-256-GCM under a fresh key that only the backup key can open.

The machine needs the public half to write; the private half opens and may be kept elsewhere. Every bit is covered: the
header makes the key, each chunk is authenticated with its number, the last is marked, and nothing may follow it.
"""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

MAGIC = b"praxis sealed 1\n"
POINT = 32
CHUNK = 1 << 20
SWOLLEN = 4 * CHUNK
TAG = 16
# Level 1: the segments that a quiet practice switches every minute are nearly all zeros.
LEVEL = 1


class Unreadable(ValueError):
    """A sealed file is damaged, cut short, renamed, or made for another key."""


def make_backup_key(private: Path, public: Path) -> None:
    """Write a fresh key pair, unless there is one; without the private half nothing can be restored."""
    if public.exists():
        return
    key = X25519PrivateKey.generate()
    halves = {
        private: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        public: key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    }
    for path, text in halves.items():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text)


def read_public(path: Path) -> X25519PublicKey:
    key = load_pem_public_key(path.read_bytes())
    assert isinstance(key, X25519PublicKey)
    return key


def read_private(path: Path) -> X25519PrivateKey:
    """Return the key that opens backups; anything else in the file raises Unreadable."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except ValueError:
        raise Unreadable(f"{path} is no backup key") from None
    if not isinstance(key, X25519PrivateKey):
        raise Unreadable(f"{path} is no backup key")
    return key


def seal(source: IO[bytes], target: IO[bytes], recipient: X25519PublicKey, label: str) -> None:
    """Copy a stream sealed; `label` says what it is and must be given again, so that no file passes for another."""
    once = X25519PrivateKey.generate()
    point = once.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    cipher = _cipher(once.exchange(recipient), point, label)
    target.write(MAGIC + point)
    squeeze, pending, number = zlib.compressobj(LEVEL), bytearray(), 0
    while block := source.read(CHUNK):
        pending += squeeze.compress(block)
        while len(pending) > CHUNK:
            _write_chunk(target, cipher, number, bytes(pending[:CHUNK]), last=False)
            del pending[:CHUNK]
            number += 1
    pending += squeeze.flush()
    while len(pending) > CHUNK:
        _write_chunk(target, cipher, number, bytes(pending[:CHUNK]), last=False)
        del pending[:CHUNK]
        number += 1
    _write_chunk(target, cipher, number, bytes(pending), last=True)


def opened(source: IO[bytes], key: X25519PrivateKey, label: str) -> io.BufferedReader:
    """Return the content of a sealed stream as a stream; what is wrong with it raises Unreadable when it is read."""
    return io.BufferedReader(_Opening(source, key, label), CHUNK)


class _Opening(io.RawIOBase):
    def __init__(self, source: IO[bytes], key: X25519PrivateKey, label: str) -> None:
        head = source.read(len(MAGIC) + POINT)
        if len(head) != len(MAGIC) + POINT or not head.startswith(MAGIC):
            raise Unreadable("this is no sealed file")
        point = head[len(MAGIC) :]
        try:
            shared = key.exchange(X25519PublicKey.from_public_bytes(point))
        except ValueError:
            raise Unreadable("the head of the file is damaged") from None
        self.source, self.cipher, self.number, self.last = source, _cipher(shared, point, label), 0, False
        self.swell, self.plain, self.ended = zlib.decompressobj(), memoryview(b""), False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self.plain and not self.ended:
            self.plain = memoryview(self._more())
        taken = min(len(buffer), len(self.plain))
        buffer[:taken] = self.plain[:taken]
        self.plain = self.plain[taken:]
        return taken

    def _more(self) -> bytes:
        """Return some more plain bytes, a few megabytes at most however well they were compressed."""
        if waiting := self.swell.unconsumed_tail:
            return self.swell.decompress(waiting, SWOLLEN)
        if not self.last:
            return self.swell.decompress(self._chunk(), SWOLLEN)
        rest = b"" if self.swell.eof else self.swell.decompress(b"", SWOLLEN)
        if not rest:
            self.ended = True
            if not self.swell.eof or self.swell.unused_data or self.source.read(1):
                raise Unreadable("something is missing at its end, or follows it")
        return rest

    def _chunk(self) -> bytes:
        size = self.source.read(4)
        body = self.source.read(min(int.from_bytes(size, "big"), CHUNK + TAG)) if len(size) == 4 else b""
        for last in (False, True):
            try:
                packed = self.cipher.decrypt(_nonce(self.number, last=last), body, size)
            except (InvalidTag, ValueError):
                continue
            self.number, self.last = self.number + 1, last
            return packed
        raise Unreadable("it is damaged, cut short, or sealed for another key")


def _cipher(shared: bytes, point: bytes, label: str) -> AESGCM:
    info = b"praxis backup|" + label.encode()
    return AESGCM(HKDF(algorithm=hashes.SHA256(), length=32, salt=MAGIC + point, info=info).derive(shared))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _write_chunk(target: IO[bytes], cipher: AESGCM, number: int, plain: bytes, *, last: bool) -> None:
    size = (len(plain) + TAG).to_bytes(4, "big")
    target.write(size + cipher.encrypt(_nonce(number, last=last), plain, size))
