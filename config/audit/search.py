"""Which entries of a stream match a filter by time and action.

Entries are numbered in the order of their commits, and their times follow the numbers but for the
clocks of processes, which differ by less than `MAX_CLOCK_SKEW`. So a few probes find between which
numbers a time lies. Entries so near to an end of the time range that their numbers do not decide
are read; all others in it match by time without being read, and are read only for their action.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from operator import neg

from config import dynamodb, errors
from config.audit.log import AuditEntry, format_instant
from config.audit.reader import read_entries

MAX_CLOCK_SKEW = timedelta(minutes=15)
"""How much the clocks of processes may differ."""
PROBES, MAX_PROBE_ROUNDS = 24, 4
"""Entries that one round reads to find an end of the time range, and rounds."""
FEW_ENTRIES = 128
"""Entries near an end of the time range that are read rather than probed further."""
NEWEST_ENTRIES = 64
"""Entries that a filter by action reads strongly consistently. Older ones never change and are
mostly in every replica, so that half the units do; see `_read_matching_anywhere`."""
MAX_FILTERED_ENTRIES = 10_000
"""Entries that a filter may read."""


class FilterTooBroad(errors.InvalidRequest):
    """The filter would read more entries than allowed."""

    code = "filter_too_broad"


@dataclass(frozen=True)
class EntryFilter:
    """Entries of one action, from ``since`` on, before ``until``; None does not filter."""

    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def matches_all(self) -> bool:
        return self == EntryFilter()


@dataclass(frozen=True)
class MatchingSeqs:
    """The sequence numbers that match, newest first: parts that follow each other.

    A part may be a range of numbers, so that many of them cost nothing.
    """

    parts: tuple[Sequence[int], ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.parts)

    def slice(self, offset: int, limit: int) -> list[int]:
        """Up to ``limit`` numbers after the first ``offset``."""
        seqs: list[int] = []
        for part in self.parts:
            seqs += part[offset : offset + limit - len(seqs)]
            offset = max(0, offset - len(part))
        return seqs

    def count_above(self, seq: int) -> int:
        """How many numbers are above one."""
        return sum(bisect_left(part, -seq, key=neg) for part in self.parts)


@dataclass(frozen=True)
class _Bracket:
    """Between which entries a time lies: up to ``low`` all are before it, from ``high`` on none."""

    at: datetime
    low: int
    high: int

    def list_probes(self) -> list[int]:
        """Numbers evenly between both; none where they are close to each other."""
        count = self.high - self.low
        return [] if count <= FEW_ENTRIES else [self.low + count * n // (PROBES + 1) for n in range(1, PROBES + 1)]

    def narrow(self, seq: int, at: datetime) -> "_Bracket":
        """The bracket after an entry was looked at."""
        if self.at - at > MAX_CLOCK_SKEW:
            return replace(self, low=max(self.low, seq))
        return replace(self, high=min(self.high, seq)) if at - self.at >= MAX_CLOCK_SKEW else self


def find_matching_seqs(stream: str, last: int, entry_filter: EntryFilter) -> MatchingSeqs:
    """The sequence numbers of a stream, whose last is ``last``, that match a filter.

    Raises `FilterTooBroad`.
    """
    first_certain, last_certain, first, last = _find_time_range(stream, last, entry_filter)
    if entry_filter.action:
        last_certain = min(last_certain, last - NEWEST_ENTRIES)
    if first_certain > last_certain:
        newer, certain, older = (first, last), range(0), (1, 0)
    else:
        newer, certain, older = (
            (last_certain + 1, last),
            range(last_certain, first_certain - 1, -1),
            (first, first_certain - 1),
        )
    read_count = sum(max(0, high - low + 1) for low, high in (newer, older))
    if read_count + (len(certain) if entry_filter.action else 0) > MAX_FILTERED_ENTRIES:
        raise FilterTooBroad(
            f"This filter reads more than {MAX_FILTERED_ENTRIES:,} entries; shorten the time range.", pointer="?from"
        )
    read_certain = partial(_read_matching_anywhere, stream, (first_certain, last_certain), entry_filter)
    reads: list[Callable[[], Sequence[int]]] = [
        *([partial(_read_matching, stream, newer, entry_filter)] if newer[0] <= newer[1] else []),
        *([read_certain if entry_filter.action else lambda: certain] if certain else []),
        *([partial(_read_matching, stream, older, entry_filter)] if older[0] <= older[1] else []),
    ]
    return MatchingSeqs(tuple(dynamodb.gather(*reads) if reads else ()))


def _find_time_range(stream: str, last: int, entry_filter: EntryFilter) -> tuple[int, int, int, int]:
    """The first and last number that match by time, and the first and last that may."""
    since = _Bracket(entry_filter.since, 0, last + 1) if entry_filter.since else None
    until = _Bracket(entry_filter.until, 0, last + 1) if entry_filter.until else None
    for _ in range(MAX_PROBE_ROUNDS):
        brackets = [bracket for bracket in (since, until) if bracket]
        probes = sorted({seq for bracket in brackets for seq in bracket.list_probes()})
        if not probes:
            break
        before = since, until
        for entry in read_entries(stream, probes):
            seq, at = int(entry.seq), datetime.fromisoformat(entry.at)
            since, until = since and since.narrow(seq, at), until and until.narrow(seq, at)
        if (since, until) == before:
            break
    first_certain, first = (since.high, since.low + 1) if since else (1, 1)
    last_certain, last = (until.low, until.high - 1) if until else (last, last)
    return first_certain, last_certain, first, last


def _read_matching_anywhere(stream: str, ends: tuple[int, int], entry_filter: EntryFilter) -> list[int]:
    """As `_read_matching`, for half the units if the replica that answers has all entries.

    Numbers have no gaps, so their count shows whether it has. A bulk change writes more entries
    at once than are `NEWEST_ENTRIES`.
    """
    seqs, read_count = _read(stream, ends, entry_filter, consistent=False)
    return seqs if read_count >= ends[1] - ends[0] + 1 else _read_matching(stream, ends, entry_filter)


def _read_matching(stream: str, ends: tuple[int, int], entry_filter: EntryFilter) -> list[int]:
    """The numbers between two, both included, that match, newest first; reads all entries there."""
    return _read(stream, ends, entry_filter, consistent=True)[0]


def _read(stream: str, ends: tuple[int, int], entry_filter: EntryFilter, *, consistent: bool) -> tuple[list[int], int]:
    """The numbers that match, and how many entries were read.

    DynamoDB Local counts the entry at which a page becomes too large twice.
    """
    values = {
        ":stream": {"S": stream},
        ":low": {"N": str(ends[0])},
        ":high": {"N": str(ends[1])},
        ":since": {"S": format_instant(entry_filter.since) if entry_filter.since else "0"},
        ":until": {"S": format_instant(entry_filter.until) if entry_filter.until else "9999"},
    }
    condition = "#stream = :stream AND #seq BETWEEN :low AND :high"
    filter_expression = "#at >= :since AND #at < :until"
    if entry_filter.action:
        filter_expression += " AND #action = :action"
        values[":action"] = {"S": entry_filter.action}
    arguments = dynamodb.query_arguments(AuditEntry, condition, values)
    arguments["ExpressionAttributeNames"] |= dynamodb.expression_names(filter_expression)
    arguments |= {
        "FilterExpression": filter_expression,
        "ProjectionExpression": "#seq",
        "ScanIndexForward": False,
        "ConsistentRead": consistent,
    }
    responses = list(dynamodb.iter_responses("Query", **arguments))
    seqs = [int(item["seq"]["N"]) for response in responses for item in response["Items"]]
    return seqs, sum(response["ScannedCount"] for response in responses)
