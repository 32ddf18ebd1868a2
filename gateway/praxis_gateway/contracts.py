"""Everything the gateway knows about the services, read from their descriptors once, at start."""

from __future__ import annotations

import importlib
import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from buf.validate import validate_pb2
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from praxis.policy.v1 import policy_pb2

FILE_REFERENCE = "praxis.type.v1.FileReference"
RAW_REQUEST = "praxis.type.v1.RawRequest"
RAW_REPLY = "praxis.type.v1.RawReply"
Rules = Any  # the module of validation rules comes without type stubs
VERBS = ("get", "put", "post", "delete", "patch")


def rules_of(entry: FieldDescriptor) -> Rules:
    """Return the validation rules of a field."""
    return entry.GetOptions().Extensions[validate_pb2.field]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Operation:
    """One RPC that has a route."""

    method: MethodDescriptor
    verb: str
    path: str
    body: str
    policy: policy_pb2.Policy

    @property
    def name(self) -> str:
        """Return the RPC name, which is the OpenAPI operation id."""
        return self.method.name

    @property
    def full_name(self) -> str:
        """Return `package.Service/Method`, as gRPC spells it."""
        return f"{self.method.containing_service.full_name}/{self.method.name}"

    @property
    def service(self) -> str:
        """Return the short name of the service, such as `patients`."""
        return self.method.containing_service.full_name.split(".")[1]

    @cached_property
    def read_only(self) -> bool:
        """Tell whether the RPC promises to change nothing."""
        level = self.method.GetOptions().idempotency_level
        return level == descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS

    @property
    def body_field(self) -> FieldDescriptor | None:
        """Return the request field that the body fills, if it is a single one."""
        return None if self.body in ("", "*") else self.method.input_type.fields_by_name[self.body]

    @property
    def takes_file(self) -> bool:
        """Tell whether the body is raw bytes that are stored before the call."""
        return self._body_is(FILE_REFERENCE)

    @property
    def takes_raw(self) -> bool:
        """Tell whether the body goes on as it is, with its signatures, for the service to check."""
        return self._body_is(RAW_REQUEST)

    def _body_is(self, full_name: str) -> bool:
        target = self.body_field
        return bool(target and target.message_type and target.message_type.full_name == full_name)

    @property
    def by_signature(self) -> bool:
        """Tell whether the caller proves himself by something in the request, which the service checks."""
        return bool(self.policy.tenant_field)

    @property
    def gives_file(self) -> bool:
        """Tell whether the reply is answered with the bytes it refers to."""
        return self.method.output_type.full_name == FILE_REFERENCE

    @property
    def gives_raw(self) -> bool:
        """Tell whether the reply is answered with the bytes that it holds."""
        return self.method.output_type.full_name == RAW_REPLY

    @property
    def is_update(self) -> bool:
        """Tell whether the JSON keys of the body make an update mask."""
        return "update_mask" in self.method.input_type.fields_by_name and self.body_field is not None

    @property
    def etag_path(self) -> tuple[str, ...] | None:
        """Return where in the request the `If-Match` header goes."""
        fields = self.method.input_type.fields_by_name
        if "etag" in fields:
            return ("etag",)
        target = self.body_field
        if self.is_update and target is not None and "etag" in shape(target).fields_by_name:
            return (target.name, "etag")
        return None

    @property
    def has_request_id(self) -> bool:
        """Tell whether a retry with the same `Idempotency-Key` is harmless."""
        return "request_id" in self.method.input_type.fields_by_name

    def path_fields(self) -> list[str]:
        """Return the request fields in the path, in order, such as `patient.id`."""
        return [part.split("}")[0] for part in self.path.split("{")[1:]]


@dataclass
class Contracts:
    """The loaded contracts: operations, permissions and comments."""

    operations: list[Operation] = field(default_factory=list)
    permissions: dict[str, set[str]] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    reason_names: dict[str, str] = field(default_factory=dict)

    def services(self) -> list[str]:
        """Return the short names of the services that have routes."""
        return sorted({operation.service for operation in self.operations})


def message_class(descriptor: Descriptor) -> type[Message]:
    """Return the class of a message type."""
    return message_factory.GetMessageClass(descriptor)


def shape(entry: FieldDescriptor) -> Descriptor:
    """Return the message type of a field that has one."""
    if entry.message_type is None:
        raise TypeError(f"{entry.full_name} is no message")
    return entry.message_type


def enum_prefix(descriptor: EnumDescriptor) -> str:
    """Return what every value of an enum starts with, found from its zero value."""
    return str(descriptor.values_by_number[0].name).removesuffix("UNSPECIFIED")


def enum_words(descriptor: EnumDescriptor) -> dict[int, str]:
    """Return number → public word; the unspecified value has none."""
    prefix = enum_prefix(descriptor)
    return {value.number: value.name.removeprefix(prefix).lower() for value in descriptor.values if value.number}


def load() -> Contracts:
    """Read the descriptor set that is shipped with the contracts and import every module in it."""
    files = descriptor_pb2.FileDescriptorSet()
    files.ParseFromString(importlib.resources.files("praxis").joinpath("descriptors.binpb").read_bytes())
    contracts = Contracts()
    for file in files.file:
        if not file.name.startswith("praxis/"):
            continue
        importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
        contracts.comments.update(_comments(file))
        for service in file.service:
            _add_service(contracts, f"{file.package}.{service.name}")
        for enum in file.enum_type:
            _add_reasons(contracts, f"{file.package}.{enum.name}")
    contracts.operations.sort(key=lambda operation: (operation.path, operation.verb))
    return contracts


def _add_service(contracts: Contracts, full_name: str) -> None:
    service = descriptor_pool.Default().FindServiceByName(full_name)
    for method in service.methods:
        options = method.GetOptions()
        policy = options.Extensions[policy_pb2.policy]
        if not policy.permission:
            raise RuntimeError(f"{method.full_name} names no permission; add (praxis.policy.v1.policy) to it")
        rules = [rule for rule in _rules(options.Extensions[annotations_pb2.http]) if rule.WhichOneof("pattern")]
        if rules and "." in policy.permission:
            named = {policy.permission, *policy.further_permissions}
            contracts.permissions.setdefault(full_name.split(".")[1], set()).update(named)
        for rule in rules:
            verb = rule.WhichOneof("pattern")
            if verb in VERBS:
                contracts.operations.append(Operation(method, verb, getattr(rule, verb), rule.body, policy))


def _rules(rule: http_pb2.HttpRule) -> Iterator[http_pb2.HttpRule]:
    yield rule
    yield from rule.additional_bindings


def _add_reasons(contracts: Contracts, full_name: str) -> None:
    enum = descriptor_pool.Default().FindEnumTypeByName(full_name)
    if not enum.name.endswith("ErrorReason"):
        return
    prefix = enum_prefix(enum)
    for value in enum.values:
        if value.number:
            name = value.name.removeprefix(prefix)
            contracts.reasons[name] = value.GetOptions().Extensions[policy_pb2.status_code]
            contracts.reason_names[name] = f"{full_name}.{value.name}"


def _comments(file: descriptor_pb2.FileDescriptorProto) -> dict[str, str]:
    """Return full name → comment; descriptors in memory keep no comments, so the paths are walked by name."""
    found = {}
    for location in file.source_code_info.location:
        if location.leading_comments:
            name = _name_at(file, list(location.path))
            if name:
                found[name] = " ".join(location.leading_comments.split())
    return found


_CHILDREN: dict[type[Message], dict[int, str]] = {
    descriptor_pb2.FileDescriptorProto: {4: "message_type", 5: "enum_type", 6: "service"},
    descriptor_pb2.DescriptorProto: {2: "field", 3: "nested_type", 4: "enum_type", 8: "oneof_decl"},
    descriptor_pb2.EnumDescriptorProto: {2: "value"},
    descriptor_pb2.ServiceDescriptorProto: {2: "method"},
}


def _name_at(file: descriptor_pb2.FileDescriptorProto, path: list[int]) -> str | None:
    node: Message = file
    names = [file.package]
    for number, index in zip(path[::2], path[1::2], strict=False):
        children = _CHILDREN.get(type(node), {}).get(number)
        if children is None:
            return None
        node = getattr(node, children)[index]
        names.append(node.name)  # type: ignore[attr-defined]
    return ".".join(names) if len(path) % 2 == 0 and path else None
