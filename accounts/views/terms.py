"""``/user/accept-terms``, ``/user/terms-status``."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.serializers.terms import TermsAcceptanceBody, TermsView
from accounts.terms import acceptance
from accounts.views import examples
from accounts.views.caller import actor_of, authenticated_user
from config.api.operations import OperationViewSet, operation, read_idempotency_key, utc_now


class Terms(OperationViewSet):
    """Accepting terms, and whether one has to."""

    @operation(
        "self:read",
        operation_id="getTermsStatus",
        tag="Users",
        summary="Do I need to accept terms?",
        description="Whether the signed-in person has accepted the terms in force, and which.",
        responses={200: TermsView},
        example=examples.TERMS,
    )
    def status(self, request: Request) -> Response:
        caller = authenticated_user(request)
        terms_status = acceptance.get_status(caller.user, caller.customer, actor=actor_of(request), at=utc_now())
        return Response(TermsView(terms_status).data)

    @operation(
        "terms:accept",
        operation_id="acceptTerms",
        tag="Users",
        summary="Accept the terms in force",
        description=(
            "Keeps the proof that the signed-in person accepted the terms of service, the provider "
            "terms and the privacy policy: versions, hashes, time, address and browser. Repeating "
            "it changes nothing. Name the version that was shown: if another is in force by now, "
            "nothing is accepted (409)."
        ),
        body=TermsAcceptanceBody,
        body_example={"version": examples.TERMS["currentVersion"], "locale": "en"},
        responses={200: TermsView},
        example={**examples.TERMS, **examples.ACCEPTED},
        error_statuses=(409, 422),
        rate_limit="write",
    )
    def accept(self, request: Request) -> Response:
        caller, actor = authenticated_user(request), actor_of(request)
        terms_status = acceptance.accept_terms(
            caller.user,
            caller.customer,
            actor=actor,
            at=utc_now(),
            idempotency_key=read_idempotency_key(request, actor),
            **TermsAcceptanceBody.parse(request.data),
        )
        return Response(TermsView(terms_status).data)
