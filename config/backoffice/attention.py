"""What needs attention: each floor says it in panels; ``settings.ATTENTION`` names where."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One thing to look at."""

    text: str
    url: str = ""
    about: str = ""


@dataclass(frozen=True)
class Panel:
    """Some things of one kind; none is good news."""

    title: str
    items: Sequence[Item]
    fine: str
    """What it says when there is nothing."""
    url: str = ""
    of_customer: bool = True
    more: bool = False
    """Whether there are more than are shown."""
    is_news: bool = False
    """Whether it only tells how things are, and is nobody's trouble."""
