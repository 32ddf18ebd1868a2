"""The whole service on one screen: who the practice is, whom it treats, and who answers and pays for them."""

from __future__ import annotations

from pathlib import Path

from praxis.patients.v1 import errors_pb2
from praxis_chassis.service import Service
from praxis_patients import reactions
from praxis_patients.api.alert_service import AlertService
from praxis_patients.api.consent_service import ConsentService
from praxis_patients.api.contact_preferences_service import ContactPreferencesService
from praxis_patients.api.coverage_service import CoverageService
from praxis_patients.api.custom_field_service import CustomFieldService
from praxis_patients.api.directory_service import DirectoryService
from praxis_patients.api.duplicate_candidate_service import DuplicateCandidateService
from praxis_patients.api.household_service import HouseholdService
from praxis_patients.api.measurement_service import MeasurementService
from praxis_patients.api.merge_service import MergeService
from praxis_patients.api.party_service import PartyService
from praxis_patients.api.patient_group_service import PatientGroupService
from praxis_patients.api.patient_service import PatientService
from praxis_patients.api.referral_service import ReferralService
from praxis_patients.api.related_cause_service import RelatedCauseService
from praxis_patients.api.task_service import PatientTaskService
from praxis_patients.store.models import Base
from praxis_patients.usecases import erasure

HERE = Path(__file__).parent

service = Service(
    name="patients",
    package="praxis.patients.v1",
    servicers=[
        DirectoryService(),
        PartyService(),
        ContactPreferencesService(),
        PatientService(),
        PatientTaskService(),
        MeasurementService(),
        ConsentService(),
        CoverageService(),
        RelatedCauseService(),
        MergeService(),
        DuplicateCandidateService(),
        ReferralService(),
        AlertService(),
        PatientGroupService(),
        CustomFieldService(),
        HouseholdService(),
    ],
    metadata=Base.metadata,
    migrations=HERE / "migrations",
    text=HERE / "text",
    errors=errors_pb2.ErrorReason,
    constraints={
        "uq_patient_groups_tenant_id_tag": errors_pb2.ERROR_REASON_PATIENT_GROUP_TAKEN,
        "uq_custom_fields_tenant_id_name": errors_pb2.ERROR_REASON_CUSTOM_FIELD_TAKEN,
        "ex_coverages_rank": errors_pb2.ERROR_REASON_COVERAGE_RANK_TAKEN,
        "pk_patient_references": errors_pb2.ERROR_REASON_EXTERNAL_REFERENCE_TAKEN,
    },
    reactions=reactions,
    erase=erasure.erase_again,
)
