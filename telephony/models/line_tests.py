"""The last test of each line. Written through `config.journal`."""

from config import audit, dynamodb
from config.dynamodb.attributes import Json, Number, Text, Timestamp
from telephony.models.personal_data import LINE_TESTS

LINE_TEST_RESULTS = {
    "ok": "everything works",
    "failed": "callers would not be served as configured",
    "unknown": "it could not be checked",
}


class LineTest(dynamodb.Record):
    """What the last test of the line of a location found: `telephony.line_tests`."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("line-tests")
        ttl = "expires_at"

    location_id = Text(LINE_TESTS, hash_key=True)
    customer_id = Text(LINE_TESTS)
    number = Text(LINE_TESTS)
    """That was tested; the result says nothing about another one."""
    tested_at = Timestamp(LINE_TESTS)
    simulated_at = Timestamp(LINE_TESTS)
    """When the simulated call arrives."""
    result = Text(LINE_TESTS)
    """One of `LINE_TEST_RESULTS`: failed if a step failed, unknown if one could not be checked."""
    steps = Json(LINE_TESTS)
    """See `telephony.line_tests.steps.Step`. Nobody is named."""
    failed_since = Timestamp(LINE_TESTS, null=True)
    """When the first of the tests failed that have failed without a break."""
    due_at = Timestamp(LINE_TESTS)
    """When it is tested next."""
    expires_at = Number(LINE_TESTS)

    @property
    def party(self) -> audit.Party:
        return audit.Party("location", self.location_id, "", self.customer_id, self.customer_id)
