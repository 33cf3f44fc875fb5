"""The parts of the form of an IVR configuration: its fields, and the forms of actions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Choices = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Field:
    """One field; ``widget`` names what shows it."""

    name: str
    label: str
    value: str = ""
    widget: str = "text"
    """text, area, number, date, select, check or checks"""
    values: Sequence[str] = ()
    """Of checks: which are checked."""
    choices: Choices = ()
    help: str = ""
    placeholder: str = ""
    error: str = ""
    list_id: str = ""
    is_resubmitting: bool = False
    index: int = 0
    """Tells apart fields of the same name."""
    step: str = ""
    """Where it is, for those who only hear its label: ``When closed › then``."""
    before: str | None = None
    """What it showed at first, if that is sent along as ``<name>-before``."""

    @property
    def id(self) -> str:
        """The id of the element."""
        plain = self.name.replace("*", "star").replace("#", "hash").replace("/", "-").replace(":", "_")
        return f"f-{plain}-{self.index}" if self.index else f"f-{plain}"


@dataclass(frozen=True)
class StepForm:
    """The fields of an action, and the forms of those that may follow."""

    path: str
    title: str
    kind: Field
    fields: Sequence[Field] = ()
    more: Sequence[Field] = ()
    """Fields that are seldom needed."""
    following: "Sequence[StepForm]" = field(default_factory=list)
    new_key: Sequence[Field] = ()
    hints: Sequence[str] = ()

    def iter_fields(self) -> Iterator[Field]:
        """All fields, also of the actions that follow, as they are shown."""
        yield self.kind
        yield from self.fields
        yield from self.more
        for step in self.following:
            yield from step.iter_fields()
        yield from self.new_key

    @property
    def has_error_in_more(self) -> bool:
        """Whether a field that is seldom needed is wrong."""
        return any(item.error for item in self.more)
