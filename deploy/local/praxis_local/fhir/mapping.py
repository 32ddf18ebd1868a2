"""Turn a FHIR R4 Patient into a registration of ours; what has no place here stays in the source system."""

from __future__ import annotations

import hashlib
import json
from typing import Any

SSN = "http://hl7.org/fhir/sid/us-ssn"
NAME_USES = {"official": "official", "usual": "usual", "old": "former", "maiden": "former"}
ADDRESS_USES = {"home": "home", "work": "work", "billing": "billing"}
SEXES = {"male": "male", "female": "female", "other": "other", "unknown": "unknown"}
STATES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "District of Columbia": "DC", "Florida": "FL", "Georgia": "GA",
    "Hawaii": "HI", "Idaho": "ID", "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS", "Kentucky": "KY",
    "Louisiana": "LA", "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI", "Minnesota": "MN",
    "Mississippi": "MS", "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV", "New Hampshire": "NH",
    "New Jersey": "NJ", "New Mexico": "NM", "New York": "NY", "North Carolina": "NC", "North Dakota": "ND",
    "Ohio": "OH", "Oklahoma": "OK", "Oregon": "OR", "Pennsylvania": "PA", "Puerto Rico": "PR", "Rhode Island": "RI",
    "South Carolina": "SC", "South Dakota": "SD", "Tennessee": "TN", "Texas": "TX", "Utah": "UT", "Vermont": "VT",
    "Virginia": "VA", "Washington": "WA", "West Virginia": "WV", "Wisconsin": "WI", "Wyoming": "WY",
}  # fmt: skip
# The form of what is read here; elements of a list have the form of the list's name, or are texts.
FORMS: dict[str, dict[str, type]] = {
    "Patient": {
        "id": str, "identifier": list, "name": list, "gender": str, "birthDate": str, "deceasedDateTime": str,
        "telecom": list, "address": list, "communication": list,
    },
    "identifier": {"system": str, "value": str},
    "name": {"use": str, "family": str, "given": list, "prefix": list, "suffix": list},
    "telecom": {"system": str, "value": str, "use": str},
    "address": {"use": str, "line": list, "city": str, "state": str, "postalCode": str, "country": str},
    "communication": {"language": dict},
    "language": {"coding": list},
    "coding": {"code": str},
}  # fmt: skip


class Unmappable(Exception):
    """The resource lacks something that a registration needs, or has it in another form."""


def check_form(element: Any, name: str = "Patient") -> None:
    """Refuse an element whose fields do not have the form that FHIR gives them."""
    _must_be(dict if name in FORMS else str, element, name)
    for field, form in FORMS.get(name, {}).items():
        value = element.get(field, form())
        _must_be(form, value, field)
        for inner in value if form is list else [value] if form is dict else []:
            check_form(inner, field)


def _must_be(form: type, value: Any, name: str) -> None:
    if not isinstance(value, form):
        raise Unmappable(f"`{name}` does not have the form that FHIR R4 gives it. Mend it in the source system.")


def registration(resource: dict[str, Any]) -> dict[str, Any]:
    """Return the body that registers the patient."""
    check_form(resource)
    names = [_name(name) for name in resource.get("name", []) if name.get("family")]
    if not names:
        raise Unmappable("The patient has no family name. Add one in the source system and import it again.")
    official = next((name for name in names if name.get("use") == "official"), names[0])
    profile: dict[str, Any] = {
        "name": official,
        "other_names": [name for name in names if name is not official],
        "sex": SEXES.get(resource.get("gender", ""), "unknown"),
        "addresses": [_address(address) for address in resource.get("address", [])],
        "telecoms": [t for telecom in resource.get("telecom", []) if (t := _telecom(telecom))],
    }
    if born := _whole_day(resource.get("birthDate", "")):
        profile["birth_date"] = born
    if language := _language(resource):
        profile["language"] = language
    if number := _social_security_number(resource):
        profile["government_id"] = number
    return {"human": profile, "external_refs": references(resource)}


def references(resource: dict[str, Any]) -> list[dict[str, str]]:
    """Return the numbers that other systems know the patient by; the government number is none of them."""
    found = [(i.get("system", ""), i.get("value", "")) for i in resource.get("identifier", [])]
    return [{"system": system, "value": value} for system, value in found if system and value and system != SSN]


def deceased_date(resource: dict[str, Any]) -> str:
    """Return the day of death, or an empty string when it is not known to the day."""
    return _whole_day(resource.get("deceasedDateTime", "")[:10])


def _whole_day(text: str) -> str:
    """Return a date that FHIR may have cut to its month or year, or nothing then."""
    return text if len(text) == len("2000-01-01") else ""


def source_id(resource: dict[str, Any]) -> str:
    """Return what the source system calls the patient, in a form that is the same at every import."""
    known = references(resource)
    if known:
        return f"{known[0]['system']}|{known[0]['value']}"
    return resource.get("id") or hashlib.sha256(json.dumps(resource, sort_keys=True).encode()).hexdigest()


def _name(name: dict[str, Any]) -> dict[str, Any]:
    return {
        "use": NAME_USES.get(name.get("use", ""), "usual"),
        "family": name["family"],
        "given": list(name.get("given", [])),
        "prefix": " ".join(name.get("prefix", [])),
        "suffix": " ".join(name.get("suffix", [])),
    }


def _address(address: dict[str, Any]) -> dict[str, Any]:
    state = address.get("state", "")
    country = address.get("country", "US")
    return {
        "use": ADDRESS_USES.get(address.get("use", ""), "home"),
        "lines": list(address.get("line", [])),
        "city": address.get("city", ""),
        "state": STATES.get(state, state),
        "postal_code": address.get("postalCode", ""),
        "country_code": country if len(country) == 2 else "US",
    }


def _telecom(telecom: dict[str, Any]) -> dict[str, Any] | None:
    system = telecom.get("system", "")
    if system == "phone" and telecom.get("use") == "mobile":
        system = "mobile"
    if system not in {"phone", "mobile", "email", "fax"} or not telecom.get("value"):
        return None
    return {"system": system, "value": telecom["value"], "preferred": telecom.get("rank") == 1}


def _language(resource: dict[str, Any]) -> str:
    for communication in resource.get("communication", []):
        for coding in communication.get("language", {}).get("coding", []):
            if coding.get("code"):
                return str(coding["code"])
    return ""


def _social_security_number(resource: dict[str, Any]) -> str:
    values = (i.get("value", "") for i in resource.get("identifier", []) if i.get("system") == SSN)
    return str(next(values, ""))
