"""The ways of callers through a configuration."""

from typing import Any

from telephony import ivr

VOICEMAIL = {"type": "voicemail"}
HANGUP = {"type": "hangup"}


def ring(otherwise: Any = None, **duty: Any) -> dict[str, Any]:
    action = {"type": "ring", "target": {"onDuty": duty}}
    return {**action, "otherwise": otherwise} if otherwise else action


def list_ways(opened: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Path, number of ring actions, and end of each way."""
    configuration = {**ivr.default_configuration("x"), "open": opened}
    return [(way.path, len(way.targets), way.ends) for way in ivr.list_ways(configuration)]


def test_without_a_menu_there_is_one_way() -> None:
    say = {"type": "say", "prompt": {"say": "x"}}
    assert list_ways(ring()) == [("open", 1, "voicemail")]
    assert list_ways(ring(HANGUP)) == [("open", 1, "hangup")]
    assert list_ways({**say, "then": ring(ring({"type": "callback"}))}) == [("open", 2, "callback")]
    assert list_ways(ring(say)) == [("open", 1, "hangup")], "after the last text the call ends"
    assert list_ways(say) == []


def test_each_key_that_rings_somebody_is_a_way() -> None:
    inner = {"type": "menu", "prompt": {"say": "x"}, "keys": {"1": ring(HANGUP), "2": VOICEMAIL, "3": ring()}}
    menu = {"type": "menu", "prompt": {"say": "x"}, "keys": {"5": ring(), "4": inner, "6": HANGUP}}
    assert list_ways(menu) == [
        ("open/keys/4/keys/1", 1, "hangup"),
        ("open/keys/4/keys/3", 1, "voicemail"),
        ("open/keys/5", 1, "voicemail"),
    ]
    assert list_ways({**menu, "otherwise": ring()})[0] == ("open/otherwise", 1, "voicemail")


def test_a_menu_after_ringing() -> None:
    """Keys that ring nobody more differ in nothing: what follows without a key is the end."""
    menu = {
        "type": "menu",
        "prompt": {"say": "x"},
        "keys": {"1": ring(), "2": HANGUP},
        "otherwise": {"type": "callback"},
    }
    assert list_ways(ring(menu)) == [("open", 1, "callback"), ("open/otherwise/keys/1", 2, "voicemail")]


def test_no_other_entrance_and_at_most_as_many_as_actions() -> None:
    configuration = {**ivr.default_configuration("x"), "closed": ring()}
    assert [way.path for way in ivr.list_ways(configuration)] == ["open"]
    assert [way.path for way in ivr.list_ways(configuration, "closed")] == ["closed"]
    keys = {key: ring() for key in "0123456789*#"}
    assert len(list_ways({"type": "menu", "prompt": {"say": "x"}, "keys": keys})) == 12
