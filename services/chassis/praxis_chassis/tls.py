"""Mutual TLS between processes: who we are and whom we trust, from files that are renewed while we run."""

from __future__ import annotations

import logging
import re
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from praxis_chassis import clock
from praxis_chassis.settings import Settings, SettingsError

AUTHORITIES, CERTIFICATE, KEY = "ca.pem", "cert.pem", "key.pem"
LOOK_SECONDS = 1.0
# Whoever starts beside the authority may come while it replaces the files.
START_SECONDS = 2.0
DISTRUST = re.compile(r"Hostname Verification Check failed|CERTIFICATE_VERIFY_FAILED: [a-z ]+|WRONG_VERSION_NUMBER")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Material:
    """What the files held at one moment, with the names that the certificate gives us and its last moment."""

    authorities: bytes
    certificate: bytes
    key: bytes
    names: frozenset[str]
    expires: datetime


def read(folder: Path) -> Material:
    """Return what a folder holds; raise ValueError when it cannot be read, or when key and certificate differ."""
    authorities, certificate, key = ((folder / name).read_bytes() for name in (AUTHORITIES, CERTIFICATE, KEY))
    leaf = x509.load_pem_x509_certificate(certificate)
    if load_pem_private_key(key, None).public_key() != leaf.public_key():
        raise ValueError("the key is not that of the certificate")
    return Material(authorities, certificate, key, _names(leaf), leaf.not_valid_after_utc)


def _names(leaf: x509.Certificate) -> frozenset[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(found.get_values_for_type(x509.DNSName))


class Certificates:
    """A folder with ca.pem, cert.pem and key.pem, read again soon after somebody has replaced them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lock = folder, threading.Lock()
        self.looked = time.monotonic()
        self.stamp = self.unusable = self._stamp()
        self.material = self._first()

    def current(self) -> Material:
        """Return what is in force; files that cannot be used yet leave it as it was."""
        with self.lock:
            if time.monotonic() - self.looked > LOOK_SECONDS:
                self.looked = time.monotonic()
                self._look()
            return self.material

    def _look(self) -> None:
        stamp = self._stamp()
        if stamp != self.stamp:
            try:
                found = read(self.folder)
            except (OSError, ValueError) as failure:
                if stamp != self.unusable:
                    log.warning("certificate not usable", extra={"reason": type(failure).__name__})
                self.unusable = stamp
                return
            self.stamp = stamp
            if found != self.material:
                self.material = found
                log.info("certificate renewed")
        elif self.material.expires < clock.wall():
            log.warning("certificate expired", extra={"reason": "nobody has renewed it"})

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        """Return what changes when a file, or the link that leads to it, is replaced."""
        found = []
        for name in (AUTHORITIES, CERTIFICATE, KEY):
            try:
                status = (self.folder / name).stat()
                found.append((status.st_mtime_ns, status.st_ino))
            except OSError:
                found.append((0, 0))
        return tuple(found)

    def _first(self) -> Material:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                return read(self.folder)
            except (OSError, ValueError) as failure:
                if time.monotonic() > until:
                    raise SettingsError(f"PRAXIS_TLS_DIR={self.folder} cannot be used: {failure}") from None
            time.sleep(0.05)


def certificates_of(settings: Settings, name: str) -> Certificates | None:
    """Return the certificates of a process called `name`, or nothing where encryption was switched off."""
    if not settings.tls_dir:
        if settings.insecure_grpc:
            return None
        raise SettingsError("PRAXIS_TLS_DIR is not set; without certificates, only PRAXIS_INSECURE_GRPC=1 starts")
    found = Certificates(Path(settings.tls_dir))
    if name not in found.material.names:
        issued = ", ".join(sorted(found.material.names)) or "nobody"
        raise SettingsError(f"PRAXIS_TLS_DIR={settings.tls_dir} holds a certificate for {issued}, not for {name}")
    return found


def listen(server: grpc.Server, address: str, certificates: Certificates | None) -> int:
    """Open the port of a server for callers with a certificate, and return its number."""
    if certificates is None:
        log.warning("calls are not encrypted", extra={"setting": "PRAXIS_INSECURE_GRPC"})
        return server.add_insecure_port(address)
    return server.add_secure_port(address, _server_credentials(certificates))


def peers_of(context: grpc.ServicerContext) -> frozenset[str] | None:
    """Return the names in the caller's certificate, or nothing where encryption was switched off."""
    facts: Any = context.auth_context()  # lists of bytes by name, which its types do not say
    if facts.get("transport_security_type") != [b"ssl"]:
        return None
    return frozenset(name.decode() for name in facts.get("peer_dns", ()))


def distrust_of(failure: Any) -> str:
    """Return why a failed call never began, when the callee is not who it should be; without its address."""
    found = DISTRUST.search(failure.details() or "")
    return found.group() if found else ""


def _server_credentials(certificates: Certificates) -> grpc.ServerCredentials:
    served = certificates.current()

    def renewed() -> Any:
        nonlocal served
        found = certificates.current()
        if found is served:
            return None
        served = found
        return _configuration(found)

    return grpc.dynamic_ssl_server_credentials(_configuration(served), renewed, require_client_authentication=True)


def channel_credentials(material: Material) -> grpc.ChannelCredentials:
    """Return what a caller shows and whom it trusts."""
    return grpc.ssl_channel_credentials(material.authorities, material.key, material.certificate)


def _configuration(material: Material) -> Any:
    return grpc.ssl_server_certificate_configuration([(material.key, material.certificate)], material.authorities)
