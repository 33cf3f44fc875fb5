"""The last test of a line, as the API shows it."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.record_views import RecordView
from telephony.line_tests import steps
from telephony.line_tests.results import TestedLine
from telephony.models import LINE_TEST_RESULTS

_RESULTS = list(LINE_TEST_RESULTS)


class LineTestStepView(RecordView[steps.Step]):
    """One step of a test."""

    name = serializers.ChoiceField(choices=list(steps.STEPS), help_text="What was checked.")
    path = serializers.CharField(help_text="Path in the configuration, such as open/keys/1; empty: it has none.")
    result = serializers.ChoiceField(choices=_RESULTS, help_text="What came of it.")
    code = serializers.CharField(help_text="What was found, for clients to compare. Releases may add codes.")
    sentence = serializers.CharField(help_text="What was found, for people, in English.")


class LineTestView(RecordView[TestedLine]):
    """The last test of a line: a simulated call that rings nobody."""

    locationId = serializers.CharField(source="location.id")
    timeZone = serializers.CharField(source="location.time_zone")
    testedAt = serializers.SerializerMethodField()
    simulatedTime = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()
    nextTestAt = serializers.SerializerMethodField()

    def get_testedAt(self, tested: TestedLine) -> datetime | None:  # noqa: N802 - the wire's name
        """When the line was tested; null: not yet, and nothing else is known."""
        return tested.test.tested_at if tested.test else None

    def get_simulatedTime(self, tested: TestedLine) -> datetime | None:  # noqa: N802 - the wire's name
        """When the simulated call arrives, with the offset of the location."""
        return tested.test.simulated_at.astimezone(ZoneInfo(str(tested.location.time_zone))) if tested.test else None

    @extend_schema_field(
        serializers.ChoiceField(
            choices=_RESULTS,
            allow_null=True,
            help_text="failed if a step failed; unknown if a step could not be checked; else ok. null: not tested yet.",
        )
    )
    def get_result(self, tested: TestedLine) -> str | None:
        """What came of all steps."""
        return str(tested.test.result) if tested.test else None

    @extend_schema_field(LineTestStepView(many=True, help_text="The steps in the order of a call."))
    def get_steps(self, tested: TestedLine) -> Any:
        """The steps in the order of a call."""
        return LineTestStepView(steps.read_steps(tested.test.steps) if tested.test else [], many=True).data

    def get_nextTestAt(self, tested: TestedLine) -> datetime | None:  # noqa: N802 - the wire's name
        """When the line is tested next; null: it was not tested yet."""
        return tested.test.due_at if tested.test else None
