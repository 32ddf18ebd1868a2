"""HTML that cannot be broken by what it shows: every text is escaped unless it is an element itself."""

from __future__ import annotations

from html import escape

VOID = {"br", "hr", "input", "link", "meta", "rect", "line", "path", "circle"}


class Html(str):
    """Markup that is escaped already."""

    __slots__ = ()


Child = Html | str | int | float | None


def el(tag: str, *children: Child, **attributes: str | int | float | bool | None) -> Html:
    """Return an element; `class_` becomes class, `stroke_width` becomes stroke-width, None and False leave out."""
    said = "".join(_attribute(name, value) for name, value in attributes.items() if _wanted(value))
    if tag in VOID:
        return Html(f"<{tag}{said}>" if tag in {"br", "hr", "input", "link", "meta"} else f"<{tag}{said}/>")
    return Html(f"<{tag}{said}>{join(*children)}</{tag}>")


def join(*children: Child) -> Html:
    """Return several pieces one after the other."""
    return Html("".join(each if isinstance(each, Html) else escape(str(each)) for each in children if each is not None))


def table(heads: list[tuple[str, str]], rows: list[Html], caption: str) -> Html:
    """Return a table; each head is its text and its class."""
    top = el("thead", el("tr", *(el("th", text, scope="col", class_=kind or None) for text, kind in heads)))
    return el("div", el("table", el("caption", caption), top, el("tbody", *rows)), class_="scroll")


def cell(value: Child, kind: str = "") -> Html:
    return el("td", value, class_=kind or None)


def _wanted(value: object) -> bool:
    return value is not None and value is not False


def _attribute(name: str, value: object) -> str:
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
