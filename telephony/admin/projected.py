"""Records of telephony as Django models."""

from zoneinfo import ZoneInfo

from django.db import models

from accounts.admin.projected import to_choices
from config import phone_numbers
from config.backoffice import clock
from config.backoffice.records.models import Projection
from telephony import models as records
from telephony.calls.state.call_record import CallRecord


class PhoneNumber(Projection, record=records.PhoneNumber):
    """A number of a location."""

    status = models.CharField(max_length=20, choices=to_choices(*records.NUMBER_STATUSES))

    def __str__(self) -> str:
        return phone_numbers.to_readable(str(self.record.number))


class Line(Projection, record=records.Line):
    """The IVR configuration of a location."""

    class Meta:
        verbose_name = "IVR configuration"

    def __str__(self) -> str:
        name = getattr(self, "location_name", None) or phone_numbers.to_readable(str(self.record.number or ""))
        return f"IVR configuration of {name}" if name else "IVR configuration"


class Call(Projection, record=records.Call):
    """A call to a location."""

    outcome = models.CharField(max_length=20, choices=to_choices(*records.CALL_OUTCOMES))

    def __str__(self) -> str:
        line = CallRecord(self.record).line
        local = self.record.started_at.astimezone(ZoneInfo(line.time_zone))
        name = line.location_name or phone_numbers.to_readable(str(self.record.number))
        return f"call to {name}, {clock.format_day_time(local)} {local:%Z}"


class Callback(Projection, record=records.Callback):
    """A caller who is to be called back."""

    least_selective_key = "customer_id"

    status = models.CharField(max_length=20, choices=to_choices(*records.CALLBACK_STATUSES))

    class Meta:
        verbose_name = "call-back"

    def __str__(self) -> str:
        return f"call-back to {phone_numbers.to_readable(str(self.record.caller)) or 'a withheld number'}"


class BlockedCaller(Projection, record=records.BlockedCaller):
    """A caller whose calls are rejected."""

    def __str__(self) -> str:
        return phone_numbers.to_readable(str(self.record.number))


class NumberProfile(Projection, record=records.NumberProfile):
    """What a customer needs to buy numbers in a country."""

    def __str__(self) -> str:
        return f"numbers in {self.record.country}"


class Orphan(Projection, record=records.Orphan):
    """A number at Twilio without a record here."""

    may_scan = True

    class Meta:
        verbose_name = "unassigned number"

    def __str__(self) -> str:
        return phone_numbers.to_readable(str(self.record.number))
