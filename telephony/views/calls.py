"""``/call`` and ``/user/phone``."""

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.views.caller import actor_of, signed_in
from config.api import pagination
from config.api.fields import Nothing
from config.api.operations import Operations, now, once, operation
from telephony import phone_verification
from telephony.calls import call_record, recordings
from telephony.serializers.calls import CallPage, CallQuery, Code, PhoneView, RecordingQuery
from telephony.views import examples

TAG = "Calls"
PHONE = "Users"


class Calls(Operations):
    """``/call``."""

    @operation(
        "calls:read",
        name="listCalls",
        tag=TAG,
        summary="Calls to a location",
        description="Newest first: who was rung, why, and what came of it.",
        query=CallQuery,
        answers={200: CallPage},
        example={"items": [examples.CALL], "nextCursor": None},
        refuses=(400, 404),
    )
    def page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = CallQuery.of_query(request)
        scope = (
            f"calls for {actor.id} {query['location_id']} {query.get('since')} {query.get('until')}"
        )
        page = call_record.of_location(
            query["location_id"],
            actor=actor,
            at=now(),
            since=query.get("since"),
            until=query.get("until"),
            limit=query.get("limit", 1000),
            start=pagination.start_of(scope, query.get("cursor")),
        )
        return pagination.answer(scope, page, CallPage)


class Recordings(Operations):
    """``/call/{id}/recording``."""

    @operation(
        "calls:read",
        name="getCallRecording",
        tag=TAG,
        summary="Listen to a call's recording",
        description="The voicemail, else the conversation, as WAV.",
        query=RecordingQuery,
        answers={200: None},
        file="audio/wav",
        example={},
        refuses=(400, 404),
    )
    def listen(self, request: Request, id: str) -> HttpResponse:
        kind = RecordingQuery.of_query(request).get("kind")
        sound = recordings.sound(id, kind=kind, actor=actor_of(request), at=now())
        disposition = f'inline; filename="{id}.wav"'
        return HttpResponse(sound, "audio/wav", headers={"Content-Disposition": disposition})


class OwnPhone(Operations):
    """``/user/phone``."""

    @operation(
        "self:read",
        name="getPhone",
        tag=PHONE,
        summary="One's own phone",
        description="Whether it is verified, and rung while one is on duty.",
        answers={200: PhoneView},
        example=examples.PHONE,
    )
    def retrieve(self, request: Request) -> Response:
        return Response(PhoneView(phone_verification.state(signed_in(request).user)).data)


class PhoneChecks(Operations):
    """``/user/phone/verify``."""

    @operation(
        "self:update",
        name="verifyPhone",
        tag=PHONE,
        summary="Verify one's phone",
        description=(
            "Calls the phone of one's profile and tells a code, which POST /user/phone/confirm "
            "takes within ten minutes. Limited per person and customer and day."
        ),
        body=Nothing,
        answers={202: PhoneView},
        example=examples.PHONE,
        refuses=(409,),
        cost="costly",
    )
    def ask(self, request: Request) -> Response:
        Nothing.of(request.data)
        actor = actor_of(request)
        state = phone_verification.ask(
            signed_in(request).user, actor=actor, at=now(), once=once(request, actor)
        )
        return Response(PhoneView(state).data, status=202)


class PhoneConfirmations(Operations):
    """``/user/phone/confirm``."""

    @operation(
        "self:update",
        name="confirmPhone",
        tag=PHONE,
        summary="Confirm one's phone",
        description="Takes the code that the phone was told; five tries per code.",
        body=Code,
        body_example={"code": "123456"},
        answers={200: PhoneView},
        example={**examples.PHONE, "verified": True, "verifiedAt": "2026-11-23T09:00:00Z"},
        cost="costly",
    )
    def confirm(self, request: Request) -> Response:
        code = Code.of(request.data)["code"]
        user = signed_in(request).user
        return Response(
            PhoneView(
                phone_verification.confirm(user, code, actor=actor_of(request), at=now())
            ).data
        )
