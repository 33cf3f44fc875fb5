"""Views show what REST framework's own serializers show."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework import serializers

from config.api.record_views import RecordView


@dataclass
class _Place:
    name: str = "Boston"
    zone: str | None = None


@dataclass
class _Record:
    id: int = 7
    title: str | None = "a title"
    created_at: datetime = datetime(2026, 11, 29, 9, tzinfo=UTC)
    places: list[_Place] = field(default_factory=lambda: [_Place(), _Place("Denver", "America/Denver")])
    home: _Place | None = field(default_factory=_Place)
    settings: dict[str, Any] = field(default_factory=lambda: {"language": "en"})

    def count_places(self) -> int:
        return len(self.places)


def _declare(base: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The same view on one base and on the other."""
    place_view = type(
        "PlaceView",
        (base,),
        {"name": serializers.CharField(), "timeZone": serializers.CharField(source="zone", allow_null=True)},
    )
    preferences = type(
        "SettingsView",
        (base,),
        {"language": serializers.CharField(), "ringing": serializers.BooleanField(required=False)},
    )

    def get_initial(self: Any, record: _Record) -> str:
        return f"{self.context.get('prefix', '')}{(record.title or '?')[0]}"

    return type(
        "View",
        (base,),
        {
            "id": serializers.CharField(),
            "title": serializers.CharField(allow_null=True),
            "secret": serializers.CharField(write_only=True),
            "createdAt": serializers.DateTimeField(source="created_at"),
            "count": serializers.IntegerField(source="count_places"),
            "homeName": serializers.CharField(source="home.name", allow_null=True, default=None),
            "missing": serializers.CharField(required=False),
            "initial": serializers.SerializerMethodField(method_name="get_initial_letter"),
            "home": place_view(allow_null=True),
            "places": place_view(many=True),
            "settings": preferences(),
            "get_initial_letter": get_initial,
        },
    )


@pytest.mark.parametrize("context", [{}, {"prefix": "a context "}])
@pytest.mark.parametrize("record", [_Record(), _Record(title=None, places=[], home=None)])
def test_view_shows_what_the_serializer_shows(record: _Record, context: dict[str, Any]) -> None:
    own, expected = _declare(RecordView), _declare(serializers.Serializer)

    assert own(record, context=context).data == expected(record, context=context).data
    assert own([record] * 2, many=True, context=context).data == expected([record] * 2, many=True, context=context).data


def test_missing_attribute_is_a_defect() -> None:
    view = type("View", (RecordView,), {"other": serializers.CharField()})

    with pytest.raises(AttributeError, match="other"):
        assert view(_Record()).data
