"""The private certificate authority of an installation: made once; it gives every part a certificate for a day."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from praxis_chassis import clock
from praxis_chassis.tls import AUTHORITIES, CERTIFICATE, KEY, Material, read
from praxis_local.topology import GATEWAY, SERVICES

PARTS = (*SERVICES, GATEWAY)
LEAF_LIFE = timedelta(hours=24)
AUTHORITY_LIFE = timedelta(days=3650)
# Clocks of two machines may differ by this much.
CLOCK_SKEW = timedelta(minutes=5)
LONGEST_PAUSE = 10.0


class Authority:
    """Keeps `folder/<part>/{ca,cert,key}.pem` fresh; its own key never leaves `folder/authority`."""

    def __init__(self, folder: Path, parts: Sequence[str] = PARTS, life: timedelta = LEAF_LIFE) -> None:
        self.folder, self.parts, self.life = folder, parts, life
        self.own = folder / "authority"

    def renew(self) -> list[str]:
        """Issue what is missing, foreign or in the last third of its life, and return for whom."""
        with self._alone():
            certificate, key = self._authority()
            due = [part for part in self.parts if self._is_due(part, certificate)]
            for part in due:
                self._issue(part, certificate, key)
        return due

    def watch(self, stopping: threading.Event, tell: Callable[[str], None]) -> None:
        """Renew in time until told to stop; a full disk is told and tried again."""
        pause = min(LONGEST_PAUSE, self.life.total_seconds() / 12)
        while not stopping.wait(pause):
            try:
                due = self.renew()
            except (OSError, ValueError) as failure:
                tell(f"certificates could not be renewed: {failure}")
                continue
            if due:
                tell(f"renewed the certificates of {', '.join(due)}")

    def expiries(self) -> dict[str, datetime]:
        """Return until when each certificate is good; parts without a usable one are left out."""
        found = {part: _usable(self.folder / part) for part in self.parts}
        return {part: material.expires for part, material in found.items() if material}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep a second process out, so that there is never a second authority."""
        for folder in (self.folder, self.own):
            folder.mkdir(exist_ok=True, mode=0o700)
        with os.fdopen(_opened(self.own / "lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _authority(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        certificate_file, key_file = self.own / AUTHORITIES, self.own / "ca-key.pem"
        # The certificate is written last, so it says that both are there.
        if not certificate_file.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            _write(key_file, _key_text(key))
            _write(certificate_file, _self_signed(key).public_bytes(Encoding.PEM))
        loaded = load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        return x509.load_pem_x509_certificate(certificate_file.read_bytes()), loaded

    def _is_due(self, part: str, authority: x509.Certificate) -> bool:
        material = _usable(self.folder / part)
        if (
            material is None
            or part not in material.names
            or authority.public_bytes(Encoding.PEM) != material.authorities
        ):
            return True
        leaf = x509.load_pem_x509_certificate(material.certificate)
        try:
            leaf.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            return True
        now = clock.wall()
        return leaf.not_valid_before_utc > now or leaf.not_valid_after_utc - now < self.life / 3

    def _issue(self, part: str, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey) -> None:
        key, folder = ec.generate_private_key(ec.SECP256R1()), self.folder / part
        leaf = _leaf(part, key, authority, authority_key, self.life)
        folder.mkdir(exist_ok=True, mode=0o700)
        # Who reads between two of these finds a key that is not the certificate's, and looks again.
        _write(folder / AUTHORITIES, authority.public_bytes(Encoding.PEM))
        _write(folder / KEY, _key_text(key))
        _write(folder / CERTIFICATE, leaf.public_bytes(Encoding.PEM))


def _usable(folder: Path) -> Material | None:
    try:
        return read(folder)
    except (OSError, ValueError):
        return None


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    serial = x509.random_serial_number()
    # A name of its own lets a foreign certificate be refused as foreign, not as wrongly signed.
    name = _name(f"Praxis authority {serial % 16**8:08x}")
    builder = _builder(name, name, key.public_key(), AUTHORITY_LIFE).serial_number(serial)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(signs_certificates=True), critical=True).sign(key, hashes.SHA256())


def _leaf(
    part: str,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    life: timedelta,
) -> x509.Certificate:
    """Return a certificate that lets a part call and be called by its name."""
    builder = _builder(_name(part), authority.subject, key.public_key(), life)
    builder = builder.serial_number(x509.random_serial_number())
    purposes = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(part)]), critical=False)
        .add_extension(_authority_identifier(authority_key), critical=False)
    )
    return builder.sign(authority_key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, life: timedelta
) -> x509.CertificateBuilder:
    now = clock.wall()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _authority_identifier(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for its owner only; it is on the disk before it takes the old one's place."""
    beside = path.with_name(path.name + ".tmp")
    with os.fdopen(_opened(beside), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
