"""Searching the index: a part of a name, of an e-mail address, or of a phone number in any form."""

from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from config import dynamodb, folding, phone_numbers
from config.dynamodb.pagination import Cursor
from config.search_index.entries import SHARDS, SearchEntry, only_digits

MIN_LENGTH = 2
"""Characters of a term, and of each of its words that counts, except beside longer ones."""
MIN_DIGITS = 3
MAX_WORDS = 8
MAX_ROUNDS = 3
"""Queries of 1 MB, about 6,000 entries, for each partition and page of a search."""
MAX_MATCHES = 400
"""Matches after which a search goes on only when it is asked to."""
_NUMBER_CHARACTERS = frozenset(" +().-/\u00a0\u2010\u2011\u2012\u2013")
_READ = "#key, #text"
_INTERNATIONAL_PREFIXES = ("00", "011")


@dataclass(frozen=True)
class Term:
    """What is searched for: an entry has all the words, or one of the numbers."""

    words: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    """Digits of a phone number, in the forms in which it may be stored."""

    @property
    def is_empty(self) -> bool:
        return not (self.words or self.numbers)

    def matches(self, entry: SearchEntry) -> bool:
        """Whether an entry has the words or a number."""
        has_words = bool(self.words) and all(word in entry.text for word in self.words)
        return has_words or any(number in entry.digits for number in self.numbers)

    def rank(self, text: str) -> tuple[int, str]:
        """The place of a match: whole words first, then beginnings of words, then the rest."""
        words = text.split()
        if self.words and all(word in words for word in self.words):
            return 0, text
        is_beginning = all(any(part.startswith(word) for part in words) for word in self.words)
        return (1 if is_beginning else 2), text


class Match(NamedTuple):
    """An entry that matches."""

    kind: str
    pk: str
    """The key of the record."""
    text: str


_TEXT_OF = itemgetter(2)


@dataclass(frozen=True)
class Matches:
    """What matches, best first, and where a search goes on that is not complete."""

    matches: list[Match]
    next_cursor: Cursor | None = None


def parse_term(text: str) -> Term:
    """What a text searches for; empty if it is too short."""
    words = tuple(dict.fromkeys(folding.fold_text(text).split()))[:MAX_WORDS]
    if not any(len(word) >= MIN_LENGTH for word in words):
        words = ()
    return Term(words, _list_numbers(text))


def _list_numbers(text: str) -> tuple[str, ...]:
    """The digits of a phone number as it is stored, if a text looks like one or a part of one."""
    digits = only_digits(text)
    if len(digits) < MIN_DIGITS or not all(char.isdecimal() or char in _NUMBER_CHARACTERS for char in text):
        return ()
    forms = []
    if (number := phone_numbers.parse_number(text.strip())) is not None:  # with + and country code
        forms.append(only_digits(phone_numbers.to_e164(number)))
    else:
        forms.append(digits)
        forms += [digits.removeprefix(prefix) for prefix in _INTERNATIONAL_PREFIXES if digits.startswith(prefix)]
        forms.append(digits.lstrip("0"))  # a trunk prefix
    return tuple(dict.fromkeys(form for form in forms if len(form) >= MIN_DIGITS))


def find_matches(term: Term, *, kind: str = "", cursor: Cursor | None = None) -> Matches:
    """The entries that match a term, of one kind or all; in at most `MAX_ROUNDS` round trips.

    ``cursor``: where an earlier search ended. Raises `errors.Unavailable`.
    """
    if term.is_empty:
        return Matches([])
    shards = [str(shard) for shard in range(SHARDS)]
    pending: dict[str, Any] = dict.fromkeys(shards) if cursor is None else dict(cursor)
    pending = {shard: start for shard, start in pending.items() if shard in shards}
    matches: list[Match] = []
    for _ in range(MAX_ROUNDS):
        if not pending or len(matches) >= MAX_MATCHES:
            break
        responses = dynamodb.call_together([("Query", _arguments(term, kind, *item)) for item in pending.items()])
        pairs = list(zip(pending, responses, strict=True))
        items = (item for _, response in pairs for item in response["Items"])
        matches += [Match(key[:3], key[4:], item["text"]["S"]) for item in items if (key := item["key"]["S"])]
        pending = {shard: end for shard, response in pairs if (end := response.get("LastEvaluatedKey"))}
    return Matches(_sort(matches, term), pending or None)


def _sort(matches: list[Match], term: Term) -> list[Match]:
    """Best first; of very many only by the beginning of the text, as nobody reads all of them."""
    if len(matches) <= MAX_MATCHES:
        return sorted(matches, key=lambda match: term.rank(match.text))
    beginning = term.words[0] if term.words else ""
    begin, others = list[Match](), list[Match]()
    for match in sorted(matches, key=_TEXT_OF):
        (begin if match[2].startswith(beginning) else others).append(match)
    return begin + others


def _arguments(term: Term, kind: str, shard: str, start: Cursor | None) -> dict[str, Any]:
    values = {":shard": {"S": shard}} | ({":kind": {"S": f"{kind}#"}} if kind else {})
    condition = "#shard = :shard" + (" AND begins_with(#key, :kind)" if kind else "")
    values |= {f":w{number}": {"S": word} for number, word in enumerate(term.words)}
    values |= {f":n{number}": {"S": digits} for number, digits in enumerate(term.numbers)}
    has_words = " AND ".join(f"contains(#text, :w{number})" for number in range(len(term.words)))
    parts = [f"({has_words})"] if has_words else []
    parts += [f"contains(#digits, :n{number})" for number in range(len(term.numbers))]
    arguments = dynamodb.query_arguments(SearchEntry, condition, values)
    filter_expression = " OR ".join(parts)
    names = dynamodb.expression_names(f"{condition} {filter_expression} {_READ}")
    options = {"ProjectionExpression": _READ, **({"ExclusiveStartKey": start} if start else {})}
    return {**arguments, "ExpressionAttributeNames": names, "FilterExpression": filter_expression, **options}
