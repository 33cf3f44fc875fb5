"""What needs attention: each floor says it in panels; ``settings.ATTENTION`` names where."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PanelItem:
    """One thing to look at."""

    text: str
    url: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Panel:
    """Some things of one kind; none is good news."""

    title: str
    items: Sequence[PanelItem]
    empty_text: str
    """What it says when there is nothing."""
    url: str = ""
    on_customer_page: bool = True
    has_more: bool = False
    """Whether there are more than are shown."""
    is_informational: bool = False
    """Whether it only tells how things are, and is nobody's trouble."""
