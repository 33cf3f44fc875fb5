"""The people on duty for the calls of a line at an instant; no part of the rota is read twice."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from accounts import locations, users
from config import dynamodb
from staffing.schedules import on_duty
from staffing.schedules.expansion import Shift
from telephony import ivr
from telephony.lines import ResolvedLine
from telephony.models import LastConversation, OngoingCall, PhonePause, PhoneVerification, caller_key

if TYPE_CHECKING:
    from accounts.models import User


@dataclass
class DutyReader:
    """Reads who is on duty, and what decides whether their phones ring. Not for two threads."""

    line: ResolvedLine
    at: datetime
    caller: str = ""
    """The number of the caller, for actions that ring first who talked with them last."""
    other_keys: Sequence[dynamodb.RecordKey] = ()
    """Of records to read with the phones of the people."""
    records: dynamodb.BatchResult = dynamodb.NOTHING_READ
    """What was read of people and locations."""
    _shifts: dict[str, list[Shift]] = field(default_factory=dict)

    @classmethod
    def of_records(
        cls, line: ResolvedLine, at: datetime, shifts: Mapping[str, Sequence[Shift]], records: dynamodb.BatchResult
    ) -> "DutyReader":
        """A reader that reads nothing more.

        ``shifts``: the current ones by location, as `on_duty.list_current_shifts` has them.
        ``records``: of their people, of those whom the configuration names, and of other locations.
        """
        return cls(line, at, records=records, _shifts={id: list(items) for id, items in shifts.items()})

    def prepare(self, target: Mapping[str, Any]) -> None:
        """Read what `list_staff`, and the candidates of a target, need. Two round trips."""
        duty_target = target.get("onDuty")
        self._read_shifts([self.line.location_id, *(duty_target or {}).get("locations", ())])
        if duty_target is None:
            self.read(map(users.user_key, self._list_staff_ids()))
        else:
            self._read_people(target)

    def list_staff(self, grace: timedelta) -> list[on_duty.OnDuty]:
        """The people on duty at the line's location, then those with a shift that just ended."""
        return self.list_staff_at({self.line.location_id: grace})[self.line.location_id]

    def list_staff_of(self, target: Mapping[str, Any]) -> dict[str, list[on_duty.OnDuty]]:
        """The people on duty whom a ring action may ring, by location, the line's first.

        Who has just gone home is rung for their own location only.
        """
        duty_target = target["onDuty"]
        neighbours = duty_target.get("locations", ())
        self._read_shifts([self.line.location_id, *neighbours])
        self._read_people(target)
        grace = ivr.duty_grace_period(duty_target)
        return self.list_staff_at({self.line.location_id: grace} | dict.fromkeys(neighbours, timedelta(0)))

    def list_staff_at(self, graces: Mapping[str, timedelta]) -> dict[str, list[on_duty.OnDuty]]:
        """The people on duty at locations, but not at neighbours that are not the customer's."""
        self._read_shifts(graces)
        staff_ids = self._list_staff_ids()
        self.read([*map(users.user_key, staff_ids), *self._neighbour_keys(graces)])
        staff = {id: user for id in staff_ids if (user := self._find_user(id))}
        return {
            id: on_duty.build_entries(self._shifts[id], staff, self.at, grace=grace)
            for id, grace in graces.items()
            if id == self.line.location_id or locations.find_location_in(self.records, id, self.line.customer_id)
        }

    def read_phones(self, user_ids: Iterable[str], target: Mapping[str, Any]) -> None:
        """Read what decides whether the phones of people ring, where it was not read before."""
        self.read([*phone_keys(user_ids), *self.conversation_keys(target)])

    def conversation_keys(self, target: Mapping[str, Any]) -> list[dynamodb.RecordKey]:
        """The key of who talked last with the caller, if an action rings them first."""
        if not self.caller or target.get("onDuty", {}).get("first") != "last_spoken":
            return []
        return [dynamodb.RecordKey(LastConversation, caller_key(self.line.location_id, self.caller))]

    def find_named(self, user_ids: Sequence[str]) -> "list[User]":
        """The users of these ids, in this order, whom a ring action names."""
        self.read(map(users.user_key, user_ids))
        return [user for id in user_ids if (user := self._find_user(id))]

    def read(self, keys: Iterable[dynamodb.RecordKey]) -> None:
        """Read records that were not read before; at most one round trip per 100."""
        self.records = dynamodb.batch_get(keys, self.records)

    def _read_shifts(self, location_ids: Iterable[str]) -> None:
        """Read the shifts at locations, of which those of the line's may have ended meanwhile."""
        missing = [id for id in dict.fromkeys(location_ids) if id not in self._shifts]
        graces = dict.fromkeys(missing, timedelta(0))
        if self.line.location_id in graces:
            graces[self.line.location_id] = ivr.longest_grace_period(self.line.configuration)
        if graces:
            self._shifts |= on_duty.list_current_shifts(graces, self.at)

    def _read_people(self, target: Mapping[str, Any]) -> None:
        """Read the people on duty with what decides whether their phones ring, at once."""
        staff_ids = self._list_staff_ids()
        if staff_ids:
            keys = [*map(users.user_key, staff_ids), *self._neighbour_keys(self._shifts), *self.other_keys]
            self.read([*keys, *phone_keys(staff_ids), *self.conversation_keys(target)])

    def _neighbour_keys(self, location_ids: Iterable[str]) -> list[dynamodb.RecordKey]:
        return [locations.location_key(id) for id in location_ids if id != self.line.location_id]

    def _list_staff_ids(self) -> list[str]:
        return list(dict.fromkeys(shift.staff_id for shifts in self._shifts.values() for shift in shifts))

    def _find_user(self, user_id: str) -> Any:
        return users.find_user_in(self.records, user_id, self.line.customer_id)


def phone_keys(user_ids: Iterable[str]) -> list[dynamodb.RecordKey]:
    """The keys of what decides whether the phones of people ring."""
    record_classes = (PhoneVerification, OngoingCall, PhonePause)
    return [dynamodb.RecordKey(record_class, id) for id in user_ids for record_class in record_classes]
