"""Builds the shipped diagnosis codes from the official ICD-10-CM tabular list inside the package simple_icd_10_cm.

Usage: `python build_diagnosis_codes.py WHEEL OUTPUT.tsv.gz`, with the wheel of simple_icd_10_cm 1.5.0 from PyPI.
Columns: code without dot, 1 when billable, parent, description, further terms separated by `|`.
"""

from __future__ import annotations

import gzip
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

CODE_LIST = "simple_icd_10_cm/data/code-list-April-2026.txt"
TABULAR = "simple_icd_10_cm/data/icd10c-tabular-April-1-2026.xml"
LAY_TERMS = Path(__file__).with_name("lay_terms.tsv")
FILLER = "X"


class Node(NamedTuple):
    """One code of the tabular list with the seventh characters that hold below it."""

    description: str
    terms: tuple[str, ...]
    extensions: dict[str, str]


def walk(element: ET.Element, inherited: dict[str, str]) -> Iterator[tuple[str, Node]]:
    """Yield the codes below `element`; a definition of seventh characters replaces the one above it."""
    for diagnosis in element.findall("diag"):
        own = {e.attrib["char"]: e.text or "" for e in diagnosis.findall("sevenChrDef/extension")} or inherited
        notes = [*diagnosis.findall("inclusionTerm/note"), *diagnosis.findall("includes/note")]
        terms = tuple(" ".join(note.text.replace("|", " ").split()) for note in notes if note.text)
        yield diagnosis.findtext("name", "").replace(".", ""), Node(diagnosis.findtext("desc", ""), terms, own)
        yield from walk(diagnosis, own)


def tabular_nodes(xml: bytes) -> dict[str, Node]:
    root = ET.fromstring(xml)  # noqa: S314 - the file comes from a pinned package
    return dict(node for section in root.findall("chapter/section") for node in walk(section, {}))


def parent_of(code: str, known: set[str]) -> str:
    """Return the nearest shorter code; fillers before a seventh character stand for no level of their own."""
    shorter = code[:-1]
    while len(shorter) >= 3:
        if shorter in known:
            return shorter
        shorter = shorter[:-1]
    return ""


def node_of(code: str, nodes: dict[str, Node], known: set[str]) -> Node:
    if code in nodes:
        return nodes[code]
    above = nodes[parent_of(code, known)]
    return Node(f"{above.description}, {above.extensions[code[-1]]}", (), {})


def lay_terms() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in LAY_TERMS.read_text().splitlines():
        term, code = line.split("\t")
        found.setdefault(code, []).append(term)
    return found


def rows(wheel: Path) -> Iterator[str]:
    with zipfile.ZipFile(wheel) as package:
        listed = package.read(CODE_LIST).decode().split()
        nodes = tabular_nodes(package.read(TABULAR))
    codes = {code for code in listed if "-" not in code and len(code) >= 3}
    parents = {code: parent_of(code, codes) for code in codes}
    above = set(parents.values())
    ours = lay_terms()
    for code in sorted(codes):
        node = node_of(code, nodes, codes)
        terms = "|".join([*node.terms, *ours.get(code, [])])
        yield "\t".join([code, "0" if code in above else "1", parents[code], node.description, terms])


def main(wheel: str, output: str) -> None:
    text = "\n".join(rows(Path(wheel))) + "\n"
    Path(output).write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
