"""Bytes that pass the gateway: uploads into the file store, downloads out of it; RPCs carry references only."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from flask import Response
from werkzeug.http import dump_options_header

from praxis.type.v1 import type_pb2
from praxis_chassis.errors import DomainError
from praxis_chassis.files import UPLOADS, ObjectStore, TenantFiles
from praxis_chassis.keys import KeyRing
from praxis_gateway.headers import FILE_POLICY
from praxis_gateway.problems import Problem
from praxis_gateway.tokens import Caller


@dataclass(frozen=True)
class Files:
    """The file store, seen by a caller."""

    store: ObjectStore
    keys: KeyRing

    def put(self, caller: Caller, data: bytes, media_type: str, file_name: str) -> type_pb2.FileReference:
        """Store an upload of the caller's practice and return what the RPC carries instead of it."""
        return self._of(caller, UPLOADS).put(data, media_type[:127], file_name)

    def response(self, caller: Caller, service: str, reference: type_pb2.FileReference) -> Response:
        """Return a service's stored file as an attachment that a browser never runs."""
        try:
            data = self._of(caller, service).get(reference.file_id)
        except DomainError:
            raise Problem(404, "NOT_FOUND", "The file is no longer stored.") from None
        name = reference.file_name or reference.file_id
        headers = {
            "Content-Disposition": dump_options_header("attachment", {"filename": name}),
            "Content-Security-Policy": FILE_POLICY,
            "ETag": f'"{reference.sha256}"',
        }
        return Response(data, content_type=reference.media_type or "application/octet-stream", headers=headers)

    def _of(self, caller: Caller, area: str) -> TenantFiles:
        return TenantFiles(self.store, self.keys, UUID(caller.tenant_id), area)
