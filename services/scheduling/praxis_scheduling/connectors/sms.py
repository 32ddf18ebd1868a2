"""Text messages by a provider with an HTTP interface of the common shape: accounts, messages, signed callbacks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from praxis_scheduling.connectors.sender import (
    Identity,
    Outgoing,
    RefusedError,
    UnknownOutcomeError,
    UnreachableError,
)

ANSWER_SECONDS = 10.0
LARGEST_ANSWER = 1_000_000
OPTED_OUT, NOT_A_MOBILE = 21610, frozenset({21211, 21614})
# The account is not let in, is not known or sends too much: no other text would leave either.
NOBODY_NOW = frozenset({401, 403, 404, 429})


@dataclass(frozen=True)
class Sms:
    """A provider at an address such as `https://api.twilio.com`."""

    url: str
    ca_file: str = ""
    timeout: float = ANSWER_SECONDS

    @contextmanager
    def open(self, identity: Identity) -> Iterator[SmsLine]:
        """Connect."""
        connection = self._connection()
        try:
            connection.connect()
        except OSError:
            raise UnreachableError(everybody=True) from None
        try:
            yield SmsLine(connection, urlsplit(self.url).path.rstrip("/"), identity)
        finally:
            connection.close()

    def find(self, identity: Identity, message: Outgoing, since: datetime) -> list[str] | None:
        """Look through what the provider sent to the number since that day for the same text."""
        with self.open(identity) as line:
            return line.find(message, since)

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=self.ca_file or None)
            return http.client.HTTPSConnection(parts.netloc, timeout=self.timeout, context=context)
        return http.client.HTTPConnection(parts.netloc, timeout=self.timeout)


@dataclass(frozen=True)
class SmsLine:
    """An open connection to the provider."""

    connection: http.client.HTTPConnection
    prefix: str
    identity: Identity

    def hand_over(self, message: Outgoing) -> str:
        """Hand one text over and return the provider's id of it."""
        fields = {"To": message.to, "From": self.identity.address, "Body": message.body}
        if message.status_url:
            fields["StatusCallback"] = message.status_url
        try:
            status, reply = self._call("POST", self._messages, urlencode(fields))
        except (OSError, http.client.HTTPException, ValueError):
            raise UnknownOutcomeError from None
        if status == http.client.CREATED:
            return str(reply["sid"])
        _refuse(status, reply.get("code"))
        raise UnknownOutcomeError

    def find(self, message: Outgoing, since: datetime) -> list[str]:
        """Return the ids of the same texts that the provider took, the newest first."""
        query = urlencode({"To": message.to, "DateSent>": since.strftime("%Y-%m-%d"), "PageSize": 200})
        try:
            status, reply = self._call("GET", f"{self._messages}?{query}", None)
        except (OSError, http.client.HTTPException, ValueError):
            raise UnreachableError(everybody=True) from None
        if status != http.client.OK:
            raise UnreachableError(everybody=True)
        taken: list[Any] = reply["messages"]
        return [str(item["sid"]) for item in taken if (item["to"], item["body"]) == (message.to, message.body)]

    @property
    def _messages(self) -> str:
        return f"{self.prefix}/2010-04-01/Accounts/{self.identity.account}/Messages.json"

    def _call(self, method: str, path: str, body: str | None) -> tuple[int, dict[str, Any]]:
        login = base64.b64encode(f"{self.identity.account}:{self.identity.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        return response.status, dict(json.loads(response.read(LARGEST_ANSWER) or b"{}"))


def _refuse(status: int, code: object) -> None:
    """Raise what a refusal means; a fault of the provider leaves open what became of the text."""
    if status in NOBODY_NOW:
        raise UnreachableError(everybody=True)
    if status < http.client.INTERNAL_SERVER_ERROR:
        raise RefusedError(address=code in NOT_A_MOBILE, opted_out=code == OPTED_OUT)


def signature(secret: str, url: str, fields: Sequence[tuple[str, str]]) -> str:
    """Return the signature of a callback: HMAC-SHA1 over the address and the sorted fields, in base64."""
    signed = url + "".join(f"{name}{value}" for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha1).digest()).decode()
