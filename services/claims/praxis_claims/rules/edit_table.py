"""The table of core edits, in the order in which a biller works them off."""

from __future__ import annotations

from praxis_claims.rules import edit_checks as checks
from praxis_claims.rules.edit_checks import when
from praxis_claims.rules.scrubbing import Edit, Predicate, Severity


def block(code: str, condition: Predicate, message: str, fix_hint: str) -> Edit:
    return Edit(code, Severity.BLOCK, message, fix_hint, when(condition))


def warn(code: str, condition: Predicate, message: str, fix_hint: str) -> Edit:
    return Edit(code, Severity.WARN, message, fix_hint, when(condition))


WAITING = (
    Edit(
        "FACTS_MISSING",
        Severity.BLOCK,
        "The {name} of this claim is not known to claims yet.",
        "Wait a moment; if it stays, check that the {name} is filled in, save it again and scrub the claim.",
        checks.missing_facts,
    ),
)

IDENTITY = (
    block(
        "NAME_MISSING",
        checks.name_missing,
        "The {who} has no family name or no given name.",
        "Complete the name of the {who}.",
    ),
    block(
        "NAME_UNWRITABLE",
        checks.name_unwritable,
        "A name of the {who} has no letter that claims can carry.",
        "Write the name of the {who} in Latin letters, as the insurance card does.",
    ),
    warn(
        "NAME_CUT",
        checks.name_cut,
        "A name of the {who} has letters that claims cannot carry, and is sent without them.",
        "Write the name of the {who} in Latin letters, as the insurance card does, or override this warning.",
    ),
    block(
        "BIRTH_DATE_MISSING",
        checks.birth_date_missing,
        "The {who} has no date of birth.",
        "Enter the date of birth of the {who}.",
    ),
    block(
        "SEX_MISSING",
        checks.sex_missing,
        "The sex of the {who} is not said.",
        "Choose the sex of the {who} as the payer knows it, or unknown.",
    ),
    block(
        "ADDRESS_INCOMPLETE",
        checks.address_incomplete,
        "The address of the {who} is not complete.",
        "Enter street, city, state and ZIP code of the {who}.",
    ),
    block(
        "MEMBER_ID_MISSING",
        checks.member_id_missing,
        "The coverage has no member id.",
        "Enter the member id from the insurance card.",
    ),
    block(
        "MEMBER_ID_UNWRITABLE",
        checks.member_id_unwritable,
        "The member id has characters that claims cannot carry, such as * : ^ or ~.",
        "Enter the member id with the letters, digits and hyphens of the insurance card only.",
    ),
    warn(
        "MEMBER_ID_UNUSUAL",
        checks.member_id_unusual,
        "The member id does not look like those of this payer.",
        "Compare the member id with the insurance card, or override this warning.",
    ),
    block(
        "PAYER_NOT_SET_UP",
        checks.payer_ids_missing,
        "The payer has no {name}.",
        "Enter the {name} in the settings of the payer.",
    ),
    block(
        "PAYER_RETIRED",
        checks.payer_retired,
        "The payer takes no new claims.",
        "Choose the payer that follows it in the coverage of the patient.",
    ),
    warn(
        "COVERAGE_INACTIVE",
        checks.coverage_inactive,
        "The coverage does not count on {date}.",
        "Check the dates of the coverage, or bill another coverage.",
    ),
)

PROVIDER = (
    block(
        "NPI_INVALID",
        checks.npi_invalid,
        "The NPI of the {role} is missing or its check digit is wrong.",
        "Correct the NPI of the {role} in the directory.",
    ),
    block(
        "TAXONOMY_MISSING",
        checks.taxonomy_missing,
        "The {role} has no valid taxonomy code.",
        "Enter the taxonomy code of the {role}, such as 207Q00000X.",
    ),
    block(
        "TAX_ID_INVALID",
        checks.tax_id_invalid,
        "The tax id of the billing provider is missing or not nine digits.",
        "Correct the tax id of the practice.",
    ),
    block(
        "BILLING_ADDRESS_INCOMPLETE",
        checks.billing_address_incomplete,
        "The name or the address of the billing provider is not complete.",
        "Enter name, street, city and state of the practice.",
    ),
    block(
        "BILLING_PHONE_MISSING",
        checks.billing_phone_missing,
        "The billing provider has no telephone number.",
        "Enter the telephone number of the practice; files of claims must name a contact.",
    ),
    block(
        "BILLING_ADDRESS_BOX",
        checks.billing_address_is_box,
        "The billing address is a post office box.",
        "Enter the street address of the practice; payers refuse a box here.",
    ),
    block(
        "ZIP_NOT_NINE_DIGITS",
        checks.zip_not_nine_digits,
        "The ZIP code of the {role} does not have nine digits.",
        "Enter the ZIP+4 code of the {role}.",
    ),
)

DATES = (
    block(
        "SERVICE_IN_FUTURE",
        checks.service_in_future,
        "The date of service {date} lies in the future.",
        "Correct the date of service, or wait for it.",
    ),
    block(
        "SERVICE_BEFORE_BIRTH",
        checks.service_before_birth,
        "The date of service {date} lies before the birth.",
        "Correct the date of service or the date of birth.",
    ),
    warn(
        "FILING_OVERDUE",
        checks.filing_overdue,
        "The payer took this claim only until {date}.",
        "Send it with proof of an earlier filing, or override this warning.",
    ),
    Edit(
        "FILING_NEAR",
        Severity.INFO,
        "The payer takes this claim only until {date}.",
        "Send it soon.",
        when(checks.filing_near),
    ),
)

DIAGNOSIS = (
    block(
        "DIAGNOSIS_MISSING",
        checks.diagnosis_missing,
        "The claim has no diagnosis.",
        "Enter at least one diagnosis that explains the services.",
    ),
    block(
        "DIAGNOSES_TOO_MANY",
        checks.diagnoses_too_many,
        "The claim has {count} diagnoses; 12 are allowed.",
        "Remove the diagnoses that no service points to.",
    ),
    block(
        "DIAGNOSIS_UNKNOWN",
        checks.diagnosis_unknown,
        "{code} is not a code of ICD-10-CM {release}.",
        "Look the diagnosis up for the date of service and correct the code.",
    ),
    block(
        "DIAGNOSIS_NOT_BILLABLE",
        checks.diagnosis_not_billable,
        "{code} is not detailed enough for a claim.",
        "Choose one of the codes below {code}.",
    ),
    block(
        "DIAGNOSIS_REPEATED",
        checks.diagnosis_repeated,
        "{code} stands on the claim more than once.",
        "Remove the repetition and correct the pointers.",
    ),
    block(
        "EXTERNAL_CAUSE_FIRST",
        checks.external_cause_first,
        "{code} is an external cause and cannot be the first diagnosis.",
        "Put the injury or condition first and the external cause after it.",
    ),
    Edit(
        "DIAGNOSIS_RELEASE",
        Severity.INFO,
        "No release of ICD-10-CM is loaded for the date of service; {release} was used.",
        "Load the release of that year if the payer asks for its codes.",
        when(checks.diagnosis_outside_release),
    ),
    block(
        "POINTERS_INVALID",
        checks.pointers_invalid,
        "Line {line} does not point to one to four different diagnoses of the claim.",
        "Choose the diagnoses that explain the service of line {line}.",
    ),
)

PROCEDURE = (
    block("LINES_MISSING", checks.lines_missing, "The claim has no services.", "Post charges for the encounter."),
    block(
        "LINES_TOO_MANY", checks.lines_too_many, "The claim has {count} lines; 50 are allowed.", "Split the encounter."
    ),
    block(
        "PROCEDURE_INVALID",
        checks.procedure_invalid,
        "Line {line} has no procedure code of five characters.",
        "Give the catalog item of line {line} its CPT or HCPCS code.",
    ),
    block(
        "CHARGE_NEGATIVE",
        checks.charge_not_positive,
        "The charge of line {line} is negative.",
        "Reverse the charge instead of posting a negative one.",
    ),
    warn(
        "CHARGE_ZERO",
        checks.charge_zero,
        "The charge of line {line} is zero.",
        "Check the fee, or override this warning for a code that only reports.",
    ),
    block(
        "UNITS_INVALID",
        checks.units_invalid,
        "The units of line {line} are not between 0 and 9999.999 with at most three decimals.",
        "Correct the quantity of line {line}.",
    ),
    block(
        "MODIFIERS_INVALID",
        checks.modifiers_invalid,
        "Line {line} has more than four modifiers, a repeated one, or one without two characters.",
        "Correct the modifiers of line {line}.",
    ),
    warn(
        "LINE_REPEATED",
        checks.lines_repeated,
        "Line {line} repeats {code} of line {first}.",
        "Raise the units of line {first}, or add modifier 59 or 76, or override this warning.",
    ),
    block(
        "TOTAL_WRONG",
        checks.total_wrong,
        "The total is not the sum of the lines.",
        "Scrub the claim again so that it is filled from its charges.",
    ),
    block(
        "PLACE_OF_SERVICE_UNKNOWN",
        checks.place_unknown,
        "There is no place of service {code}.",
        "Correct the place of service of the location.",
    ),
)

CORE_EDITS: tuple[Edit, ...] = WAITING + IDENTITY + PROVIDER + DATES + DIAGNOSIS + PROCEDURE
