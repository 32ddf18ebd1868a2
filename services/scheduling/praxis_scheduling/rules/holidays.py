"""Public holidays by the law of a country and its region."""

from __future__ import annotations

from datetime import date
from functools import lru_cache


@lru_cache(maxsize=256)
def public_holidays(country: str, region: str, year: int, language: str) -> dict[date, str] | None:
    """Return the holidays of a year with their names; nothing is known of a country without a calendar.

    Country and region are codes of ISO 3166. A region without holidays of its own has those of its country; where the
    calendar lacks the language, the names are those that the country itself uses.
    """
    import holidays  # takes as long to load as a whole service's contracts, and most never ask

    try:
        own = holidays.country_holidays(country)
        # Named outright, because a language that the calendar lacks would become that of the machine.
        spoken = [each for each in own.supported_languages if each.partition("_")[0] == language.partition("-")[0]]
        names = next(iter(spoken), own.default_language)
        known = holidays.country_holidays(country, subdiv=region or None, years=year, language=names)
    except NotImplementedError:
        return public_holidays(country, "", year, language) if region else None
    return dict(sorted(known.items()))
