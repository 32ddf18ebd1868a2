"""Words that one slip of the finger turns into another: a letter too many, missing, wrong, or two in wrong order."""

from functools import lru_cache
from string import ascii_lowercase

from praxis_patients.rules.names import plain

SHORTEST, LONGEST = 4, 20  # letters of the words in which slips are looked for
_PAGE = 0x80


def around(word: str) -> list[str]:
    """Return all words that are one slip away from a plain word, written with its letters and their neighbors."""
    if not SHORTEST <= len(word) <= LONGEST:
        return []
    letters = _letters(frozenset(ord(c) // _PAGE for c in word))
    parts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    found = {head + tail[1:] for head, tail in parts if tail}
    found |= {head + tail[1] + tail[0] + tail[2:] for head, tail in parts if len(tail) > 1}
    found |= {head + letter + tail[1:] for head, tail in parts if tail for letter in letters}
    found |= {head + letter + tail for head, tail in parts for letter in letters}
    return sorted(found - {word})


@lru_cache(maxsize=64)
def _letters(pages: frozenset[int]) -> str:
    """Return the letters of the writing systems that a word is in, as plain words have them."""
    others = (chr(code) for page in pages if page for code in range(page * _PAGE, (page + 1) * _PAGE))
    return (ascii_lowercase if 0 in pages else "") + "".join(c for c in others if c.isalpha() and plain(c) == c)
