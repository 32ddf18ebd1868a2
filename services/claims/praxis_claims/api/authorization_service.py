"""The RPCs of authorizations and of the units that are kept of them."""

from __future__ import annotations

from sqlalchemy import select

from praxis.claims.v1 import authorization_pb2
from praxis.claims.v1 import authorization_service_pb2 as pb
from praxis_chassis.database import fetch
from praxis_chassis.paging import page
from praxis_chassis.rpc import Call, command, query
from praxis_claims.store.authorizations import Authorization, UnitReservation
from praxis_claims.store.mappings import AUTHORIZATION, UNIT_RESERVATION
from praxis_claims.usecases import authorizations, reservations


class AuthorizationService:
    @query
    def GetAuthorization(self, request: pb.GetAuthorizationRequest, call: Call) -> authorization_pb2.Authorization:
        return AUTHORIZATION.message(fetch(call.session, Authorization, request.id))

    @query
    def ListAuthorizations(self, request: pb.ListAuthorizationsRequest, call: Call) -> pb.ListAuthorizationsResponse:
        found, token = page(call.session, authorizations.listed(request), order=[Authorization.id], request=request)
        return pb.ListAuthorizationsResponse(authorizations=map(AUTHORIZATION.message, found), next_page_token=token)

    @command
    def CreateAuthorization(
        self, request: pb.CreateAuthorizationRequest, call: Call
    ) -> authorization_pb2.Authorization:
        return AUTHORIZATION.message(authorizations.create(call.session, request))

    @command
    def UpdateAuthorization(
        self, request: pb.UpdateAuthorizationRequest, call: Call
    ) -> authorization_pb2.Authorization:
        return AUTHORIZATION.message(authorizations.update(call.session, request))

    @command
    def CloseAuthorization(self, request: pb.CloseAuthorizationRequest, call: Call) -> authorization_pb2.Authorization:
        return AUTHORIZATION.message(authorizations.close(call.session, request))

    @command
    def ReserveUnits(self, request: pb.ReserveUnitsRequest, call: Call) -> pb.ReserveUnitsResponse:
        return _both(*reservations.reserve(call.session, request))

    @command
    def ConfirmReservation(self, request: pb.ConfirmReservationRequest, call: Call) -> pb.ReserveUnitsResponse:
        return _both(*reservations.confirm(call.session, request))

    @command
    def ReleaseReservation(self, request: pb.ReleaseReservationRequest, call: Call) -> pb.ReserveUnitsResponse:
        return _both(*reservations.release(call.session, request))

    @query
    def ListReservations(self, request: pb.ListReservationsRequest, call: Call) -> pb.ListReservationsResponse:
        authorization = fetch(call.session, Authorization, request.authorization_id)
        wanted = select(UnitReservation).where(UnitReservation.authorization_id == authorization.id)
        found, token = page(call.session, wanted, order=[UnitReservation.id], request=request)
        return pb.ListReservationsResponse(
            reservations=map(UNIT_RESERVATION.message, found),
            next_page_token=token,
            patient_id=str(authorization.patient_id),
        )


def _both(reservation: UnitReservation, authorization: Authorization) -> pb.ReserveUnitsResponse:
    return pb.ReserveUnitsResponse(
        reservation=UNIT_RESERVATION.message(reservation), authorization=AUTHORIZATION.message(authorization)
    )
