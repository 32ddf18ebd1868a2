"""Names as they are shown, sorted and compared."""

import unicodedata
from collections.abc import Iterable, Sequence

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})
_LONGEST = 200  # some letters decompose into many; what is kept must fit into an index
SHORTEST_WITHIN = 3  # letters that a part from within a word must have
_MOST_ENDINGS = 30
_APOSTROPHES = str.maketrans("", "", "'’‘`´ʼ")


def plain(text: str) -> str:
    """Return the text without accents, case, apostrophes and punctuation, words parted by one space."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_LETTERS)
    kept = "".join(c if c.isalnum() else " " for c in letters.translate(_APOSTROPHES))
    return " ".join(kept.split())[:_LONGEST].rstrip()


def words(*texts: str) -> frozenset[str]:
    return frozenset(word for text in texts for word in plain(text).split())


def endings(word: str) -> list[str]:
    """Return the word without its beginnings, as far as that still says something: what it is found by from within."""
    return [word[start:] for start in range(1, min(len(word) - SHORTEST_WITHIN, _MOST_ENDINGS) + 1)]


def person_display_name(family: str, given: Sequence[str], prefix: str = "", suffix: str = "") -> str:
    """Return the name in the order in which it is spoken."""
    return " ".join(part.strip() for part in (prefix, *given, family, suffix) if part.strip())


def person_sort_name(family: str, given: Iterable[str]) -> str:
    return plain(f"{family} {' '.join(given)}")
