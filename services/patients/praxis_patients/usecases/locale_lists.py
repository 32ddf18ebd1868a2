"""The languages and countries that there are, with their names."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from babel.core import Locale

from praxis.patients.v1 import locale_list_pb2
from praxis_chassis.texts import way_to_write
from praxis_patients.rules import names

# What CLDR names beside the languages: none, several, unknown.
_NO_LANGUAGES = frozenset({"mul", "und", "zxx"})
# What CLDR names beside the countries of ISO 3166-1: unions, parts that are only reserved, and codes for tests.
_NO_COUNTRIES = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})
_ENGLISH = Locale("en")


def languages(locale: str) -> list[locale_list_pb2.Language]:
    """Return all languages with their names in a language; English stands in for what CLDR does not translate."""
    return [locale_list_pb2.Language(code=code, title=title) for code, title in _named_languages(way_to_write(locale))]


def countries(locale: str) -> list[locale_list_pb2.Country]:
    """Return all countries with their names in a language."""
    return [locale_list_pb2.Country(code=code, title=title) for code, title in _named_countries(way_to_write(locale))]


@lru_cache(maxsize=32)
def _named_languages(locale: Locale) -> list[tuple[str, str]]:
    english = {code: title for code, title in _texts(_ENGLISH.languages).items() if len(code) in {2, 3}}
    titles = english | _texts(locale.languages)
    return _by_title((code, titles[code]) for code in english.keys() - _NO_LANGUAGES)


@lru_cache(maxsize=32)
def _named_countries(locale: Locale) -> list[tuple[str, str]]:
    english = {code: title for code, title in _texts(_ENGLISH.territories).items() if len(code) == 2}
    titles = english | _texts(locale.territories)
    return _by_title((code, titles[code]) for code in english.keys() - _NO_COUNTRIES)


def _texts(found: Any) -> dict[str, str]:
    """Return the names of what is coded in letters only: no numbers of continents, no languages of a country."""
    return {str(code): str(title) for code, title in found.items() if str(code).isalpha()}


def _by_title(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(found, key=lambda item: (names.plain(item[1]), item[0]))
