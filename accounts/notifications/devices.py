"""Devices: where a person wants to be notified. A push token is one person's, whoever came last."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from pynamodb.expressions.condition import Condition

from accounts import permissions, users
from accounts.clients import expo
from accounts.models import PushToken, PushTokenGuard, User
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.dynamodb import idempotency, optimistic
from config.journal import write_set

MOST = 300
"""Devices that one person may have; one more pushes out the oldest."""
STEP = 20
"""Devices that are forgotten in one transaction."""


class NoToken(errors.Invalid):
    """Not what Expo calls a push token."""

    code = "no_push_token"


def register(
    token: str, *, actor: Actor, at: datetime, once: idempotency.Once | None = None
) -> PushToken:
    """Notify this device of what concerns the actor, and nobody else who had it before.

    Raises `NoToken`, or `errors.Unauthenticated` where the account was closed meanwhile.
    """
    actor.require("push:manage")
    if not expo.is_token(token):
        raise NoToken("It must be like ExponentPushToken[…].", pointer="/token")
    key = _key(token)
    request = [dynamodb.Key(idempotency.Request, once.key)] if once else []

    def decide() -> PushToken:
        found = dynamodb.fetch([*_keys(actor.id, key), *journal.keys([actor.stream]), *request])
        idempotency.check_unseen(once, found, at)
        guard, mine = found.get(PushTokenGuard, key), found.get(PushToken, actor.id, key)
        if guard and mine and guard.user_id == actor.id:
            idempotency.remember(once, actor.id, at, status=200)
            return mine
        made = PushToken(user_id=actor.id, key=key, token=token, registered_at=at)
        former = guard if guard and guard.user_id != actor.id else None
        _keep(made, former, actor=actor, at=at, once=once, found=None if former else found)
        return made

    try:
        return optimistic.repeated(decide)
    except idempotency.Seen:
        return PushToken(user_id=actor.id, key=key, token=token, registered_at=at)


def _keep(
    made: PushToken,
    former: PushTokenGuard | None,
    *,
    actor: Actor,
    at: datetime,
    once: idempotency.Once | None,
    found: dynamodb.Found | None,
) -> None:
    others = of_person(actor.id)
    oldest = min(others, key=lambda device: device.registered_at) if len(others) >= MOST else None
    told = [audit.Change("device", None, _short(made.key))]
    told += [audit.Change("device", _short(oldest.key), None)] if oldest else []
    with journal.write(
        actor=actor,
        action="device.registered",
        subject=_party(actor.id, actor.name),
        at=at,
        customer_id=actor.customer_id,
        changes=told,
        found=found,
    ) as write:
        users.require_open(write, actor.id)
        guard = PushTokenGuard(key=made.key, user_id=actor.id, customer_id=actor.customer_id)
        write.put(guard, only_if=_as_read(former, actor), refusal=optimistic.changed())
        write.put(made)
        if former:
            write.remove(PushToken(former.user_id, made.key))
            _tell_former(write, former)
        if oldest:
            _remove(write, oldest)
        write.answer(once, actor.id, status=200)


def _as_read(former: PushTokenGuard | None, actor: Actor) -> Condition:
    whose = former.user_id if former else actor.id
    same: Condition = PushTokenGuard.user_id == whose
    return same if former else PushTokenGuard.key.does_not_exist() | same


def _tell_former(write: write_set.Write, former: PushTokenGuard) -> None:
    """Tell whose device it was that it is gone, not to whom: that may be another customer's."""
    user = dynamodb.get(User, former.user_id)
    write.also(
        "device.moved_away",
        _party(former.user_id, user.name if user else ""),
        customer_id=former.customer_id,
        changes=[audit.Change("device", _short(former.key), None)],
        author=permissions.system(former.customer_id),
    )


def forget(token: str, *, actor: Actor, at: datetime) -> None:
    """Do not notify this device any more; whose it is not, learns nothing.

    Raises `NoToken`.
    """
    actor.require("push:manage")
    if not expo.is_token(token):
        raise NoToken("It must be like ExponentPushToken[…].", pointer="/token")
    key = _key(token)

    def decide() -> None:
        streams = journal.keys([actor.stream])
        found = dynamodb.fetch([*_keys(actor.id, key), *streams])
        mine = found.get(PushToken, actor.id, key)
        if mine:
            _forget([mine], "device.removed", _party(actor.id, actor.name), actor, at, found)

    optimistic.repeated(decide)


def prune(user: User, seen: Sequence[PushToken], *, at: datetime) -> None:
    """Forget devices that are gone, as Expo says, unless they were registered anew since."""
    for start in range(0, len(seen), STEP):
        some = seen[start : start + STEP]

        def decide(some: Sequence[PushToken] = some) -> None:
            found = dynamodb.fetch(dynamodb.Key(PushToken, user.id, one.key) for one in some)
            there = [(one, found.get(PushToken, user.id, one.key)) for one in some]
            same = [now for was, now in there if now and now.registered_at == was.registered_at]
            if same:
                house = permissions.system(user.customer_id)
                _forget(same, "device.pruned", user.party, house, at, None)

        optimistic.repeated(decide)


def forget_all(user: User, *, actor: audit.Author, at: datetime) -> None:
    """Forget every device of somebody who leaves, in steps that may be repeated."""

    def decide() -> None:
        while left := of_person(user.id)[:STEP]:
            _forget(left, "device.removed", user.party, actor, at, None)

    optimistic.repeated(decide)


def _forget(
    gone: Sequence[PushToken],
    action: str,
    subject: audit.Party,
    author: audit.Author,
    at: datetime,
    found: dynamodb.Found | None,
) -> None:
    with journal.write(
        actor=author,
        action=action,
        subject=subject,
        at=at,
        customer_id=author.customer_id,
        changes=[audit.Change("device", _short(device.key), None) for device in gone],
        found=found,
    ) as write:
        for device in gone:
            _remove(write, device)


def _remove(write: write_set.Write, device: PushToken) -> None:
    as_read = PushToken.registered_at == device.registered_at
    write.remove(device, only_if=as_read, refusal=optimistic.changed())
    owned = PushTokenGuard.user_id == device.user_id
    write.remove(PushTokenGuard(device.key), only_if=owned, refusal=optimistic.changed())


def of_person(user_id: str) -> list[PushToken]:
    """Every device of a person, by key."""
    arguments = dynamodb.key_range(PushToken, "#user_id = :user", {":user": {"S": user_id}})
    pages = dynamodb.pages("Query", **arguments, ConsistentRead=True)
    return [PushToken.read(item) for items in pages for item in items]


def _keys(user_id: str, key: str) -> list[dynamodb.Key]:
    return [dynamodb.Key(PushTokenGuard, key), dynamodb.Key(PushToken, user_id, key)]


def _key(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _short(key: str) -> str:
    """Enough of a key to tell devices apart in the audit; the token itself is a secret."""
    return key[:12]


def _party(user_id: str, name: str) -> audit.Party:
    return audit.Party("user", user_id, name, user_id)
