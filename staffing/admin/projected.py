"""Records of staffing as Django models."""

from django.db import models

from accounts.admin.projected import Location, User
from config.backoffice import clock
from config.backoffice.records.models import Projection
from staffing import models as records


class Schedule(Projection, record=records.Schedule):
    """A shift or a series of a person at a location."""

    least_selective_key = "customer_id"

    staff = models.ForeignKey(User, models.DO_NOTHING, db_constraint=False, related_name="+")
    location = models.ForeignKey(Location, models.DO_NOTHING, db_constraint=False, related_name="+")

    def __str__(self) -> str:
        kind = "series" if self.record.is_series else "shift"
        start, _ = self.record.zoned_times
        return f"{kind} from {clock.format_day_time(start)} ({self.record.zone})"


class Template(Projection, record=records.Template):
    """A reusable schedule without a date and a person."""

    location = models.ForeignKey(Location, models.DO_NOTHING, db_constraint=False, related_name="+")
