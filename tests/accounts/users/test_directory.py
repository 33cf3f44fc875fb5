"""Finding people: what matches, who is shown to whom, what a page costs; the directory itself."""

import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from accounts import customers, users
from accounts.models import Customer, DirectoryEntry, EmailOwner, User
from accounts.models.users import make_name_key
from accounts.users import directory, directory_upkeep
from config import dynamodb, folding, journal
from config.dev import engines
from tests.support.bulk import put_records
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    create_user_fixtures,
    directory_differences,
    now,
    parse_problem,
    process_outbox,
)

NAMES = (
    *("Zoë Müller", "Zoe\u0308 Decomposed", "Jörg Groß", "İpek Işık", "Søren Łukasz", "Siobhán O’Brien-Smith"),
    *("Ann 👩\u200d⚕\ufe0f Emoji", "100% _Real_ \\ Name", "王小明", "Anne Marie Müller", "#hash\u00a0tag"),
)


@pytest.fixture(scope="module")
def office(env: Environment, web: str) -> UserFixtures:
    """A customer with people of many names in Boston."""
    test_users = create_user_fixtures(env, web)
    for name in NAMES:
        test_users.create_user(name=name)
    return test_users


def find_names(person: SignedInUser, path: str = "/userManagement", **query: Any) -> list[str]:
    """The names on all pages."""
    names: list[str] = []
    for _ in range(500):
        response = person.get(path, params=query)
        assert response.status_code == 200, response.text
        names += [user["name"] for user in response.json()["items"]]
        query["cursor"] = response.json()["nextCursor"]
        if query["cursor"] is None:
            return names
    raise AssertionError("the list does not end")


# --- what matches ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zoe", {"Zoë Müller", "Zoë Decomposed"}),
        ("ZOË", {"Zoë Müller", "Zoë Decomposed"}),
        ("Zoe\u0308", {"Zoë Müller", "Zoë Decomposed"}),
        ("ULLE", {"Zoë Müller", "Anne Marie Müller"}),
        ("müller anne", {"Anne Marie Müller"}),
        ("  muller   zo ", {"Zoë Müller"}),
        ("gross", {"Jörg Groß"}),
        ("GROẞ", {"Jörg Groß"}),
        ("ipek", {"İpek Işık"}),
        ("IŞIK", {"İpek Işık"}),
        ("ışık", {"İpek Işık"}),
        ("soren lukasz", {"Søren Łukasz"}),
        ("o'brien", {"Siobhán O’Brien-Smith"}),
        ("brien-sm", {"Siobhán O’Brien-Smith"}),
        ("siobhan smith", {"Siobhán O’Brien-Smith"}),
        ("👩", {"Ann 👩\u200d⚕\ufe0f Emoji"}),
        ("👩\u200d⚕\ufe0f emoji", {"Ann 👩\u200d⚕\ufe0f Emoji"}),
        ("100%", {"100% _Real_ \\ Name"}),
        ("%real", set()),
        ("_real_", {"100% _Real_ \\ Name"}),
        ("\\", {"100% _Real_ \\ Name"}),
        ("_eal", set()),
        ("小", {"王小明"}),
        ("#hash", {"#hash\u00a0tag"}),
        ("anne müller zoe", set()),
        ("no such person", set()),
        ("a b c d e f g h i j k l m n o p q r s t u v w x y z", set()),
        ('" OR 1=1 --', set()),
        (":v0", set()),
    ],
)
def test_any_part_of_a_name_matches(office: UserFixtures, text: str, expected: set[str]) -> None:
    normalized = {name.replace("Zoe\u0308", "Zoë") for name in expected}
    for person in (office.ann, office.mia):
        names = find_names(person, q=text)
        assert {name.replace("Zoe\u0308", "Zoë") for name in names} == normalized
        assert names == sorted(names, key=str.casefold)


def test_profile_names_and_email_addresses_match(office: UserFixtures) -> None:
    assert office.sam.patch("/user", {"profileName": "Sammy Çelik"}).status_code == 200
    assert find_names(office.ann, q="celik") == [office.sam.user.name]
    assert find_names(office.ann, q="sam.") == [office.sam.user.name]
    assert find_names(office.ann, q=office.sam.user.email.upper()) == [office.sam.user.name]
    assert find_names(office.ann, q="sam celik @cast.example") == [office.sam.user.name]
    assert find_names(office.ann, q="canary-harsammy") == [], "values are compared one by one"


def test_filters_combine(office: UserFixtures) -> None:
    denver_user = office.create_user(
        name="Filter Denver", locations=[office.denver.id], role="manager", skills=["Röntgen", "x"]
    )
    office.create_user(name="Filter Boston", skills=["röntgen assistant"])
    assert office.ann.patch("/userManagement", {"id": denver_user.id, "status": "blocked"}).status_code == 200

    cases: list[tuple[dict[str, str], list[str]]] = [
        ({}, ["Filter Boston", "Filter Denver"]),
        ({"sort": "name"}, ["Filter Boston", "Filter Denver"]),
        ({"sort": "-name"}, ["Filter Denver", "Filter Boston"]),
        ({"role": "manager"}, ["Filter Denver"]),
        ({"status": "invited"}, ["Filter Boston"]),
        ({"status": "blocked", "role": "manager"}, ["Filter Denver"]),
        ({"status": "blocked", "role": "staff"}, []),
        ({"locationId": office.boston.id}, ["Filter Boston"]),
        ({"skill": "rontgen"}, ["Filter Denver"]),
        ({"skill": "RÖNTGEN ASSISTANT"}, ["Filter Boston"]),
        ({"skill": "rontgen", "locationId": office.boston.id}, []),
        ({"role": "", "status": "", "locationId": "", "skill": "", "sort": ""}, ["Filter Boston", "Filter Denver"]),
    ]
    for query, expected in cases:
        assert find_names(office.ann, q="filter", **query) == expected, query
        assert find_names(office.ann, q="filter", limit=1, **query) == expected, query
    everybody = find_names(office.ann)
    assert find_names(office.ann, customerId="", q="") == everybody
    marks = office.ann.get("/userManagement", params={"customerId": office.customer.id, "q": "\u0301"})
    assert marks.status_code == 400, "nothing of it can be displayed"
    assert find_names(office.ann, sort="-name", limit=5) == everybody[::-1]
    works_in_denver = find_names(office.ann, locationId=office.denver.id)
    assert {office.ann.user.name, office.abe.user.name, "Filter Denver"} == set(works_in_denver)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"role": "king"}, 400),
        ({"status": "gone"}, 400),
        ({"sort": "createdAt"}, 400),
        ({"q": "x" * 101}, 400),
        ({"q": "\ufdfa" * 100}, 200),
        ({"q": "x\x00"}, 400),
        ({"skill": "x" * 101}, 400),
        ({"locationId": "x"}, 404),
        ({"locationId": "*"}, 404),
    ],
)
def test_queries_are_checked(office: UserFixtures, query: dict[str, str], status: int) -> None:
    response = office.ann.get("/userManagement", params=query)
    assert response.status_code == status, response.text
    if status != 200:
        assert parse_problem(response)["errors"][0]["pointer"] == f"?{next(iter(query))}"


def test_cursor_is_valid_for_its_own_filters_only(office: UserFixtures) -> None:
    page = office.ann.get("/userManagement", params={"q": "a", "limit": 1}).json()
    for query in ({"q": "b"}, {}, {"q": "a", "role": "staff"}, {"q": "a", "sort": "-name"}):
        response = office.ann.get("/userManagement", params={**query, "cursor": page["nextCursor"]})
        assert response.status_code == 400, response.text


# --- who is shown to whom -------------------------------------------------------------------------
def test_a_restricted_manager_finds_nobody_elsewhere(office: UserFixtures, env: Environment) -> None:
    office.create_user(name="Hidden Denver", locations=[office.denver.id])
    office.create_user(name="Hidden Nowhere", locations=[])
    loner = accept_invitation(env, office.ann.web, office.create_user(name="Loner", role="manager", locations=[]))

    assert find_names(office.mia, q="hidden") == []
    assert find_names(office.ann, q="hidden") == ["Hidden Denver", "Hidden Nowhere"]
    assert "Loner" in find_names(loner)
    assert set(find_names(loner)) == {"Loner", office.ann.user.name, office.abe.user.name}
    for location_id in (office.denver.id, office.hilltop.id, "x"):
        assert office.mia.get("/userManagement", params={"locationId": location_id}).status_code == 403
    assert office.ann.get("/userManagement", params={"locationId": office.hilltop.id}).status_code == 404
    assert office.sam.get("/userManagement", params={"q": "a"}).status_code == 403
    assert find_names(office.cleo, q="a") == [office.cleo.user.name]


def test_all_roles_see_their_colleagues(office: UserFixtures) -> None:
    blocked, denver = (office.create_user(name=f"Colleague {name}") for name in ("Blocked", "Denver"))
    office.create_user(
        name="Colleague Both", locations=[office.boston.id, office.denver.id], skills=["x-ray"], role="manager"
    )
    assert office.ann.patch("/userManagement", {"id": blocked.id, "status": "blocked"}).status_code == 200
    patch = {"id": denver.id, "locations": [office.denver.id]}
    assert office.ann.patch("/userManagement", patch).status_code == 200

    for person in office.users_by_role.values():
        expected = ["Colleague Both"] + (["Colleague Denver"] if "*" in person.user.locations else [])
        assert find_names(person, "/colleague", q="colleague") == expected
    assert find_names(office.cleo, "/colleague", q="colleague") == []

    colleagues = {item["name"]: item for item in office.sam.get("/colleague").json()["items"]}
    assert {office.ann.user.name, office.mia.user.name, office.sam.user.name} <= set(colleagues)
    assert {frozenset(item) for item in colleagues.values()} == {
        frozenset({"id", "name", "profileName", "userSkills", "locations"})
    }
    assert colleagues["Colleague Both"]["userSkills"] == ["x-ray"]
    assert {tuple(item["locations"]) for item in colleagues.values()} == {(office.boston.id,)}
    seen_by_ann = {item["name"]: item for item in office.ann.get("/colleague").json()["items"]}
    assert seen_by_ann["Colleague Both"]["locations"] == sorted([office.boston.id, office.denver.id])
    assert seen_by_ann[office.ann.user.name]["locations"] == ["*"]


def test_the_search_for_colleagues_reveals_no_email_address(office: UserFixtures) -> None:
    for text in ("@", "cast.example", office.mia.user.email, office.sam.user.email):
        assert find_names(office.sam, "/colleague", q=text) == []
    for name in ("role", "status", "skill", "sort", "customerId"):
        assert office.sam.get("/colleague", params={name: "staff"}).status_code == 400
    for location_id in (office.denver.id, office.hilltop.id, "x"):
        assert office.sam.get("/colleague", params={"locationId": location_id}).status_code == 403


# --- the directory itself -------------------------------------------------------------------------
def test_all_changes_of_a_person_change_the_directory(office: UserFixtures, env: Environment) -> None:
    user = office.create_user(name="Path One")
    person = accept_invitation(env, office.ann.web, user)
    changes: list[dict[str, Any]] = [
        {"name": "Path Two", "userSkills": ["a", "b"]},
        {"userRole": "manager", "locations": [office.denver.id, office.boston.id]},
        {"status": "blocked"},
        {"status": "active", "profileName": "Pathy"},
        {"email": f"path.{user.email}"},
        {"email": f"path2.{user.email}", "name": "Path Three"},
    ]
    for change in changes:
        response = office.ann.patch("/userManagement", {"id": user.id, **change})
        assert response.status_code == 200, response.text
        assert directory_differences(office.customer.id) == [], change
    assert find_names(office.ann, q="path2. three") == ["Path Three"]
    assert find_names(office.ann, q="path two") == []
    assert person.patch("/user", {"profileName": None}).status_code in (200, 401)
    process_outbox()
    assert office.ann.delete("/user", {"id": user.id}).status_code == 200
    assert directory_differences(office.customer.id) == []
    assert find_names(office.ann, q="path") == []


def test_an_outdated_entry_shows_nothing(office: UserFixtures) -> None:
    user = users.get_user(office.create_user(name="Fresh Name", locations=[office.denver.id]).id)
    outdated = user.directory_entry()
    outdated.names, outdated.locations, outdated.key = "stale fresh name\n", [office.boston.id], f"stale#{user.id}"
    put_entries([outdated])
    foreign = office.cleo.user.directory_entry()
    foreign.customer_id, foreign.names = office.customer.id, "stale foreign\n"
    put_entries([foreign])

    assert find_names(office.ann, q="stale") == []
    assert find_names(office.mia, q="fresh") == find_names(office.sam, "/colleague", q="fresh") == []
    assert find_names(office.ann, q="resh") == ["Fresh Name"]
    assert directory_upkeep.complete_directory(get_customer(office), at=now()) >= 1
    assert directory_differences(office.customer.id) == []


def put_entries(entries: list[DirectoryEntry]) -> None:
    """Write entries past the journal."""
    for entry in entries:
        dynamodb.call("PutItem", TableName=DirectoryEntry.table_name(), Item=entry.serialize())


def get_customer(test_users: UserFixtures) -> Customer:
    return customers.get_customer(test_users.customer.id)


@pytest.fixture
def incomplete(office: UserFixtures) -> Iterator[UserFixtures]:
    """The customer as it was before there was a directory."""
    remove_directory(office.customer.id)
    yield office
    directory_upkeep.complete_directory(get_customer(office), at=now())


def remove_directory(customer_id: str) -> None:
    condition, values = "#customer_id = :of", {":of": {"S": customer_id}}
    for entry in dynamodb.iter_records(DirectoryEntry, condition, values):
        key = DirectoryEntry.to_dynamodb_key(entry.customer_id, entry.key)
        dynamodb.call("DeleteItem", TableName=DirectoryEntry.table_name(), Key=key)
    dynamodb.call(
        "UpdateItem",
        TableName=Customer.table_name(),
        Key=Customer.to_dynamodb_key(customer_id),
        UpdateExpression="REMOVE directory_version",
    )


def find_ids(
    criteria: directory.Criteria, person: SignedInUser, customer: Customer, limit: int, cursor: Any = None
) -> list[str]:
    """The ids on all pages of a search, without HTTP."""
    page = directory.search(criteria, actor=person.actor, customer=customer, limit=limit, cursor=cursor)
    ids = [str(user.id) for user in page.records]
    return ids + (find_ids(criteria, person, customer, limit, page.next_cursor) if page.next_cursor else [])


def test_searches_agree_with_and_without_a_directory(office: UserFixtures) -> None:
    complete = get_customer(office)
    incomplete = complete.with_changes(directory_version=None)
    texts = ("", "e", "muller", "%", "cast.example", "a b", "\u0301", "#")
    all_criteria = [
        directory.Criteria(text=text, descending=descending, names_only=names_only)
        for text, descending, names_only in product(texts, (False, True), (False, True))
    ]
    all_criteria += [
        directory.Criteria(role="staff", statuses=("invited", "active")),
        directory.Criteria(location_id=office.boston.id),
        directory.Criteria(statuses=("active",), skill="X"),
    ]
    for (number, criteria), person in product(enumerate(all_criteria), (office.ann, office.mia)):
        limit = (5, 1000)[number % 3 == 0]
        ids = find_ids(criteria, person, complete, limit)
        assert ids == find_ids(criteria, person, incomplete, limit), criteria
        assert len(set(ids)) == len(ids)


def test_a_directory_is_completed_by_a_command(incomplete: UserFixtures, env: Environment) -> None:
    everybody = find_names(incomplete.ann)
    first_page = incomplete.ann.get("/userManagement", params={"q": "e", "limit": 2}).json()

    completed = env.run_management_command("directory")

    assert "1 customers checked" in completed.stdout, completed.stderr
    assert "0 customers checked, 0 entries" in env.run_management_command("directory").stdout
    assert directory_differences(incomplete.customer.id) == []
    rest = find_names(incomplete.ann, q="e", limit=2, cursor=first_page["nextCursor"])
    matching = find_names(incomplete.ann, q="e")
    expected = [name for name in everybody if name in matching]
    assert [item["name"] for item in first_page["items"]] + rest == expected, "a list that was begun goes on"


def test_changes_before_the_directory_is_complete_are_right(incomplete: UserFixtures) -> None:
    user = incomplete.create_user(name="Between Old")
    remove_directory(incomplete.customer.id)
    for change in ({"name": "Between New"}, {"phone": "+16175550123"}):
        assert incomplete.ann.patch("/userManagement", {"id": user.id, **change}).status_code == 200
    assert find_names(incomplete.ann, q="between") == ["Between New"]

    customer = get_customer(incomplete)
    assert directory_upkeep.complete_directory(customer, at=now()) > len(NAMES)
    assert directory_upkeep.complete_directory(get_customer(incomplete), at=now()) == 0
    assert directory_differences(incomplete.customer.id) == []
    assert find_names(incomplete.ann, q="between") == ["Between New"]


def test_completion_meets_people_who_change(incomplete: UserFixtures) -> None:
    """Who changes between reading and writing is read again; who leaves is left out."""
    user = users.get_user(incomplete.create_user(name="Race").id)
    stale_user = user.with_changes(version=7)
    with pytest.raises(journal.StaleRecord):
        journal.repair_derived_records([(stale_user, User.version == 7)], missing=[stale_user.directory_entry()])
    assert incomplete.ann.delete("/user", {"id": user.id}).status_code == 200
    directory_upkeep.complete_directory(get_customer(incomplete), at=now())
    assert directory_differences(incomplete.customer.id) == []


def test_completion_removes_several_entries_of_one_person(incomplete: UserFixtures) -> None:
    """A transaction that named the person for each entry was refused, and ended the command."""
    user = users.get_user(incomplete.create_user(name="Twice Renamed").id)
    former = [user.with_changes(name_key=make_name_key(name, user.id)) for name in ("Former Once", "Former Twice")]
    put_records([version.directory_entry() for version in former])
    directory_upkeep.complete_directory(get_customer(incomplete), at=now())
    assert directory_differences(incomplete.customer.id) == []


def test_what_one_customer_has_does_not_stop_the_command(incomplete: UserFixtures, env: Environment) -> None:
    of_nobody = users.get_user(incomplete.create_user(name="Of Nobody").id).directory_entry()
    of_nobody.key, of_nobody.id = "of nobody", ""
    put_records([of_nobody])
    completed = env.run_management_command("directory", "--all")
    assert completed.returncode == 1
    assert "entries repaired" in completed.stdout
    assert incomplete.customer.id in completed.stderr
    assert "Traceback" not in completed.stderr
    key = DirectoryEntry.to_dynamodb_key(of_nobody.customer_id, of_nobody.key)
    dynamodb.call("DeleteItem", TableName=DirectoryEntry.table_name(), Key=key)
    directory_upkeep.complete_directory(get_customer(incomplete), at=now())
    assert directory_differences(incomplete.customer.id) == []


def test_completion_leaves_nothing_of_a_customer_who_is_gone(incomplete: UserFixtures) -> None:
    """The command reads a page of customers at once; one of them may be erased before its turn."""
    gone = get_customer(incomplete).with_changes(id=dynamodb.new_id("cus", now()))
    assert directory_upkeep.complete_directory(gone, at=now()) == 0
    assert dynamodb.get_record(Customer, gone.id) is None


def test_completion_goes_on_beside_a_key_that_is_taken(incomplete: UserFixtures) -> None:
    """Somebody keeps a former key of their address if another has its present one."""
    user = users.get_user(incomplete.create_user(name="Former Key").id)
    former_key = f"former {user.email_key}"
    former = user.with_changes(email_key=former_key)
    other_id = dynamodb.new_id("usr", now())
    for record in (
        former,
        EmailOwner(key=former_key, user_id=user.id),
        EmailOwner(key=user.email_key, user_id=other_id),
    ):
        dynamodb.call("PutItem", TableName=record.table_name(), Item=record.serialize())
    assert directory_upkeep.complete_directory(get_customer(incomplete), at=now()) > 0
    assert users.get_user(user.id).email_key == former_key
    for record in (EmailOwner(key=former_key), EmailOwner(key=user.email_key)):
        key = EmailOwner.to_dynamodb_key(record.key)
        dynamodb.call("DeleteItem", TableName=EmailOwner.table_name(), Key=key)
    for record in (user, EmailOwner(key=user.email_key, user_id=user.id)):
        dynamodb.call("PutItem", TableName=record.table_name(), Item=record.serialize())


# --- what it costs --------------------------------------------------------------------------------
PEOPLE = 10_000
MAX_PAGE_UNITS = 128
"""Of 1 MB, read eventually consistently."""


def people_items(original: User, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Items of people with distinct names, with their tables."""
    given_names = ("Müller", "Åsa", "Giulia", "Bartholomäus", "Ng", "Oluwaseun", "Mary-Jane", "José")
    user_item, entry_item = original.serialize(), original.directory_entry().serialize()
    items = []
    for number in range(count):
        id, name = f"usr_{number:026d}{original.id[-6:]}", f"{given_names[number % 8]} Person {number}"
        changes = {"id": id, "email": f"person{number}@harbour-dental.example"}
        changes["role"] = "manager" if number % 100 == 0 else "staff"
        names = {"name": name, "name_key": f"{name.casefold()}#{id}"}
        folded_names = {"names": f"{folding.fold_text(name)}\n", "key": names["name_key"]}
        for table, item, values in (
            (User.table_name(), user_item, changes | names),
            (DirectoryEntry.table_name(), entry_item, changes | folded_names),
        ):
            items.append((table, {**item, **{key: {"S": value} for key, value in values.items()}}))
    return items


def write_batches(requests: list[tuple[str, dict[str, Any]]]) -> None:
    """Write straight to the tables."""
    for start in range(0, len(requests), 24):
        batch = requests[start : start + 24]
        tables = {table: [request for name, request in batch if name == table] for table, _ in batch}
        dynamodb.call("BatchWriteItem", RequestItems=tables)


@pytest.fixture(scope="module")
def crowd(env: Environment, web: str) -> Iterator[UserFixtures]:
    """A customer with very many people, who are gone afterwards: other tests read whole tables."""
    test_users = create_user_fixtures(env, web)
    items = people_items(test_users.create_user(name="Somebody"), PEOPLE)
    write_batches([(table, {"PutRequest": {"Item": item}}) for table, item in items])
    test_users.ann.get("/user")  # in the first request of a person, a process reads whose customer it is by itself
    yield test_users
    key_names = {User.table_name(): ("id",), DirectoryEntry.table_name(): ("customer_id", "key")}
    keys = [(table, {name: item[name] for name in key_names[table]}) for table, item in items]
    write_batches([(table, {"DeleteRequest": {"Key": key}}) for table, key in keys])


@pytest.fixture(scope="module")
def max_query_units(crowd: UserFixtures) -> float:
    """The most that a Query with a filter may read.

    At AWS, the limit of 1 MB "applies before the filter expression is evaluated" (developer guide,
    filter expressions for Query). DynamoDB Local applies it to what the filter leaves, so it may
    read the whole directory.
    """
    if engines.dynamodb_engine() != "java":
        return MAX_PAGE_UNITS
    arguments = dynamodb.query_arguments(DirectoryEntry, "#customer_id = :of", {":of": {"S": crowd.customer.id}})
    responses = dynamodb.iter_responses("Query", **arguments, ReturnConsumedCapacity="TOTAL")
    return float(sum(response["ConsumedCapacity"]["CapacityUnits"] for response in responses))


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"q": "person 9876"}, 1),
        ({"q": "9876@harbour"}, 1),
        ({"q": "muller"}, PEOPLE // 8),
        ({"q": "SON 99 gosé"}, 0),
        ({"role": "manager", "q": "mul"}, PEOPLE // 200),
        ({"q": "person", "limit": "1000"}, PEOPLE),
    ],
)
def test_a_search_among_many_people_takes_three_round_trips(
    crowd: UserFixtures,
    env: Environment,
    max_query_units: float,
    query: dict[str, str],
    count: int,
    record_figure: Callable[[str], None],
) -> None:
    max_pages = 1_000 if IS_SCALE_RUN else 5
    names: list[str] = []
    pages: list[tuple[int, float, float]] = []
    cursor = None
    while not pages or (cursor and len(pages) < max_pages):
        with env.apply_plan() as fault_plan:
            started_at = time.perf_counter()
            page = crowd.ann.get("/userManagement", params={**query, **({"cursor": cursor} if cursor else {})}).json()
            milliseconds = (time.perf_counter() - started_at) * 1000
        calls = [call for call in fault_plan.calls if call.service == "dynamodb"]
        pages.append((len(calls), sum(call.capacity for call in calls), milliseconds))
        names += [user["name"] for user in page["items"]]
        cursor = page["nextCursor"]
    trips, capacity, milliseconds = (max(column) for column in zip(*pages, strict=True))
    average = sum(page[1] for page in pages) / len(pages)
    record_figure(
        f"{query} among {PEOPLE} people: {len(names)} found on {len(pages)} pages; a page takes at most {trips} round "
        f"trips, {capacity:g} capacity units (average {average:.0f}), {milliseconds:.0f} ms"
    )
    assert trips <= 3
    assert capacity <= max_query_units + 2 + directory.MAX_RESULTS
    assert len(set(names)) == len(names)
    if cursor is None:
        assert len(names) == count
