"""Telephone numbers in E.164."""

import phonenumbers


def e164(text: str, country_code: str) -> str | None:
    """Return the number in E.164, read the way of the country, or nothing when it is too short or too long for it."""
    try:
        number = phonenumbers.parse(text, country_code)
    except phonenumbers.NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    if number.extension or reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def search_key(number: str) -> str:
    """Return the digits from the last to the first, so that the end of a number is the beginning of a key."""
    return "".join(c for c in reversed(number) if c.isdigit())
