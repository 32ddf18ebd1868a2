"""Headers that every answer carries, so that a browser does nothing with it that was not meant."""

from __future__ import annotations

from collections.abc import Mapping

API_VERSION = "1"
NOTHING_ALLOWED = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
FILE_POLICY = f"{NOTHING_ALLOWED}; sandbox"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "API-Version": API_VERSION,
}


def security_headers(secure: bool, present: Mapping[str, str]) -> dict[str, str]:
    """Return the headers to add to an answer; what it says itself stays."""
    wanted = {**_ALWAYS, "Content-Security-Policy": NOTHING_ALLOWED, "Cache-Control": "no-store"}
    if secure:
        wanted["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    return {name: value for name, value in wanted.items() if name not in present}
