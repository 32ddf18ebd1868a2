"""The page of one trace: what happened when, below what, with its statements and its log lines."""

from __future__ import annotations

from dataclasses import dataclass

from praxis_local.devtrace.html import Child, Html, cell, el, join, table
from praxis_local.devtrace.pages import badge, clock, duration, hue, layout, lines_table, short, status
from praxis_local.devtrace.records import Span
from praxis_local.devtrace.ring import Trace, is_statement

# A wait longer than half of all work is drawn in so many percent.
LONG_WAIT, WAIT_WIDTH, MARK_WIDTH = 0.5, 12.0, 16.0


def page(trace: Trace) -> Html:
    """Return the whole page."""
    root = trace.root
    title = el("div", el("h1", short(root.name)), status(root, len(trace.errors)), class_="title")
    content: list[Child] = [title, el("p", el("code", trace.id), class_="muted"), _tiles(trace), *_advice(trace)]
    content.append(_rows(trace))
    if trace.lines:
        lines = sorted(trace.lines, key=lambda line: line.at)
        content += [el("h2", "Log"), lines_table(lines, lambda line: _after(line.at, trace), "Lines of this trace")]
    return layout(short(root.name), "/traces", *content)


def _tiles(trace: Trace) -> Html:
    root, statements = trace.root, trace.statements
    tiles = [
        ("Began", clock(trace.began)),
        ("Answered after", duration(root.milliseconds)),
        ("Settled after", duration(trace.settled_ms)),
        ("Services", str(len(trace.services))),
        ("Spans", str(len(trace.spans))),
        ("Statements", f"{len(statements)} in {duration(sum(span.milliseconds for span in statements))}"),
    ]
    return el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in tiles), class_="tiles small")


def _advice(trace: Trace) -> list[Child]:
    """Point at what an engineer would look for first."""
    said: list[Child] = []
    for span in trace.errors[:3]:
        link = el("a", short(span.name), href=f"#{span.id}")
        said.append(el("p", badge(span.service), " ", link, f" failed: {span.error}", class_="note bad"))
    for service, name, count in trace.repeated:
        text = f" asked “{name}” {count} times in one piece of work; one statement may do."
        said.append(el("p", badge(service), text, class_="note warn"))
    return said


@dataclass(frozen=True)
class Stretch:
    """A part of the time line in which something worked, or in which all waited, and where it is drawn (in %)."""

    began: int
    ended: int
    left: float
    width: float
    waits: bool

    def at(self, moment: int) -> float:
        return self.left + (moment - self.began) / max(1, self.ended - self.began) * self.width


class Axis:
    """The time line of a trace; long waits are drawn short, or the work between them could not be seen."""

    def __init__(self, trace: Trace) -> None:
        parts = _parts(sorted((span.began, span.ended) for span in trace.spans))
        waits = sum(1 for _, _, waiting in parts if waiting)
        worked = sum(ended - began for began, ended, waiting in parts if not waiting) or 1
        room, left = 100.0 - waits * WAIT_WIDTH, 0.0
        self.stretches: list[Stretch] = []
        for began, ended, waiting in parts:
            width = WAIT_WIDTH if waiting else (ended - began) / worked * room
            self.stretches.append(Stretch(began, ended, left, width, waiting))
            left += width

    def at(self, moment: int) -> float:
        """Return the place of a moment in percent."""
        return next((each.at(moment) for each in self.stretches if moment <= each.ended), 100.0)


def _parts(spans: list[tuple[int, int]]) -> list[tuple[int, int, bool]]:
    """Return the times in which anything worked, and between them the waits that are worth cutting short."""
    busy = [list(spans[0])]
    for began, ended in spans[1:]:
        if began <= busy[-1][1]:
            busy[-1][1] = max(busy[-1][1], ended)
        else:
            busy.append([began, ended])
    shortest = sum(ended - began for began, ended in busy) * LONG_WAIT
    parts = [(busy[0][0], busy[0][1], False)]
    for began, ended in busy[1:]:
        last_began, last_ended, _ = parts[-1]
        if began - last_ended > shortest:
            parts += [(last_ended, began, True), (began, ended, False)]
        else:
            parts[-1] = (last_began, ended, False)
    return parts


def _rows(trace: Trace) -> Html:
    axis = Axis(trace)
    labels = [
        el("text", _after(moment, trace), x=f"{axis.at(moment):.2f}%", y=12)
        for each in axis.stretches
        if not each.waits
        for moment in _marks(each)
    ]
    waits = [
        el("text", f"waits {duration((each.ended - each.began) / 1e6)}", x=f"{each.left + each.width / 2:.2f}%", y=12,
           class_="waits")
        for each in axis.stretches if each.waits
    ]  # fmt: skip
    head = el("div", el("span", "Span"), el("svg", *labels, *waits, class_="bar"), el("span", "Took", class_="n"),
              class_="line head", aria_hidden="true")  # fmt: skip
    return el("div", head, *(_row(depth, span, trace, axis) for depth, span in trace.tree()), class_="waterfall")


def _marks(stretch: Stretch) -> list[int]:
    """Return the moments to write above a stretch: its begin, and more where there is room."""
    count = int(stretch.width // MARK_WIDTH)
    return [stretch.began + (stretch.ended - stretch.began) * step // count for step in range(count)]


def _row(depth: int, span: Span, trace: Trace, axis: Axis) -> Html:
    left, right = axis.at(span.began), axis.at(span.ended)
    waits = [
        el("rect", x=f"{each.left:.2f}%", width=f"{each.width}%", y=0, height="100%", class_="gap")
        for each in axis.stretches
        if each.waits
    ]
    own = el(
        "rect", x=f"{min(left, 99.7):.2f}%", y=3, width=f"{max(0.3, right - left):.2f}%", height=9, rx=2,
        class_=hue(span),
    )  # fmt: skip
    bar = el("svg", *waits, own, class_="bar", aria_hidden="true")
    name = el("span", badge(span.service), el("span", short(span.name), class_="text"), class_=f"what d{min(depth, 9)}")
    took = el("span", duration(span.milliseconds), class_="n")
    kind = " sql" if is_statement(span) else ""
    return el("details", el("summary", name, bar, took, class_=f"line{kind}"), _facts(span, trace), id=span.id)


def _facts(span: Span, trace: Trace) -> Html:
    facts = {"starts after": _after(span.began, trace), "kind": span.kind, "span": span.id, **span.facts}
    statement = facts.pop("db.query.text", None)
    if span.error:
        facts["error"] = span.error
    rows = [el("tr", el("th", key, scope="row"), cell(str(value))) for key, value in facts.items()]
    return el("div", table([], rows, span.name), el("pre", str(statement)) if statement else None, class_="inside")


def _after(moment: int, trace: Trace) -> str:
    return f"+{duration((moment - trace.began) / 1e6)}" if moment >= trace.began else f"{join(clock(moment))}"
