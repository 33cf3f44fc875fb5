"""``/location/{id}/line-test``."""

from rest_framework.request import Request

from accounts.auth.authentication import actor_of
from config import api, errors
from config.api.messages import Response
from telephony.line_tests import results
from telephony.serializers.line_tests import LineTestView
from telephony.views import examples


class LineTests(api.OperationViewSet):
    """``/location/{id}/line-test``."""

    tag = "IVR"

    @api.operation("getLineTest", "calls:read", errors=(errors.NotFound,))
    @api.returns(LineTestView, examples.LINE_TEST)
    def retrieve(self, request: Request, id: str) -> Response:
        """Get the last test of a location's line.

        Each morning before a line opens, Dutyline simulates a call to it: are the number and its
        webhooks as they should be, would each step ring somebody, can its texts be spoken and its
        audio files be fetched, and does somebody hear of voicemails? Nobody is called. A test that
        failed is repeated every hour.
        """
        return Response(LineTestView(results.get_last_test(id, actor=actor_of(request))).data)
