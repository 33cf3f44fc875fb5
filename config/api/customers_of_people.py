"""Which customer a request is for, before anything is read: requests of each share the threads."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

MAX_KNOWN_PEOPLE = 10_000


class CustomersOfPeople:
    """Whose people requests come from, as far as this process has answered them before."""

    def __init__(self) -> None:
        self._customers: OrderedDict[str, str] = OrderedDict()

    def get(self, subject: str | bytes | None) -> str:
        """The customer of the person of a verified token; '' if it is not known."""
        return self._customers.get(subject, "") if isinstance(subject, str) else ""

    def note(self, subject: str | bytes | None, environ: Mapping[str, Any]) -> None:
        """Note the customer that paid for a request of the person (`throttling.set_payer`)."""
        payer = environ.get("dutyline.payer")
        if not payer or not isinstance(subject, str):
            return
        self._customers[subject] = payer[1]
        if len(self._customers) > MAX_KNOWN_PEOPLE:
            self._customers.popitem(last=False)
