"""``/call`` and ``/user/phone``."""

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from accounts import permissions
from accounts.auth.authentication import actor_of, authenticated_user
from config import api, daily_limits, errors, local_time
from config.api import csv_tables, pagination, ranges
from config.api.fields import EmptyBody
from config.api.messages import Response
from telephony import phone_pauses, phone_verification
from telephony.calls import recordings
from telephony.calls.history import listing, queries
from telephony.calls.history.call_filter import CallCriteria
from telephony.calls.rota import cover
from telephony.serializers import call_table
from telephony.serializers.calls import (
    BreakBody,
    BreakView,
    CallQuery,
    CallView,
    PhoneVerificationCode,
    PhoneView,
    RecordingQuery,
)
from telephony.views import examples


class Calls(api.OperationViewSet):
    """``/call``."""

    tag = "Calls"

    @api.operation(
        "listCalls", "calls:handle", errors=(errors.NotFound, permissions.ForeignCustomer, local_time.TimeZoneUnknown)
    )
    @api.accepts_query(CallQuery)
    @api.returns_page(CallView, examples.CALL)
    @api.returns_csv(call_table.COLUMNS)
    def list_page(self, request: Request) -> HttpResponse:
        """List the calls of a location or of the customer.

        Newest first, with who was called, why, and the outcome. Of a location; without
        `locationId`, of all locations of the customer that the user has access to, at most 200 in
        a page. `from` and `to` apply to `startedAt`. Calls that called a caller back are left out
        unless `direction` has `out`. Without `calls:read`, users get the calls that rang them,
        could have rung them, or of which they were notified on duty, and those they made. A page
        may hold fewer than `limit` items before the end of the list.

        With `Accept: text/csv`: the same calls as CSV, up to 10,000 if there is no `limit`.
        """
        actor = actor_of(request)
        query = CallQuery.parse_query(request)
        limit, cursor = query.pop("limit", None), query.pop("cursor", None)
        criteria = CallCriteria(**query)
        kind = "calls" if actor.has_permission("calls:read") else "own calls"  # read from two tables
        scope = f"{kind} for {actor.id} {criteria}"
        fetch_page = partial(
            listing.list_calls,
            criteria,
            actor=actor,
            at=datetime.now(UTC),
            customer_zone=authenticated_user(request).customer.settings.get("time_zone"),
        )
        if csv_tables.is_requested(request):
            table = call_table.call_table(actor)
            return csv_tables.table_response(request, table, scope, fetch_page, limit=limit, cursor=cursor)
        page = fetch_page(limit=limit or 1000, cursor=pagination.decode_cursor(scope, cursor))
        return pagination.page_response(scope, page, CallView)


class CallDetail(api.OperationViewSet):
    """``/call/{id}``."""

    tag = "Calls"

    @api.operation("getCall", "calls:handle", permission_for_others="calls:read", errors=(errors.NotFound,))
    @api.returns(CallView, examples.CALL)
    def retrieve(self, request: Request, id: str) -> Response:
        """Get a call.

        Its ETag changes with what happens in the call, so it can be polled.
        """
        call = queries.get_visible_call(id, actor_of(request), datetime.now(UTC))
        return Response(CallView(call.row).data)


class CallRecordings(api.OperationViewSet):
    """``/call/{id}/recording``."""

    tag = "Calls"

    @api.operation("getCallRecording", "calls:handle", permission_for_others="calls:read", errors=(errors.NotFound,))
    @api.accepts_query(RecordingQuery)
    @api.returns_file("audio/wav", ranges=True)
    def download(self, request: Request, id: str) -> HttpResponseBase:
        """Get the recording of a call.

        A WAV file: the voicemail if there is one, otherwise the conversation. 404 until the
        recording is ready. Players may ask for a range of bytes. The call's `heardBy` shows who has
        asked for a recording.
        """
        kind = RecordingQuery.parse_query(request).get("kind")
        audio = recordings.listen(id, kind=kind, actor=actor_of(request), at=datetime.now(UTC))
        return ranges.file_response(request, audio, "audio/wav", disposition=f'inline; filename="{id}.wav"')


class OwnPhone(api.OperationViewSet):
    """``/user/phone``."""

    tag = "Users"

    @api.operation("getPhone", "self:read")
    @api.returns(PhoneView, examples.PHONE)
    def retrieve(self, request: Request) -> Response:
        """Get the signed-in user's phone.

        Whether it is verified, whether calls ring it while the user is on duty, and whether the
        user has a break.
        """
        return Response(
            PhoneView(phone_verification.get_state(authenticated_user(request).user, at=datetime.now(UTC))).data
        )


class PhoneBreaks(api.OperationViewSet):
    """``/user/phone/break``."""

    tag = "Users"

    @api.operation("beginPhoneBreak", "self:update", rate_limit="write")
    @api.accepts(BreakBody, {"minutes": 30})
    @api.returns(BreakView, examples.BREAK)
    def begin(self, request: Request) -> Response:
        """Begin a break from calls, or change its length.

        Until it ends, calls ring the others on duty, and not the signed-in user. It ends by itself,
        not with the shift. Pressing 2 when the phone rings begins a break of 30 minutes, too. It
        is allowed also where nobody else can be called: `aloneAt` says so.
        """
        minutes, at = BreakBody.parse(request.data)["minutes"], datetime.now(UTC)
        user, actor = authenticated_user(request).user, actor_of(request)
        phone_pauses.pause(user, minutes, actor=actor, at=at)
        state = phone_verification.get_state(user, at=at)
        view = {**asdict(state), "alone_at": cover.list_locations_alone(user, at)}
        return Response(BreakView(view).data)

    @api.operation("endPhoneBreak", "self:update", rate_limit="write")
    @api.returns(PhoneView, examples.PHONE)
    def end(self, request: Request) -> Response:
        """End the break of the signed-in user.

        Calls ring the phone again. Without a break, nothing changes.
        """
        user, at = authenticated_user(request).user, datetime.now(UTC)
        phone_pauses.resume(user, actor=actor_of(request), at=at)
        return Response(PhoneView(phone_verification.get_state(user, at=at)).data)


class PhoneVerifications(api.OperationViewSet):
    """``/user/phone/verify``."""

    tag = "Users"

    @api.operation(
        "verifyPhone",
        "self:update",
        rate_limit="costly",
        idempotent=True,
        errors=(phone_verification.NoPhone, phone_verification.PhoneNotCallable, daily_limits.DailyLimitReached),
    )
    @api.accepts(EmptyBody)
    @api.returns(PhoneView, examples.PHONE, status=202)
    def verify(self, request: Request) -> Response:
        """Verify the signed-in user's phone.

        Calls the phone in the user's profile and says a code, unless the phone is already verified.
        Send the code to `POST /user/phone/confirm` within ten minutes. The number of calls per day
        is limited for each user, each customer and each called number (429). Numbers of Dutyline
        itself are not called (409).
        """
        EmptyBody.parse(request.data)
        state = phone_verification.start_verification(
            authenticated_user(request).user,
            actor=actor_of(request),
            at=datetime.now(UTC),
            idempotency_key=api.read_idempotency_key(request),
        )
        return Response(PhoneView(state).data, status=202)


class PhoneConfirmations(api.OperationViewSet):
    """``/user/phone/confirm``."""

    tag = "Users"

    @api.operation(
        "confirmPhone", "self:update", rate_limit="costly", idempotent=True, errors=(phone_verification.WrongCode,)
    )
    @api.accepts(PhoneVerificationCode, {"code": "123456"})
    @api.returns(PhoneView, {**examples.PHONE, "verified": True, "verifiedAt": "2026-11-23T09:00:00Z"})
    def confirm(self, request: Request) -> Response:
        """Confirm the signed-in user's phone.

        Checks the code from the verification call. A code allows five attempts and is valid for ten
        minutes.
        """
        code = PhoneVerificationCode.parse(request.data)["code"]
        state = phone_verification.confirm_code(
            authenticated_user(request).user,
            code,
            actor=actor_of(request),
            at=datetime.now(UTC),
            idempotency_key=api.read_idempotency_key(request),
        )
        return Response(PhoneView(state).data)
