"""The map of the house as the traces drew it: who called whom, and what went over the bus."""

from __future__ import annotations

from praxis_local.devtrace.html import Html, el
from praxis_local.devtrace.pages import duration, layout, number
from praxis_local.devtrace.ring import Edge, Ring, edges_of

WIDTH, ROW, BOX, HIGH = 1060, 92, 190, 54
LEFT, MIDDLE, RIGHT = 20, 420, 850
BUS = "NATS"


def page(ring: Ring) -> Html:
    """Return the whole page."""
    edges = edges_of(ring.traces())
    title = el("div", el("h1", "Map"), class_="title")
    if not edges:
        return layout("Map", "/map", title, el("p", "Nothing has arrived yet."))
    note = (
        "Numbers are counts and the median. Solid: calls. Dashed: events over NATS. Inside a box: its own statements."
    )
    return layout("Map", "/map", title, el("p", note, class_="muted"), drawing(edges))


def drawing(edges: list[Edge]) -> Html:
    """Return the picture."""
    callers = sorted({edge.source for edge in edges if edge.kind == "call"})
    others = {name for edge in edges for name in (edge.source, edge.target) if edge.kind != "sql"} - {BUS}
    services = sorted(others - set(callers)) or callers
    callers = [name for name in callers if name not in services]
    height = max(len(services), len(callers), 1) * ROW + 20
    places = {name: (MIDDLE, 20 + row * ROW) for row, name in enumerate(services)}
    places |= {name: (LEFT, height // 2 - HIGH // 2 + row * ROW) for row, name in enumerate(callers)}
    places[BUS] = (RIGHT, height // 2 - HIGH // 2)
    statements = {edge.source: edge for edge in edges if edge.kind == "sql"}
    pairs = [_edge(edge, places) for edge in edges if edge.source in places and edge.target in places]
    drawn = [curve for curve, _ in pairs] + [text for _, text in pairs]  # no line over a number
    boxes = [_box(name, place, statements.get(name)) for name, place in places.items()]
    label = "; ".join(f"{edge.source} to {edge.target}: {edge.count}" for edge in edges)
    return el("svg", *drawn, *boxes, viewBox=f"0 0 {WIDTH} {height}", class_="map", role="img", aria_label=label)


def _box(name: str, place: tuple[int, int], statements: Edge | None) -> Html:
    x, y = place
    rectangle = el("rect", x=x, y=y, width=BOX, height=HIGH, rx=8, class_=f"box s{number(name)}")
    texts = [el("text", name, x=x + BOX / 2, y=y + (22 if statements else 33), class_="title")]
    if statements:
        said = f"{statements.count:,} SQL · {_median(statements)}"
        texts.append(el("text", said, x=x + BOX / 2, y=y + 41, class_="small"))
    return el("g", rectangle, *texts)


def _edge(edge: Edge, places: dict[str, tuple[int, int]]) -> tuple[Html, Html]:
    (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
    shift = {"publish": -9, "event": 9}.get(edge.kind, 0)
    if x1 < x2:
        x1 += BOX
    else:
        x2 += BOX
    y1, y2 = y1 + HIGH // 2 + shift, y2 + HIGH // 2 + shift
    bend = (x1 + x2) / 2
    curve = el("path", d=f"M{x1},{y1} C{bend},{y1} {bend},{y2} {x2},{y2}", class_=f"edge {edge.kind}")
    near = 0.5 if edge.kind == "call" else 0.3 if edge.kind == "publish" else 0.7
    x, y = x1 + (x2 - x1) * near, y1 + (y2 - y1) * (3 * near**2 - 2 * near**3)
    said = f"{edge.count:,} · {_median(edge)}" + (f" · {edge.errors} failed" if edge.errors else "")
    return curve, el("text", said, x=x, y=y + 4, class_="small" + (" bad" if edge.errors else ""))


def _median(edge: Edge) -> str:
    ordered = sorted(edge.durations)
    return duration(ordered[len(ordered) // 2])
