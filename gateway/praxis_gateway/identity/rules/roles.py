"""The built-in roles, as sets of permission patterns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

OWNER = "owner"
PORTAL = "patient"
_NAMESPACE = uuid5(NAMESPACE_URL, "praxis:role")
_READ_PRACTICE = ("patients.*.read", "scheduling.*.read", "billing.*.read", "claims.*.read", "reporting.*.read")
_REGISTER = (
    "patients.patients.write",
    "patients.parties.write",
    "patients.responsibilities.write",
    "patients.coverages.write",
    "patients.measurements.write",
    "patients.alerts.write",
    "patients.referrals.write",
)
_CALENDAR = (
    "scheduling.appointments.*",
    "scheduling.visits.*",
    "scheduling.calendar_views.*",
    "scheduling.communications.*",
    "scheduling.recalls.*",
    "claims.authorizations.reserve",
)
_COLLEAGUES = ("identity.users.read", "identity.roles.read", "identity.clock.read")


@dataclass(frozen=True)
class BuiltInRole:
    """A role that every practice has."""

    name: str
    title: str
    permissions: tuple[str, ...]

    @property
    def id(self) -> UUID:
        """Return the id, which is the same everywhere."""
        return uuid5(_NAMESPACE, self.name)


BUILT_IN: Mapping[str, BuiltInRole] = {
    role.name: role
    for role in (
        BuiltInRole(OWNER, "Owner", ("*.*.*",)),
        BuiltInRole(
            "practice_admin",
            "Practice administrator",
            ("patients.*.*", "scheduling.*.*", "billing.*.*", "claims.*.*", "reporting.*.*", "identity.*.*"),
        ),
        BuiltInRole(
            "provider",
            "Doctor or veterinarian",
            (
                *_READ_PRACTICE,
                *_COLLEAGUES,
                *_REGISTER,
                *_CALENDAR,
                "scheduling.templates.*",
                "billing.encounters.post",
            ),
        ),
        BuiltInRole(
            "nurse_tech",
            "Nurse or technician",
            (
                "patients.*.read",
                "patients.measurements.write",
                "patients.alerts.write",
                "scheduling.*.read",
                "billing.catalog_items.read",
                "billing.encounters.read",
                "claims.codes.read",
                *_COLLEAGUES,
                *_CALENDAR,
            ),
        ),
        BuiltInRole(
            "front_desk",
            "Front desk",
            (
                *_READ_PRACTICE,
                *_COLLEAGUES,
                *_REGISTER,
                *_CALENDAR,
                "patients.referrers.write",
                "patients.duplicate_candidates.write",
                "claims.authorizations.write",
                "billing.accounts.write",
                "billing.encounters.post",
                "billing.payments.post",
                "billing.payments.allocate",
                "billing.statements.issue",
            ),
        ),
        BuiltInRole(
            "biller",
            "Biller",
            (
                *_READ_PRACTICE,
                *_COLLEAGUES,
                "patients.coverages.write",
                "patients.referrals.write",
                "billing.*.*",
                "claims.*.*",
                "reporting.*.*",
            ),
        ),
        BuiltInRole(
            "claims_specialist",
            "Claims specialist",
            (*_READ_PRACTICE, *_COLLEAGUES, "patients.coverages.write", "patients.referrals.write", "claims.*.*"),
        ),
        BuiltInRole("report_analyst", "Report analyst", ("reporting.*.*", *_COLLEAGUES)),
        BuiltInRole("auditor", "Auditor", ("*.audit.read", "identity.*.read")),
        BuiltInRole(
            "support", "Support", ("identity.*.read", "scheduling.resources.read", "billing.catalog_items.read")
        ),
        BuiltInRole(
            PORTAL,
            "Patient or owner in the portal",
            (
                "patients.patients.read",
                "patients.locations.read",
                "patients.parties.read",
                "patients.parties.write",
                "scheduling.appointment_types.read",
                "scheduling.slots.read",
                "scheduling.appointments.read",
                "scheduling.appointments.write",
            ),
        ),
        BuiltInRole(
            "partner_client",
            "Partner program",
            (*_READ_PRACTICE, *_REGISTER, "scheduling.appointments.*", "claims.authorizations.reserve"),
        ),
    )
}


def by_id(role_id: str) -> BuiltInRole | None:
    """Return the built-in role with this id."""
    return next((role for role in BUILT_IN.values() if str(role.id) == role_id), None)


def patterns(names: Iterable[str], own: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the patterns that roles give, where `own` holds the practice's roles by name."""
    found: set[str] = set()
    for name in names:
        found.update(BUILT_IN[name].permissions if name in BUILT_IN else own.get(name, ()))
    return sorted(found)
