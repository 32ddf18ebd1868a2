"""The API reference: one page that reads `/v1/openapi.json` and asks nothing of any other host."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from importlib import resources

from flask import Flask, Response

from praxis_gateway.headers import PAGE_POLICY

_FILES = ("reference.html", "reference.css", "reference.js")


def add_docs(app: Flask) -> None:
    """Add `/docs` and the two files that it needs."""
    app.add_url_rule("/docs", endpoint="docs", view_func=_view("reference.html"))
    for name in _FILES[1:]:
        app.add_url_rule(f"/docs/{name}", endpoint=f"docs/{name}", view_func=_view(name))


def _view(name: str) -> Callable[[], Response]:
    data = resources.files(__name__).joinpath("static", name).read_bytes()
    media_type = mimetypes.guess_type(name)[0] or "text/plain"

    def view() -> Response:
        headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
        return Response(data, content_type=f"{media_type}; charset=utf-8", headers=headers)

    return view
