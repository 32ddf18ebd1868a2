"""The page that a link in a message opens: what it is about, and a button for each thing that can be done.

Nothing happens by opening it, because mail programs and scanners open links by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask, Response, g, request
from markupsafe import Markup

from praxis.scheduling.v1 import inbound_service_pb2 as pb
from praxis_gateway.contracts import Contracts, Operation
from praxis_gateway.endpoint import Door
from praxis_gateway.problems import Problem
from praxis_gateway.transcoding import Incoming, build

PATH = "/links/<segment:p0>/<segment:p1>"
PREFIX = "praxis.scheduling.v1.InboundService/"
CHOICES = {
    "confirm": (pb.LINK_ACTION_CONFIRM, f"{PREFIX}ConfirmByLink"),
    "cancel": (pb.LINK_ACTION_CANCEL, f"{PREFIX}CancelByLink"),
    "accept": (pb.LINK_ACTION_ACCEPT, f"{PREFIX}AcceptByLink"),
    "decline": (pb.LINK_ACTION_DECLINE, f"{PREFIX}DeclineByLink"),
    "unsubscribe": (pb.LINK_ACTION_UNSUBSCRIBE, f"{PREFIX}UnsubscribeByLink"),
}
WORDS = {action: word for word, (action, _) in CHOICES.items()}
POLICY = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
PAGE = Markup(
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
    "<title>{title}</title></head><body><main><h1>{title}</h1><p>{text}</p>{buttons}</main></body></html>"
)
BUTTON = Markup('<form method="post"><p><button name="choice" value="{word}">{label}</button></p></form>')


@dataclass(frozen=True)
class LinkPage:
    """The page, over the operations that it calls."""

    door: Door
    operations: Mapping[str, Operation]

    def show(self, p0: str, p1: str) -> Response:
        """Show what a link leads to."""
        return self._answer(f"{PREFIX}GetLink", p0, p1)

    def choose(self, p0: str, p1: str) -> Response:
        """Do what a button says and show what was done."""
        choice = CHOICES.get(request.form.get("choice", ""))
        if choice is None:
            raise Problem(400, "REQUEST_MALFORMED", "Choose one of the buttons of the page.")
        return self._answer(choice[1], p0, p1)

    def _answer(self, name: str, tenant: str, token: str) -> Response:
        operation = self.operations[name]
        g.operation = name
        with self.door.entered(operation, operation.service) as caller:
            message = build(operation, Incoming(path={"tenant_id": tenant, "token": token}))
            reply = self.door.invoker.call(operation, message, self.door.metadata(operation, caller))
        assert isinstance(reply.message, pb.Link)
        return Response(_page(reply.message), 200, headers={"Content-Security-Policy": POLICY})


def _page(link: pb.Link) -> str:
    buttons = Markup("").join(BUTTON.format(word=WORDS[item.action], label=item.label) for item in link.choices)
    return str(PAGE.format(language=link.language, title=link.title, text=link.text, buttons=buttons))


def add_links(app: Flask, contracts: Contracts, door: Door) -> None:
    """Add the page."""
    page = LinkPage(door, {each.full_name: each for each in contracts.operations})
    app.add_url_rule(PATH, endpoint="links", view_func=page.show, methods=["GET"])
    app.add_url_rule(PATH, endpoint="links choose", view_func=page.choose, methods=["POST"])
