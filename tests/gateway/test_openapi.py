"""The description is valid OpenAPI 3.1 and says the same as the contracts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from praxis_gateway import contracts, openapi

CONTRACTS = contracts.load()
# What the gateway joins by itself; every other operation is an RPC.
VIEWS = 1
DOCUMENT = openapi.document(CONTRACTS)


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from walk(child)


def described() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, verb, op) for path, verbs in DOCUMENT["paths"].items() for verb, op in verbs.items()]


def test_it_is_served(anonymous: httpx.Client) -> None:
    assert anonymous.get("/v1/openapi.json").json()["openapi"] == "3.1.0"


def test_every_reference_leads_somewhere() -> None:
    for node in walk(DOCUMENT):
        reference = node.get("$ref")
        if reference:
            target: Any = DOCUMENT
            for step in reference.removeprefix("#/").split("/"):
                target = target[step]
            assert target


def test_every_schema_is_json_schema() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}), name


def test_operations_are_told_apart_and_described() -> None:
    names = [op["operationId"] for _, _, op in described()]
    assert len(names) == len(set(names)) == len(CONTRACTS.operations) + VIEWS
    for path, verb, op in described():
        assert op["summary"], (path, verb)
        assert op["x-permission"]
        assert op["responses"]["400"]


def test_path_parameters_are_those_of_the_path() -> None:
    for path, _, op in described():
        named = {part.split("}")[0] for part in path.split("{")[1:]}
        assert named == {parameter["name"] for parameter in op["parameters"] if parameter["in"] == "path"}


def test_no_two_paths_differ_by_names_only() -> None:
    shapes = list(DOCUMENT["paths"])
    plain = ["".join(part.split("}")[-1] for part in ("}" + shape).split("{")) for shape in shapes]
    assert len(plain) == len(set(plain))


def test_rules_of_the_contract_are_in_the_schemas() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Role"]["properties"]["name"]["pattern"] == "^[a-z][a-z0-9_]{1,49}$"
    assert schemas["Role"]["required"] == ["name", "title", "permissions"]
    assert schemas["User"]["properties"]["state"]["enum"] == ["invited", "active", "disabled"]
    assert schemas["Money"]["required"] == ["currency_code", "amount"]


def test_examples_fit_their_schemas() -> None:
    for node in walk(DOCUMENT["components"]["schemas"]):
        if "examples" in node and node.get("type") == "string":
            for example in node["examples"]:
                assert jsonschema_rs.is_valid(node, example), node


def test_schemathesis_can_read_it() -> None:
    schemathesis = pytest.importorskip("schemathesis")
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.validate()
    assert sum(1 for _ in schema.get_all_operations()) == len(CONTRACTS.operations) + VIEWS
