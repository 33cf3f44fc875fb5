"""Revisions of IVR configurations: kept with each change, bounded, restored, erased."""

from typing import Any

import pytest

from accounts import locations
from config import dynamodb, errors, journal
from config.audit import reader
from telephony import ivr_revisions, lines
from telephony.ivr_revisions import MAX_REVISIONS
from telephony.models import IvrRevision, Line
from telephony.numbers import inventory
from tests.support.bulk import put_records
from tests.support.calls import LineFixture, create_line
from tests.support.users import UserFixtures, now, process_outbox

ANY_VERSION = journal.NO_PRECONDITION


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A line that was never changed."""
    return create_line(test_users)


def list_greetings(line: LineFixture) -> list[str]:
    revisions = ivr_revisions.list_revisions(line.location.id, actor=line.test_users.ann.actor)
    return [revision.configuration["greeting"]["say"] for revision in revisions]


def greet(line: LineFixture, text: str) -> dict[str, Any]:
    return line.update_configuration(greeting={"say": text})


def test_each_change_keeps_a_revision_with_who_and_when(line: LineFixture) -> None:
    before = now()
    greet(line, "One.")
    greet(line, "Two.")
    greet(line, "Two.")

    revisions = ivr_revisions.list_revisions(line.location.id, actor=line.test_users.ann.actor)

    assert list_greetings(line) == ["Two.", "One.", "Thank you for calling Harbour Street."]
    assert [int(revision.number) for revision in revisions] == [3, 2, 1]
    assert [revision.saved_by for revision in revisions] == [line.test_users.ann.id] * 2 + [None]
    assert revisions[0].saved_at >= revisions[1].saved_at >= before >= revisions[2].saved_at


def test_an_earlier_revision_is_restored_as_the_newest(line: LineFixture) -> None:
    greet(line, "One.")
    greet(line, "Two.")
    ann = line.test_users.ann

    restored = lines.restore_revision(line.location.id, 2, actor=ann.actor, at=now(), precondition=ANY_VERSION)

    assert (restored.configuration or {})["greeting"] == {"say": "One."}
    assert list_greetings(line)[:3] == ["One.", "Two.", "One."]
    assert line.call().text.count("One.") == 1
    assert [entry.action for entry in reader.iter_stream(ann.id) if entry.seq][-1] == "ivr.restored"
    with pytest.raises(errors.PreconditionFailed):
        lines.restore_revision(
            line.location.id,
            3,
            actor=ann.actor,
            at=now(),
            precondition=journal.Precondition([int(restored.version) - 1]),
        )
    with pytest.raises(errors.NotFound):
        lines.restore_revision(line.location.id, 99, actor=ann.actor, at=now(), precondition=ANY_VERSION)


def test_a_revision_that_names_somebody_who_is_gone_is_refused(line: LineFixture) -> None:
    gone = line.test_users.create_user(name="Soon Gone")
    ring = {"type": "ring", "target": {"users": [gone.id]}}
    line.update_configuration(open=ring)
    greet(line, "Later.")
    revision = ivr_revisions.get_revision(line.location.id, 2, actor=line.test_users.ann.actor)
    revision.configuration["open"]["target"]["users"] = [dynamodb.new_id("usr", now())]
    put_records([revision])

    with pytest.raises(errors.NotFound):
        lines.restore_revision(line.location.id, 2, actor=line.test_users.ann.actor, at=now(), precondition=ANY_VERSION)


def test_old_revisions_are_removed(line: LineFixture) -> None:
    """As if it had been changed often: the versions between were of other tests' time."""
    stored = dynamodb.get_record(Line, line.location.id)
    assert stored is not None
    put_records([stored.with_changes()])
    oldest = IvrRevision(
        location_id=line.location.id,
        number=1,
        customer_id=stored.customer_id,
        configuration=stored.configuration,
        saved_at=now(),
    )
    put_records([oldest])
    stored.version = MAX_REVISIONS
    put_records([stored])

    greet(line, "Fifty-one.")

    revisions = ivr_revisions.list_revisions(line.location.id, actor=line.test_users.ann.actor)
    assert [int(revision.number) for revision in revisions] == [MAX_REVISIONS + 1, MAX_REVISIONS]


def test_revisions_of_others_are_unknown(line: LineFixture) -> None:
    greet(line, "One.")
    foreign = line.test_users.cleo.actor

    assert ivr_revisions.list_revisions(line.location.id, actor=foreign) == []
    with pytest.raises(errors.NotFound):
        ivr_revisions.get_revision(line.location.id, 2, actor=foreign)
    with pytest.raises(errors.DomainError):
        lines.restore_revision(line.location.id, 1, actor=foreign, at=now(), precondition=ANY_VERSION)
    with pytest.raises(errors.Forbidden):
        lines.restore_revision(line.location.id, 1, actor=line.test_users.sam.actor, at=now(), precondition=ANY_VERSION)


def test_a_removed_location_keeps_no_revisions(line: LineFixture) -> None:
    greet(line, "One.")
    ann = line.test_users.ann.actor
    inventory.schedule_release(line.number, actor=ann, at=now())

    locations.delete_location(line.location.id, actor=ann, at=now())
    process_outbox(seconds_ahead=locations.REMOVAL_GRACE.total_seconds() + 1)

    assert dynamodb.get_record(IvrRevision, line.location.id, 2) is None
    assert dynamodb.get_record(IvrRevision, line.location.id, 1) is None
