"""What needs the attention of operators at a customer and its people; bounded reads for each."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice

from accounts import users
from accounts.models import Customer, DirectoryEntry, User
from accounts.notifications import delivery
from config import daily_limits, dynamodb
from config.board.sources import Findings, Problem, Source

SUSPENDED, EMAIL_FAILED, OLD_INVITATION = "customer-suspended", "email-failed", "invitation-old"
UNUSUAL_VOLUME = "volume"
INVITATION_OLD_AFTER = timedelta(days=3)
"""After which somebody should ask a person whether the invitation has arrived."""
UNSENT_AFTER = timedelta(hours=1)
MAX_INVITED, MAX_FAILED_EMAILS = 100, 50
"""Invited people of a customer, and e-mails that failed, the newest, that are looked at."""
DIRECTORY_PAGES = 3
"""Of 1 MB: some ten thousand people."""


def find_people_problems(customer: Customer, at: datetime) -> Findings:
    """Whether the customer is suspended; if not, whose e-mail or invitation needs attention."""
    if customer.status == "suspended":
        return Findings([Problem(SUSPENDED, "customer", since=customer.updated_at)], {SUSPENDED: 1})
    failed = delivery.list_failed(str(customer.id), MAX_FAILED_EMAILS)
    invited_ids = _list_invited(str(customer.id))
    ids = dict.fromkeys([*(str(email.user_id) for email in failed), *invited_ids])
    people = users.load_users(list(ids), str(customer.id)) if ids else {}
    unreached = delivery.keep_unreached(failed, people)
    sent_at = {str(email.id): email.sent_at for email in failed}
    problems = [
        Problem(EMAIL_FAILED, user_id, {"user": user_id, "email": id}, since=sent_at[id])
        for user_id, id in unreached.items()
    ]
    for id in invited_ids:
        if id in people and id not in unreached and (state := invitation_problem(people[id], at)):
            since = people[id].invitation_sent_at or people[id].created_at
            problems.append(Problem(OLD_INVITATION, id, {"user": id, "state": state}, since=since))
    checked = {SUSPENDED: 1, EMAIL_FAILED: len(ids), OLD_INVITATION: len(invited_ids)}
    return Findings(problems, checked)


def invitation_problem(user: User, at: datetime) -> str:
    """What is wrong with an invitation: expired, unsent or old; empty if nothing is."""
    if user.status != "invited":
        return ""
    if user.address_freed_at or (user.invitation_expires_at and user.invitation_expires_at <= at):
        return "expired"
    if not user.invitation_sent_at:
        return "unsent" if at - user.created_at > UNSENT_AFTER else ""
    return "old" if at - user.invitation_sent_at > INVITATION_OLD_AFTER else ""


def _list_invited(customer_id: str) -> list[str]:
    """The ids of the first invited people of a customer, by name."""
    condition = "#customer_id = :of"
    arguments = dynamodb.query_arguments(DirectoryEntry, condition, {":of": {"S": customer_id}})
    arguments["ExpressionAttributeNames"] = dynamodb.expression_names(f"{condition} #status #id")
    arguments["ExpressionAttributeValues"] |= {":invited": {"S": "invited"}}
    filters = {"FilterExpression": "#status = :invited", "ProjectionExpression": "#id"}
    pages: Iterable[list[dict[str, dict[str, str]]]] = dynamodb.iter_pages("Query", **arguments, **filters)
    ids = [item["id"]["S"] for items in islice(pages, DIRECTORY_PAGES) for item in items]
    return ids[:MAX_INVITED]


def find_unusual_volumes(at: datetime) -> Findings:
    """Customers who used half of a daily limit, and limits that were reached, since yesterday."""
    counts = daily_limits.list_flagged(at)
    problems = []
    for count in counts:
        limit, *_, day = str(count.key).split(" ")
        facts = {"limit": limit, "day": day, "used": int(count.used), "refused": int(count.refused)}
        problems.append(Problem(UNUSUAL_VOLUME, str(count.key), facts, str(count.customer_id)))
    return Findings(problems, {UNUSUAL_VOLUME: 1})


SOURCES = (Source("people", (SUSPENDED, EMAIL_FAILED, OLD_INVITATION), find_people_problems),)
PLATFORM_SOURCES = (Source("volumes", (UNUSUAL_VOLUME,), find_unusual_volumes),)
