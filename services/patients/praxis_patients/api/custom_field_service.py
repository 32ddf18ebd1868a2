"""The RPCs of fields that the practice adds."""

from __future__ import annotations

from sqlalchemy import select

from praxis.patients.v1 import custom_field_pb2
from praxis.patients.v1 import custom_field_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.annotations import CustomField
from praxis_patients.store.mappings import CUSTOM_FIELD
from praxis_patients.usecases import custom_fields


class CustomFieldService:
    @query
    def GetCustomField(self, request: pb.GetCustomFieldRequest, call: Call) -> custom_field_pb2.CustomField:
        return CUSTOM_FIELD.message(fetch(call.session, CustomField, request.id))

    @query
    def ListCustomFields(self, request: pb.ListCustomFieldsRequest, call: Call) -> pb.ListCustomFieldsResponse:
        found, token = page(
            call.session, select(CustomField), order=[CustomField.name, CustomField.id], request=request
        )
        return pb.ListCustomFieldsResponse(custom_fields=map(CUSTOM_FIELD.message, found), next_page_token=token)

    @command
    def CreateCustomField(self, request: pb.CreateCustomFieldRequest, call: Call) -> custom_field_pb2.CustomField:
        return CUSTOM_FIELD.message(custom_fields.create(call.session, request.custom_field))

    @command
    def UpdateCustomField(self, request: pb.UpdateCustomFieldRequest, call: Call) -> custom_field_pb2.CustomField:
        return CUSTOM_FIELD.message(custom_fields.update(call.session, request))
