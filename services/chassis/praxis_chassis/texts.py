"""Texts for people: one JSON catalog per service and locale, looked up by error reason or template id."""

from __future__ import annotations

import json
import logging
import string
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

from babel.core import Locale, UnknownLocaleError
from babel.numbers import format_currency

from praxis_chassis.types import Money

OWN = Path(__file__).parent / "text"
log = logging.getLogger(__name__)


@cache
def way_to_write(tag: str) -> Locale:
    """Return how money and dates are written in a language, or in English where nobody has told how."""
    for name in (tag.replace("-", "_"), tag.partition("-")[0]):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en", "US")


def money_text(amount: Money, locale: str) -> str:
    """Write money with its currency, as people of a language do."""
    return format_currency(amount.amount, amount.currency, locale=way_to_write(locale))


class _Gaps(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


class Catalog:
    """The texts of a service over those of the chassis; English stands in for what a locale lacks."""

    def __init__(self, folder: Path | None) -> None:
        self.folders = [OWN, *([folder] if folder else [])]

    @cached_property
    def locales(self) -> Mapping[str, Mapping[str, str]]:
        """All texts by locale and key."""
        found: dict[str, dict[str, str]] = {}
        for folder in self.folders:
            for path in sorted(folder.glob("*.json")):
                found.setdefault(path.stem, {}).update(json.loads(path.read_text(encoding="utf-8")))
        return found

    def render(self, locale: str, key: str, arguments: Mapping[str, object]) -> str:
        """Return the text of a key with its arguments; an unknown key is logged and shown as words."""
        for name in (locale, locale.split("-", maxsplit=1)[0], "en"):
            text = self.locales.get(name, {}).get(key)
            if text is not None:
                way = locale if locale.startswith(name) else name
                return string.Formatter().vformat(text, (), _Gaps(_written(arguments, way)))
        log.warning("text is missing", extra={"text_key": key})
        return key.replace("_", " ").capitalize() + "."


def _written(arguments: Mapping[str, object], locale: str) -> dict[str, str]:
    return {
        name: money_text(value, locale) if isinstance(value, Money) else str(value) for name, value in arguments.items()
    }
