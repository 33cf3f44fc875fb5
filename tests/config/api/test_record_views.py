"""Views show what REST framework's own serializers show."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework import serializers

from accounts import permissions, preferences
from accounts.models import Customer, Location, User
from accounts.serializers.customers_and_locations import CustomerView, LocationView
from accounts.serializers.preferences import SettingsView
from accounts.serializers.users import UserView
from config import dynamodb
from config.api.pagination import page_response
from config.api.record_views import RecordView
from config.dynamodb.pagination import CursorPage
from tests.support import record_items


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


def test_showing_makes_no_fields() -> None:
    """Each is counted in an attribute of their class, and Python looks up all their types again."""
    view, field_class = _declare(RecordView), cast(Any, serializers.Field)
    assert view(_Record()).data
    count = field_class._creation_counter

    page = page_response("a list", CursorPage([_Record()], None), view)
    assert page.data["items"] == [view(_Record()).data]
    assert field_class._creation_counter == count


def test_missing_attribute_is_a_defect() -> None:
    view = type("View", (RecordView,), {"other": serializers.CharField()})

    with pytest.raises(AttributeError, match="other"):
        assert view(_Record()).data


_SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "language": st.sampled_from(["de", None]),
        "time_zone": st.sampled_from(["Europe/Berlin", "US/Eastern", "Nowhere/Zone"]),
        "ringing": st.booleans(),
        "notifications": st.dictionaries(
            st.sampled_from(["email", "push"]), st.dictionaries(st.sampled_from(preferences.EVENTS), st.booleans())
        ),
    },
)
_PERMISSIONS = st.lists(st.sampled_from(sorted(permissions.PERMISSIONS)), max_size=3, unique=True)
_VALUES = {
    "role": st.sampled_from(list(permissions.ROLES)),
    "extra": _PERMISSIONS,
    "denied": _PERMISSIONS,
    "settings": _SETTINGS,
}


@pytest.mark.parametrize(
    ("view_class", "record_class"), [(UserView, User), (LocationView, Location), (CustomerView, Customer)]
)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_views_of_records_show_what_their_declarations_say(
    view_class: type[RecordView[Any]], record_class: type[dynamodb.Record], data: st.DataObject
) -> None:
    values = {name: value for name, value in _VALUES.items() if name in record_class.get_attributes()}
    item = data.draw(record_items.items_of(record_class, is_complete=True, values=values))
    view, record = view_class(), record_class.from_item(item)

    assert view.to_representation(record) == serializers.Serializer.to_representation(view, record)


@settings(max_examples=30, deadline=None)
@given(stored=_SETTINGS)
def test_settings_are_shown_as_declared_with_defaults(stored: dict[str, Any]) -> None:
    view = SettingsView()

    shown = view.to_representation(stored)

    assert shown == serializers.Serializer.to_representation(view, preferences.with_defaults(stored))


def test_views_within_a_view_get_its_context() -> None:
    def show(view: Any, instance: Any) -> str:
        return f"{view.context.get('prefix', '')}{instance.name}"

    inner = type("Inner", (RecordView,), {"label": serializers.SerializerMethodField(), "get_label": show})
    outer = type("Outer", (RecordView,), {"home": inner(), "places": inner(many=True)})
    record = _Record()

    assert outer(record, context={"prefix": "in "}).data == {
        "home": {"label": "in Boston"},
        "places": [{"label": "in Boston"}, {"label": "in Denver"}],
    }
    assert outer(record).data["home"] == {"label": "Boston"}
