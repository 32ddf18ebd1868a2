"""Which passwords are refused: short ones, and those that everybody tries first."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

SHORTEST = 12
_SMALLEST_ALPHABET = 5
_LOOKALIKES = str.maketrans("013457@$!", "oleastasi")
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv5tgb")


def fault(password: str, common: frozenset[str], own_words: Iterable[str] = ()) -> str | None:
    """Return the text key of what is wrong with a password, or nothing."""
    if len(password) < SHORTEST:
        return "PASSWORD_SHORT"
    text = password.lower()
    if text in common or len(set(text)) < _SMALLEST_ALPHABET or _is_run(text):
        return "PASSWORD_COMMON"
    words = common | {word.lower() for word in own_words if len(word) >= 4}
    return "PASSWORD_COMMON" if _core(text) in words or _made_of(_core(text), words) else None


def _core(text: str) -> str:
    """Return the letters of a password without decoration such as digits at its ends or `0` for `o`."""
    stripped = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)
    return re.sub(r"[\W\d_]+", "", stripped.translate(_LOOKALIKES))


def _made_of(core: str, words: frozenset[str]) -> bool:
    """Tell whether the letters are nothing but one or two known words."""
    splits = range(1, len(core))
    return core == "" or any(core[:at] in words and core[at:] in words for at in splits)


def _is_run(text: str) -> bool:
    """Tell whether most neighbors follow each other on the keyboard, in the alphabet or are the same."""
    pairs = list(itertools.pairwise(text))
    near = sum(one == two or any(one + two in run or two + one in run for run in _RUNS) for one, two in pairs)
    return near >= 0.8 * len(pairs)
