"""What is sealed can be opened only by the tenant it belongs to, and only unchanged; files are named by content."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag

from praxis_chassis.errors import DomainError
from praxis_chassis.files import FolderStore, TenantFiles
from praxis_chassis.keys import FileKeys, KeyRing, make_keys_file
from praxis_chassis.types import new_id


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    make_keys_file(tmp_path / "keys.json")
    return KeyRing(FileKeys(tmp_path / "keys.json"))


def test_the_keys_file_is_for_its_owner_only_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    make_keys_file(path)
    before = path.read_bytes()
    make_keys_file(path)
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_sealed_bytes_open_for_their_tenant_purpose_and_row_only(ring: KeyRing) -> None:
    tenant, row = new_id(), new_id()
    sealed = ring.seal(tenant, "patients.ssn", b"123456789", row.bytes)
    assert ring.open(tenant, "patients.ssn", sealed, row.bytes) == b"123456789"
    assert b"123456789" not in sealed
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong in (
        (new_id(), "patients.ssn", sealed, row.bytes),
        (tenant, "patients.other", sealed, row.bytes),
        (tenant, "patients.ssn", sealed, new_id().bytes),
        (tenant, "patients.ssn", changed, row.bytes),
    ):
        with pytest.raises(InvalidTag):
            ring.open(*wrong)


def test_a_blind_index_is_equal_for_equal_values_of_one_tenant_only(ring: KeyRing) -> None:
    tenant = new_id()
    assert ring.index(tenant, "ssn", "1") == ring.index(tenant, "ssn", "1")
    assert ring.index(tenant, "ssn", "1") != ring.index(tenant, "ssn", "2")
    assert ring.index(tenant, "ssn", "1") != ring.index(new_id(), "ssn", "1")


def test_a_new_key_seals_what_is_new_and_leaves_what_is_old_readable_and_findable(
    ring: KeyRing, tmp_path: Path
) -> None:
    tenant, keys = new_id(), json.loads((tmp_path / "keys.json").read_text())
    old, found_by = ring.seal(tenant, "patients.ssn", b"123456789"), ring.index(tenant, "ssn", "1")
    keys["keys"]["2"] = base64.b64encode(bytes(range(32))).decode()
    (tmp_path / "keys.json").write_text(json.dumps({**keys, "current": 2}))
    rotated = KeyRing(FileKeys(tmp_path / "keys.json"))
    new = rotated.seal(tenant, "patients.ssn", b"123456789")
    assert [int.from_bytes(sealed[:2], "big") for sealed in (old, new)] == [1, 2]
    assert [rotated.open(tenant, "patients.ssn", sealed) for sealed in (old, new)] == [b"123456789"] * 2
    assert rotated.index(tenant, "ssn", "1") == found_by
    with pytest.raises(KeyError):
        ring.open(tenant, "patients.ssn", new)


def test_files_are_named_by_content_sealed_on_disk_and_closed_to_other_tenants(ring: KeyRing, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "files")
    mine, theirs = TenantFiles(store, ring, new_id(), "claims"), TenantFiles(store, ring, new_id(), "claims")
    reference = mine.put(b"secret text", "text/plain", "note.txt")
    assert mine.put(b"secret text", "text/plain", "note.txt").file_id == reference.file_id
    assert mine.read(reference.file_id) == (reference, b"secret text")
    on_disk = [path.read_bytes() for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert len(on_disk) == 1
    assert b"secret" not in on_disk[0]
    with pytest.raises(DomainError):
        theirs.get(reference.file_id)
    with pytest.raises(DomainError):
        TenantFiles(store, ring, mine.tenant_id, "billing").get(reference.file_id)
    store.delete_object(mine.key_of(UUID(reference.file_id)))
    with pytest.raises(DomainError):
        mine.get(reference.file_id)
