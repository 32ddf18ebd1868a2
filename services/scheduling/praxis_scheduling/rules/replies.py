"""What people mean by a short answer to a text message, in English and Spanish."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum


class Wish(StrEnum):
    """What somebody wants by an answer."""

    CONFIRM = "confirm"
    CANCEL = "cancel"
    STOP = "stop"
    START = "start"
    HELP = "help"
    UNCLEAR = "unclear"


# The words that carriers require for stopping come first, so that no other reading takes them.
WORDS = {
    Wish.STOP: {"stop", "stopall", "unsubscribe", "end", "quit", "alto", "parar", "baja"},
    Wish.START: {"start", "unstop", "alta", "empezar"},
    Wish.HELP: {"help", "info", "ayuda", "?"},
    Wish.CONFIRM: {"c", "1", "y", "yes", "ok", "okay", "confirm", "confirmed", "si", "confirmar", "confirmo"},
    Wish.CANCEL: {"x", "2", "cancel", "cancelar", "cancelo"},
}


def read(text: str) -> Wish:
    """Read an answer: the whole of it must be one of the words, so that a sentence is left to a person."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    word = re.sub(r"[\s.!,\"'()*-]+", "", plain).casefold()
    return next((wish for wish, words in WORDS.items() if word in words), Wish.UNCLEAR)
