"""The RPCs of the practice, its places and its people."""

from __future__ import annotations

from sqlalchemy import select

from praxis.patients.v1 import directory_service_pb2 as pb
from praxis.patients.v1 import facility_pb2, practice_pb2, practitioner_pb2
from praxis_chassis.database import fetch, uuid_of
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_patients.store.mappings import FACILITY, LOCATION, PRACTICE, PRACTITIONER, REFERRER
from praxis_patients.store.models import Facility, Location, Practice, Practitioner, Referrer
from praxis_patients.usecases import directory, locale_lists, species


class DirectoryService:
    @query
    def GetPractice(self, request: pb.GetPracticeRequest, call: Call) -> practice_pb2.Practice:
        return PRACTICE.message(fetch(call.session, Practice, request.id))

    @query
    def ListPractices(self, request: pb.ListPracticesRequest, call: Call) -> pb.ListPracticesResponse:
        found, token = page(call.session, select(Practice), order=[Practice.name, Practice.id], request=request)
        return pb.ListPracticesResponse(practices=map(PRACTICE.message, found), next_page_token=token)

    @command
    def CreatePractice(self, request: pb.CreatePracticeRequest, call: Call) -> practice_pb2.Practice:
        return PRACTICE.message(directory.create_practice(call.session, request))

    @command
    def UpdatePractice(self, request: pb.UpdatePracticeRequest, call: Call) -> practice_pb2.Practice:
        return PRACTICE.message(directory.update_practice(call.session, request))

    @query
    def GetLocation(self, request: pb.GetLocationRequest, call: Call) -> practice_pb2.Location:
        return LOCATION.message(fetch(call.session, Location, request.id))

    @query
    def ListLocations(self, request: pb.ListLocationsRequest, call: Call) -> pb.ListLocationsResponse:
        wanted = select(Location)
        if request.practice_id:
            wanted = wanted.where(Location.practice_id == uuid_of(request.practice_id, "practice_id"))
        found, token = page(call.session, wanted, order=[Location.name, Location.id], request=request)
        return pb.ListLocationsResponse(locations=map(LOCATION.message, found), next_page_token=token)

    @command
    def CreateLocation(self, request: pb.CreateLocationRequest, call: Call) -> practice_pb2.Location:
        return LOCATION.message(directory.create_location(call.session, request))

    @command
    def UpdateLocation(self, request: pb.UpdateLocationRequest, call: Call) -> practice_pb2.Location:
        return LOCATION.message(directory.update_location(call.session, request))

    @query
    def GetPractitioner(self, request: pb.GetPractitionerRequest, call: Call) -> practitioner_pb2.Practitioner:
        return PRACTITIONER.message(fetch(call.session, Practitioner, request.id))

    @query
    def ListPractitioners(self, request: pb.ListPractitionersRequest, call: Call) -> pb.ListPractitionersResponse:
        wanted = select(Practitioner)
        if request.location_id:
            works_at = uuid_of(request.location_id, "location_id")
            wanted = wanted.where(Practitioner.location_ids.contains([works_at]))
        found, token = page(call.session, wanted, order=[Practitioner.sort_name, Practitioner.id], request=request)
        return pb.ListPractitionersResponse(practitioners=map(PRACTITIONER.message, found), next_page_token=token)

    @command
    def CreatePractitioner(self, request: pb.CreatePractitionerRequest, call: Call) -> practitioner_pb2.Practitioner:
        return PRACTITIONER.message(directory.create_practitioner(call.session, request))

    @command
    def UpdatePractitioner(self, request: pb.UpdatePractitionerRequest, call: Call) -> practitioner_pb2.Practitioner:
        return PRACTITIONER.message(directory.update_practitioner(call.session, request))

    @query
    def GetReferrer(self, request: pb.GetReferrerRequest, call: Call) -> practitioner_pb2.Referrer:
        return REFERRER.message(fetch(call.session, Referrer, request.id))

    @query
    def ListReferrers(self, request: pb.ListReferrersRequest, call: Call) -> pb.ListReferrersResponse:
        found, token = page(call.session, select(Referrer), order=[Referrer.sort_name, Referrer.id], request=request)
        return pb.ListReferrersResponse(referrers=map(REFERRER.message, found), next_page_token=token)

    @command
    def CreateReferrer(self, request: pb.CreateReferrerRequest, call: Call) -> practitioner_pb2.Referrer:
        return REFERRER.message(directory.create_referrer(call.session, request))

    @command
    def UpdateReferrer(self, request: pb.UpdateReferrerRequest, call: Call) -> practitioner_pb2.Referrer:
        return REFERRER.message(directory.update_referrer(call.session, request))

    @query
    def GetFacility(self, request: pb.GetFacilityRequest, call: Call) -> facility_pb2.Facility:
        return FACILITY.message(fetch(call.session, Facility, request.id))

    @query
    def ListFacilities(self, request: pb.ListFacilitiesRequest, call: Call) -> pb.ListFacilitiesResponse:
        wanted = select(Facility)
        if not request.include_inactive:
            wanted = wanted.where(Facility.active)
        found, token = page(call.session, wanted, order=[Facility.name, Facility.id], request=request)
        return pb.ListFacilitiesResponse(facilities=map(FACILITY.message, found), next_page_token=token)

    @command
    def CreateFacility(self, request: pb.CreateFacilityRequest, call: Call) -> facility_pb2.Facility:
        return FACILITY.message(directory.create_facility(call.session, request))

    @command
    def UpdateFacility(self, request: pb.UpdateFacilityRequest, call: Call) -> facility_pb2.Facility:
        return FACILITY.message(directory.update_facility(call.session, request))

    @query
    def ListSpecies(self, request: pb.ListSpeciesRequest, call: Call) -> pb.ListSpeciesResponse:
        return pb.ListSpeciesResponse(species=species.listed(call.context.locale))

    @query
    def ListLanguages(self, request: pb.ListLanguagesRequest, call: Call) -> pb.ListLanguagesResponse:
        return pb.ListLanguagesResponse(languages=locale_lists.languages(call.context.locale))

    @query
    def ListCountries(self, request: pb.ListCountriesRequest, call: Call) -> pb.ListCountriesResponse:
        return pb.ListCountriesResponse(countries=locale_lists.countries(call.context.locale))
