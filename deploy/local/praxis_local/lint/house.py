"""The rules of the house that no tool knows: sizes, clocks, defaults, spelling, locks, first sentences."""

from __future__ import annotations

import ast
import io
import os
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

from praxis_local.topology import CHECKOUT

LONGEST_FUNCTION, LONGEST_FILE = 50, 600
CLOCKS = {
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
    "time.time", "time.time_ns", "time.localtime", "time.gmtime", "email.utils.localtime", "uuid.uuid1",
}  # fmt: skip
CLOCK_NAMES = {each.rpartition(".")[2] for each in CLOCKS}
# Given to somebody who calls them with a time, these only say it in parts.
CONVERTERS = {"time.localtime", "time.gmtime"}
# Business time comes from the chassis alone; these files make it, measure the machine, or run beside the business.
CLOCK_OWNERS = (
    "services/chassis/praxis_chassis/machine.py",
    "services/chassis/praxis_chassis/metrics.py",
    "services/chassis/praxis_chassis/telemetry.py",
    "deploy/local/",
    "tests/",
)
SQL_NOW = re.compile(
    r"\b(func\s*\.\s*)?(now|clock_timestamp|statement_timestamp|transaction_timestamp|localtimestamp)\s*\(\s*\)"
    r"|\bcurrent_(timestamp|date|time)\b",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"https?://|file:|--(extra-)?index-url|--find-links")
BRITISH = re.compile(
    r"authoris|behaviour|catalogue|centre|cheque|colour|favour|fulfilment|initialis|labour|licence|"
    r"neighbour|normalis|optimis|organis|programme|recognis|serialis|summaris|synchronis|utilis"
)
PROTO_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
SKIPPED = {".venv", ".git", ".praxis", "build", "__pycache__", "migrations", "versions", "node_modules"}


def python_files() -> list[Path]:
    """Return our Python files; generated code and migrations are not written by hand."""
    return _files(".py")


def _files(suffix: str) -> list[Path]:
    """Return our files of one kind, without looking through the thousands in folders that are not ours."""
    found: list[Path] = []
    for folder, inner, names in os.walk(CHECKOUT):
        inner[:] = set(inner) - SKIPPED
        found += [Path(folder, name) for name in names if name.endswith(suffix)]
    return sorted(found)


def sizes() -> Iterator[str]:
    """Functions of at most 50 lines, files of at most 600."""
    for path in python_files():
        text = path.read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > LONGEST_FILE:
            yield f"{_name(path)}: {lines} lines; split it by what its parts do ({LONGEST_FILE} at most)"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    place = f"{_name(path)}:{node.lineno}"
                    yield f"{place}: {node.name} has {length} lines; name its steps ({LONGEST_FUNCTION} at most)"


def clocks() -> Iterator[str]:
    """Business time only from the chassis' clock."""
    for path in python_files():
        if _name(path).startswith(CLOCK_OWNERS):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = _imported(tree)
        called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Name | ast.Attribute):
                continue
            full = _full_name(node, names)
            # Also where it is not called: somebody else calls what is given as a default or a clock.
            if full in CLOCKS and (node in called or full not in CONVERTERS):
                yield f"{_name(path)}:{node.lineno}: {ast.unparse(node)}; take the time from praxis_chassis.clock"


def _full_name(node: ast.Name | ast.Attribute, names: dict[str, str]) -> str:
    """Return what a name that may be a clock stands for."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if node.attr in CLOCK_NAMES:
        first, dot, rest = ast.unparse(node).partition(".")
        return names.get(first, first) + dot + rest
    return ""


def _imported(tree: ast.AST) -> dict[str, str]:
    """Return what the names that a file imports stand for, in full."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({each.asname: each.name for each in node.names if each.asname})
        elif isinstance(node, ast.ImportFrom):
            names.update({each.asname or each.name: f"{node.module}.{each.name}" for each in node.names})
    return names


def defaults() -> Iterator[str]:
    """No time made by the database, in a default or anywhere, because a test practice moves its clock."""
    for folder in ("services", "gateway"):
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            for found in SQL_NOW.finditer(path.read_text(encoding="utf-8")):
                yield f"{_name(path)}: `{found.group()}`; let the chassis give the time"


def first_sentences() -> Iterator[str]:
    """Every module begins by saying in one sentence what it is."""
    for path in python_files():
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            continue
        sentence = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
        if not sentence.endswith((".", "?", "!", ":")):
            yield f"{_name(path)}: the first line must be a docstring of one sentence"


def spelling() -> Iterator[str]:
    """Identifiers are spelled the American way, as FHIR and X12 are."""
    for path in python_files():
        text = path.read_text(encoding="utf-8")
        if not BRITISH.search(text.lower()):
            continue  # which saves taking nearly every file apart
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME and BRITISH.search(token.string.lower()):
                yield f"{_name(path)}:{token.start[0]}: {token.string}"
    for path in sorted((CHECKOUT / "protos" / "praxis").rglob("*.proto")):
        for word in re.findall(r"[A-Za-z_]\w*", PROTO_COMMENT.sub("", path.read_text(encoding="utf-8"))):
            if BRITISH.search(word.lower()):
                yield f"{_name(path)}: {word}"


def locks() -> Iterator[str]:
    """Locks name packages by hash and nobody's registry."""
    for path in _files(".txt"):
        if not path.parent.name.startswith("requirements") and path.name != "requirements.txt":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if ADDRESS.search(line):
                yield f"{_name(path)}:{number}: {line.strip()}; run python3 dev.py lock"


HOUSE_RULES: dict[str, Callable[[], Iterator[str]]] = {
    "sizes": sizes,
    "clocks": clocks,
    "defaults": defaults,
    "first sentences": first_sentences,
    "spelling": spelling,
    "locks": locks,
}


def _name(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()
