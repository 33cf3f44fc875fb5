"""``/user/accept-terms``, ``/user/terms-status``."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.serializers.terms import Acceptance, TermsView
from accounts.terms import acceptance
from accounts.views import examples
from accounts.views.caller import actor_of, signed_in
from config.api.operations import Operations, now, once, operation


class Terms(Operations):
    """Accepting terms, and whether one has to."""

    @operation(
        "self:read",
        name="getTermsStatus",
        tag="Users",
        summary="Do I need to accept terms?",
        description="Whether the signed-in person has accepted the terms in force, and which.",
        answers={200: TermsView},
        example=examples.TERMS,
    )
    def status(self, request: Request) -> Response:
        caller = signed_in(request)
        found = acceptance.status(caller.user, caller.customer, actor=actor_of(request), at=now())
        return Response(TermsView(found).data)

    @operation(
        "terms:accept",
        name="acceptTerms",
        tag="Users",
        summary="Accept the terms in force",
        description=(
            "Keeps the proof that the signed-in person accepted the terms of service, the provider "
            "terms and the privacy policy: versions, hashes, time, address and browser. Repeating "
            "it changes nothing. Name the version that was shown: if another is in force by now, "
            "nothing is accepted (409)."
        ),
        body=Acceptance,
        body_example={"version": examples.TERMS["currentVersion"], "locale": "en"},
        answers={200: TermsView},
        example={**examples.TERMS, **examples.ACCEPTED},
        refuses=(409, 422),
        cost="write",
    )
    def accept(self, request: Request) -> Response:
        caller, actor = signed_in(request), actor_of(request)
        found = acceptance.accept(
            caller.user,
            caller.customer,
            actor=actor,
            at=now(),
            once=once(request, actor),
            **Acceptance.of(request.data),
        )
        return Response(TermsView(found).data)
