"""The installation's own authority: made once, renewing in time, mending what is missing, and examined by doctor."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from praxis_chassis import clock
from praxis_chassis.tls import read
from praxis_local import doctor
from praxis_local.authority import AUTHORITY_LIFE, LEAF_LIFE, PARTS, Authority
from praxis_local.home import Home
from praxis_local.processes import wait_until


def test_the_first_start_issues_for_every_part_and_the_second_for_none(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    assert authority.renew() == list(PARTS)
    before = {part: read(tmp_path / part) for part in PARTS}
    assert Authority(tmp_path).renew() == []
    assert {part: read(tmp_path / part) for part in PARTS} == before
    for part, material in before.items():
        assert material.names == {part}
        assert timedelta(0) <= clock.wall() + LEAF_LIFE - material.expires < timedelta(minutes=1)
        leaf = x509.load_pem_x509_certificate(material.certificate)
        issuer = x509.load_pem_x509_certificate(material.authorities)
        leaf.verify_directly_issued_by(issuer)
        assert issuer.not_valid_after_utc - clock.wall() > AUTHORITY_LIFE - timedelta(minutes=1)


def test_only_the_owner_can_read_what_is_written(tmp_path: Path) -> None:
    Authority(tmp_path).renew()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 3 * len(PARTS) + 3
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    assert list(tmp_path.rglob("ca-key.pem")) == [tmp_path / "authority" / "ca-key.pem"]


def test_a_certificate_is_renewed_in_its_last_third_and_not_before(tmp_path: Path) -> None:
    Authority(tmp_path, ["claims"], LEAF_LIFE / 3 + timedelta(minutes=1)).renew()
    early = read(tmp_path / "claims")
    assert Authority(tmp_path, ["claims"]).renew() == []
    Authority(tmp_path, ["billing"], LEAF_LIFE / 3 - timedelta(minutes=1)).renew()
    late = read(tmp_path / "billing")
    assert Authority(tmp_path).renew() == [part for part in PARTS if part != "claims"]
    assert read(tmp_path / "billing").key != late.key
    assert read(tmp_path / "claims") == early


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem"])
def test_what_is_damaged_or_foreign_is_issued_anew(tmp_path: Path, name: str) -> None:
    mine, foreign = Authority(tmp_path / "mine"), Authority(tmp_path / "foreign")
    for authority in (mine, foreign):
        authority.renew()
    file = mine.folder / "billing" / name
    file.write_bytes((foreign.folder / "billing" / name).read_bytes())
    assert mine.renew() == ["billing"]
    file.write_bytes(b"")
    assert mine.renew() == ["billing"]
    file.unlink()
    assert mine.renew() == ["billing"]
    assert mine.renew() == []


def test_who_starts_at_the_same_moment_makes_one_authority(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        issued = list(pool.map(lambda _: Authority(tmp_path).renew(), range(8)))
    assert sorted(map(len, issued)) == [0] * 7 + [len(PARTS)]
    assert len({read(tmp_path / part).authorities for part in PARTS}) == 1


def test_watching_goes_on_after_what_cannot_be_written(tmp_path: Path) -> None:
    authority, stopping, told = Authority(tmp_path, ["billing"], timedelta(seconds=3)), threading.Event(), []
    (tmp_path / "billing").write_text("in the way")
    watch = threading.Thread(target=authority.watch, args=(stopping, told.append))
    watch.start()
    try:
        assert wait_until(lambda: bool(told), 10)
        assert told[0].startswith("certificates could not be renewed")
        (tmp_path / "billing").unlink()
        assert wait_until(lambda: "renewed the certificates of billing" in told, 10)
    finally:
        stopping.set()
        watch.join()


def test_the_command_watches_until_it_is_told_to_stop(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "praxis_local", "authority", "--folder", str(tmp_path), "--watch"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"issued certificates for {', '.join(PARTS)}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
    assert read(tmp_path / "gateway").names == {"gateway"}


def test_doctor_tells_which_certificates_are_missing_or_late(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.secrets.mkdir()
    Authority(home.certificates).renew()
    assert [finding.state for finding in doctor._certificates(home)] == ["good"]
    (home.certificates / "claims" / "key.pem").unlink()
    found = {finding.text: finding.state for finding in doctor._certificates(home)}
    assert found.pop("claims has none that can be used") == "wrong"
    assert list(found.values()) == ["good"]
    (home.certificates / "billing" / "cert.pem").unlink()
    Authority(home.certificates, ["billing"], LEAF_LIFE / 5).renew()
    states = [finding.state for finding in doctor._certificates(home) if "nobody renews it" in finding.text]
    assert states == ["wrong"]
