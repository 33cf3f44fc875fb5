"""``/call`` and ``/user/phone``."""

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.views.caller import actor_of, authenticated_user
from config.api import pagination
from config.api.fields import EmptyBody
from config.api.operations import OperationViewSet, operation, read_idempotency_key, utc_now
from telephony import phone_verification
from telephony.calls import queries, recordings
from telephony.serializers.calls import CallPage, CallQuery, PhoneVerificationCode, PhoneView, RecordingQuery
from telephony.views import examples

TAG = "Calls"
USERS_TAG = "Users"


class Calls(OperationViewSet):
    """``/call``."""

    @operation(
        "calls:read",
        operation_id="listCalls",
        tag=TAG,
        summary="Calls to a location",
        description="Newest first: who was rung, why, and what came of it.",
        query=CallQuery,
        responses={200: CallPage},
        example={"items": [examples.CALL], "nextCursor": None},
        error_statuses=(400, 404),
    )
    def list_page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = CallQuery.parse_query(request)
        scope = f"calls for {actor.id} {query['location_id']} {query.get('since')} {query.get('until')}"
        page = queries.list_calls(
            query["location_id"],
            actor=actor,
            at=utc_now(),
            since=query.get("since"),
            until=query.get("until"),
            limit=query.get("limit", 1000),
            start=pagination.decode_cursor(scope, query.get("cursor")),
        )
        return pagination.page_response(scope, page, CallPage)


class CallRecordings(OperationViewSet):
    """``/call/{id}/recording``."""

    @operation(
        "calls:read",
        operation_id="getCallRecording",
        tag=TAG,
        summary="Listen to a call's recording",
        description="The voicemail, else the conversation, as WAV.",
        query=RecordingQuery,
        responses={200: None},
        file_media_type="audio/wav",
        example={},
        error_statuses=(400, 404),
    )
    def download(self, request: Request, id: str) -> HttpResponse:
        kind = RecordingQuery.parse_query(request).get("kind")
        audio = recordings.read_recording(id, kind=kind, actor=actor_of(request), at=utc_now())
        disposition = f'inline; filename="{id}.wav"'
        return HttpResponse(audio, "audio/wav", headers={"Content-Disposition": disposition})


class OwnPhone(OperationViewSet):
    """``/user/phone``."""

    @operation(
        "self:read",
        operation_id="getPhone",
        tag=USERS_TAG,
        summary="One's own phone",
        description="Whether it is verified, and rung while one is on duty.",
        responses={200: PhoneView},
        example=examples.PHONE,
    )
    def retrieve(self, request: Request) -> Response:
        return Response(PhoneView(phone_verification.get_state(authenticated_user(request).user)).data)


class PhoneVerifications(OperationViewSet):
    """``/user/phone/verify``."""

    @operation(
        "self:update",
        operation_id="verifyPhone",
        tag=USERS_TAG,
        summary="Verify one's phone",
        description=(
            "Calls the phone of one's profile and tells a code, which POST /user/phone/confirm "
            "takes within ten minutes. Limited per person and customer and day."
        ),
        body=EmptyBody,
        responses={202: PhoneView},
        example=examples.PHONE,
        error_statuses=(409,),
        rate_limit="costly",
    )
    def verify(self, request: Request) -> Response:
        EmptyBody.parse(request.data)
        actor = actor_of(request)
        state = phone_verification.start_verification(
            authenticated_user(request).user,
            actor=actor,
            at=utc_now(),
            idempotency_key=read_idempotency_key(request, actor),
        )
        return Response(PhoneView(state).data, status=202)


class PhoneConfirmations(OperationViewSet):
    """``/user/phone/confirm``."""

    @operation(
        "self:update",
        operation_id="confirmPhone",
        tag=USERS_TAG,
        summary="Confirm one's phone",
        description="Takes the code that the phone was told; five tries per code.",
        body=PhoneVerificationCode,
        body_example={"code": "123456"},
        responses={200: PhoneView},
        example={**examples.PHONE, "verified": True, "verifiedAt": "2026-11-23T09:00:00Z"},
        rate_limit="costly",
    )
    def confirm(self, request: Request) -> Response:
        code = PhoneVerificationCode.parse(request.data)["code"]
        user = authenticated_user(request).user
        return Response(
            PhoneView(phone_verification.confirm_code(user, code, actor=actor_of(request), at=utc_now())).data
        )
