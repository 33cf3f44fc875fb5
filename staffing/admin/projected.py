"""Records of staffing as Django models."""

from django.db import models

from accounts.admin.projected import Location, User
from config.backoffice.records.models import Projection
from staffing import models as records


class Schedule(Projection, record=records.Schedule):
    """A shift or a series of a person at a location."""

    least_selective_key = "customer_id"

    staff = models.ForeignKey(User, models.DO_NOTHING, db_constraint=False, related_name="+")
    location = models.ForeignKey(Location, models.DO_NOTHING, db_constraint=False, related_name="+")

    def __str__(self) -> str:
        kind = "series" if self.record.is_series else "shift"
        return f"{kind} from {self.record.start[:16].replace('T', ' ')} ({self.record.zone})"


class Template(Projection, record=records.Template):
    """A reusable schedule without a date and a person."""

    location = models.ForeignKey(Location, models.DO_NOTHING, db_constraint=False, related_name="+")
