"""JSON Schema of messages: shapes from the descriptors, limits from the validation rules, words from the comments."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from praxis_gateway.contracts import Contracts, Operation, Rules, enum_words, rules_of, shape

Schema = dict[str, Any]

READ_ONLY = ("id", "create_time", "update_time")
_ID = "019ad2b5-7c00-7000-8000-000000000001"
_DATE_PATTERN = r"^\d{4}-\d{2}-\d{2}$"
_STRING_FORMATS = {"uuid": "uuid", "email": "email", "uri": "uri", "hostname": "hostname"}
_INTEGER_LIMITS = {"gte": "minimum", "gt": "exclusiveMinimum", "lte": "maximum", "lt": "exclusiveMaximum"}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time", "examples": ["2026-03-01T15:30:00Z"]},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?\d+(\.\d{1,9})?s$", "examples": ["90s"]},
    "google.protobuf.FieldMask": {"type": "array", "items": {"type": "string"}},
    "google.protobuf.Empty": {"type": "object"},
}
_BASE: dict[int, Schema] = {
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number"},
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    FieldDescriptor.CPPTYPE_INT64: {"type": "integer", "format": "int64"},
    FieldDescriptor.CPPTYPE_UINT64: {"type": "integer", "format": "int64", "minimum": 0},
}
_EXAMPLES = (
    ("email", "robin@example.org"),
    ("phone", "+1 312 555 0142"),
    ("time_zone", "America/Chicago"),
    ("currency_code", "USD"),
    ("country_code", "US"),
    ("amount", "125.00"),
    ("name", "Robin Weber"),
)


class Schemas:
    """The component schemas that the operations use, made on demand."""

    def __init__(self, contracts: Contracts) -> None:
        self.comments = contracts.comments
        self.components: dict[str, Schema] = {}
        self._names: dict[str, str] = {}

    def reference(self, descriptor: Descriptor) -> Schema:
        """Return a schema that refers to a message's component."""
        known = _WELL_KNOWN.get(descriptor.full_name)
        if known:
            return dict(known)
        return {"$ref": f"#/components/schemas/{self._component(descriptor)}"}

    def _component(self, descriptor: Descriptor) -> str:
        name = self._names.get(descriptor.full_name)
        if name is None:
            name = self._free_name(descriptor)
            self._names[descriptor.full_name] = name
            self.components[name] = {}
            self.components[name] = self._message(descriptor)
        return name

    def _free_name(self, descriptor: Descriptor) -> str:
        package, _, rest = descriptor.full_name.partition(".v1.")
        name = rest.replace(".", "")
        return name if name not in self.components else package.split(".")[-1].capitalize() + name

    def _message(self, descriptor: Descriptor, leave_out: frozenset[str] = frozenset()) -> Schema:
        fields = [entry for entry in descriptor.fields if entry.name not in leave_out]
        schema: Schema = {
            "type": "object",
            "description": self.comments.get(descriptor.full_name, ""),
            "properties": {entry.name: self._property(entry) for entry in fields},
            "additionalProperties": False,
        }
        required = [entry.name for entry in fields if is_required(entry) and entry.name not in READ_ONLY]
        if required:
            schema["required"] = required
        return schema

    def _property(self, entry: FieldDescriptor) -> Schema:
        schema = self.field(entry)
        schema["description"] = self.describe(entry)
        if entry.name in READ_ONLY:
            schema["readOnly"] = True
        return schema

    def describe(self, entry: FieldDescriptor) -> str:
        """Return the comment of a field, with the meaning of each word when it is an enum."""
        text = self.comments.get(entry.full_name, "")
        if not entry.enum_type:
            return text
        zero = str(entry.enum_type.values_by_number[0].name)
        scope = entry.enum_type.full_name
        prefix = zero.removesuffix("UNSPECIFIED")
        meanings = [
            f"`{word}`: {self.comments.get(f'{scope}.{prefix}{word.upper()}', '')}"
            for word in enum_words(entry.enum_type).values()
        ]
        return " ".join([text, *meanings])

    def field(self, entry: FieldDescriptor) -> Schema:
        """Return the schema of a field, list and map included."""
        rules = rules_of(entry)
        if entry.message_type and entry.message_type.GetOptions().map_entry:
            value = entry.message_type.fields_by_name["value"]
            return {"type": "object", "additionalProperties": self._single(value, rules.map.values)}
        if not entry.is_repeated:
            return self._single(entry, rules)
        schema: Schema = {"type": "array", "items": self._single(entry, rules.repeated.items)}
        for rule, keyword in (("min_items", "minItems"), ("max_items", "maxItems")):
            if rules.repeated.HasField(rule):
                schema[keyword] = getattr(rules.repeated, rule)
        if rules.repeated.unique:
            schema["uniqueItems"] = True
        return schema

    def _single(self, entry: FieldDescriptor, rules: Rules) -> Schema:
        if entry.message_type:
            return self.reference(entry.message_type)
        if entry.enum_type:
            return {"type": "string", "enum": list(enum_words(entry.enum_type).values())}
        if entry.type == FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        schema = dict(_BASE[entry.cpp_type])
        kind = rules.WhichOneof("type")
        if kind == "string":
            schema.update(_string_rules(rules.string))
        elif kind and schema["type"] in ("integer", "number"):
            schema.update(_number_rules(getattr(rules, kind)))
        if schema["type"] == "string":
            _add_example(entry.name, schema)
        return schema

    def body(self, operation: Operation) -> Schema:
        """Return the schema of a request body."""
        if operation.body == "*":
            left_out = frozenset({*operation.path_fields(), "request_id"})
            return self._message(operation.method.input_type, left_out)
        target = operation.body_field
        if target is None:
            raise ValueError(f"{operation.full_name} takes no body")
        if operation.is_update:
            return self._patch(shape(target))
        return self.reference(shape(target))

    def _patch(self, descriptor: Descriptor) -> Schema:
        """Return the schema of an update: nothing is required and `null` clears."""
        schema = self._message(descriptor)
        schema.pop("required", None)
        schema["minProperties"] = 1
        for name, entry in schema["properties"].items():
            if name not in READ_ONLY and name != "etag":
                description = entry.pop("description")
                schema["properties"][name] = {"anyOf": [entry, {"type": "null"}], "description": description}
        schema["description"] = f"{schema['description']} Only the fields that are sent are changed; `null` clears one."
        return schema


def _string_rules(rules: Rules) -> Schema:
    schema: Schema = {}
    for rule, keyword in (("min_len", "minLength"), ("max_len", "maxLength"), ("pattern", "pattern")):
        if rules.HasField(rule):
            schema[keyword] = getattr(rules, rule)
    if rules.HasField("len"):
        schema["minLength"] = schema["maxLength"] = rules.len
    known = _STRING_FORMATS.get(rules.WhichOneof("well_known") or "")
    if known:
        schema["format"] = known
    if schema.get("pattern") == _DATE_PATTERN:
        schema["format"] = "date"
    if getattr(rules, "in"):
        schema["enum"] = list(getattr(rules, "in"))
    return schema


def _number_rules(rules: Message) -> Schema:
    schema: Schema = {}
    for choice in ("greater_than", "less_than"):
        rule = rules.WhichOneof(choice)
        if rule:
            schema[_INTEGER_LIMITS[rule]] = getattr(rules, rule)
    return schema


def _add_example(name: str, schema: Schema) -> None:
    """Give a text an example where the name or the format says what it is."""
    if schema.get("format") == "uuid" or (name == "id" and "pattern" not in schema):
        schema["examples"] = [_ID]
    elif schema.get("format") == "date":
        schema["examples"] = ["2026-03-01"]
    else:
        found = next((example for word, example in _EXAMPLES if word in name), None)
        if found and re.search(schema.get("pattern", ""), found):
            schema["examples"] = [found]


def is_required(entry: FieldDescriptor) -> bool:
    """Tell whether an input without this field is always refused."""
    rules = rules_of(entry)
    if rules.required:
        return True
    if entry.has_presence or rules.ignore:
        return False
    kind = rules.WhichOneof("type")
    if kind == "string":
        return _refuses_empty(rules.string)
    if kind == "enum":
        return 0 in rules.enum.not_in
    if kind == "repeated":
        return bool(rules.repeated.min_items)
    return bool(kind and kind.startswith(("int", "uint"))) and _refuses_zero(getattr(rules, kind or ""))


def _refuses_empty(rules: Rules) -> bool:
    if rules.min_len or rules.len or rules.WhichOneof("well_known") or getattr(rules, "in"):
        return True
    return bool(rules.pattern) and not re.search(rules.pattern, "")


def _refuses_zero(rules: Message) -> bool:
    low = rules.WhichOneof("greater_than")
    return bool(low) and (getattr(rules, low) > 0 or (low == "gt" and getattr(rules, low) == 0))
