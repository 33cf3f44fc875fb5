"""Data keys: replaced under load, resumed after a crash, and refused at start if they are wrong."""

import base64
import hmac
import itertools
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from accounts.terms import acceptance
from accounts.users import delete
from config import audit, dynamodb
from config.dev import services
from config.dynamodb import data_keys, key_checks
from config.settings.base import LOCAL_DATA_KEY
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, now

NEW_KEY = base64.b64encode(os.urandom(32)).decode()
OLD, NEW = f"legacy:{LOCAL_DATA_KEY}", f"k2:{NEW_KEY}"
OLD_FIRST, NEW_FIRST, NEW_ONLY = f"{OLD},{NEW}", f"{NEW},{OLD}", NEW


@pytest.fixture
def use_keys() -> Iterator[Callable[..., None]]:
    """Sets the data keys of this process."""
    before = settings.DATA_KEYS

    def use(**keys: bytes) -> None:
        settings.DATA_KEYS = keys
        data_keys.derive.cache_clear()

    yield use
    use(**before)


def test_values_name_their_key_and_older_keys_still_decrypt(use_keys: Callable[..., None]) -> None:
    """H5: with another key, everything before it was unreadable."""
    old, new = os.urandom(32), os.urandom(32)
    use_keys(legacy=old)
    early = data_keys.encrypt("p", b"early", "c")
    early_signature = data_keys.sign("s", "text")
    use_keys(k2=new, legacy=old)
    late = data_keys.encrypt("p", b"late", "c")
    signature = data_keys.sign("s", "text")

    assert [data_keys.key_id_of(value) for value in (early, late)] == ["legacy", "k2"]
    assert [data_keys.decrypt("p", value, "c") for value in (early, late)] == [b"early", b"late"]
    assert signature.startswith("k2:")
    assert early_signature == hmac.digest(data_keys.derive("s", "legacy"), b"text", "sha256").hex()
    assert data_keys.is_valid_signature("s", "text", early_signature)
    assert data_keys.is_valid_signature("s", "text", signature)
    assert not data_keys.is_valid_signature("s", "text", signature.replace("k2:", ""))
    earlier_release = bytes(12) + AESGCM(old).encrypt(bytes(12), b"key", b"usr_1")
    assert data_keys.decrypt(data_keys.PERSON_KEYS, earlier_release, "usr_1") == b"key"
    assert early_signature == hmac.new(hmac.digest(old, b"s", "sha256"), b"text", "sha256").hexdigest()
    for purpose, context, value in (("q", "c", late), ("p", "d", late), ("p", "c", late[:-1]), ("p", "c", b"")):
        with pytest.raises(InvalidTag):
            data_keys.decrypt(purpose, value, context)
    tampered = late.replace(b"k2", b"k3", 1)
    use_keys(k2=new, k3=new)
    with pytest.raises(InvalidTag):
        data_keys.decrypt("p", tampered, "c")
    with pytest.raises(data_keys.UnknownDataKey):
        data_keys.decrypt("person keys", early, "c")
    assert not data_keys.is_valid_signature("s", "text", early_signature)


def test_attested_ciphertexts_survive_rotations(use_keys: Callable[..., None]) -> None:
    """H5: the audit attests the ciphertext of a proof, so it must come back byte for byte."""
    keys = {name: os.urandom(32) for name in ("legacy", "k2", "k3")}
    use_keys(legacy=keys["legacy"])
    proof = data_keys.encrypt("p", b"who", "c")
    stored = proof
    for before, after in itertools.pairwise(keys):
        use_keys(**{after: keys[after], before: keys[before]})
        stored = data_keys.enclose("p", stored, "c")
        use_keys(**{after: keys[after]})
        assert data_keys.key_id_of(stored) == after
        assert data_keys.original("p", stored, "c") == proof
        assert data_keys.decrypt("p", stored, "c") == b"who"
    with pytest.raises(InvalidTag):
        data_keys.original("p", stored, "d")


def test_separate_uses_have_separate_keys(use_keys: Callable[..., None]) -> None:
    """H5: one key signed heads, exports and proofs, and encrypted the keys of people."""
    data_key = os.urandom(32)
    use_keys(k2=data_key)
    purposes = (data_keys.PERSON_KEYS, "audit head", "audit file", "house calls", "house phone code", "key check")
    derived = {data_keys.derive(purpose, "k2") for purpose in purposes}
    assert len(derived) == len(purposes)
    assert data_key not in derived


class Load:
    """HTTP clients that read and write until they are stopped; the statuses by method."""

    def __init__(self, test_users: UserFixtures, urls: list[str]) -> None:
        self.statuses: Counter[tuple[str, int]] = Counter()
        self._stop = threading.Event()
        people = (test_users.ann, test_users.abe, test_users.mia, test_users.sam)
        self._threads = [
            threading.Thread(target=self._run, args=(person.token, itertools.cycle(urls), index))
            for index, person in enumerate(people)
        ]

    def _run(self, token: str, urls: Iterator[str], index: int) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            for number in itertools.count():
                if self._stop.is_set():
                    return
                url = next(urls)
                answers = [
                    client.patch(f"{url}/user", json={"profileName": f"Canary {index} {number}"}),
                    client.get(f"{url}/user"),
                    client.get(f"{url}/user/terms-status"),
                ]
                time.sleep(0.1)  # leaves some of two cores to the rotation
                self.statuses.update((answer.request.method, answer.status_code) for answer in answers)

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def run(env: Environment, *command: str, DATA_KEYS: str) -> str:  # noqa: N803 - the setting
    completed = env.run_management_command(*command, DATA_KEYS=DATA_KEYS)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


def kill_rotation(env: Environment) -> None:
    """Start a rotation and kill it at its 20th write."""
    fault_plan = FaultPlan(
        faults={("dynamodb", "UpdateItem", 20): "kill_before"}, victim_pid=lambda: env.processes["rotation"].pid
    )
    with env.apply_plan(fault_plan), env.as_role("maintenance"):
        process = env.fork(
            "rotation",
            [sys.executable, "manage.py", "keys", "rotate"],
            {**env.process_environment(proxied=True), "DATA_KEYS": NEW_FIRST},
        )
        assert process.wait(60) == -signal.SIGKILL, env.read_log("rotation")
    env.processes.pop("rotation")


def test_key_is_replaced_under_load_and_then_removed(
    test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    """H5: a leaked `DATA_KEY` could never be replaced; another one gave 500 on every write."""
    version = test_users.sam.get("/user/terms-status").json()["currentVersion"]
    assert test_users.sam.post("/user/accept-terms", {"version": version}).status_code == 200
    delete.delete_user(test_users.create_user().id, actor=test_users.ann.actor, at=now())
    for _ in range(15):
        test_users.create_user()
    try:
        statuses, seconds = replace_key(test_users, env)
    finally:  # the other tests of this process use the old key
        run(env, "keys", "rotate", DATA_KEYS=OLD_FIRST)

    assert not [key for key in statuses if key[1] != 200], statuses
    (proof,) = acceptance.list_acceptances(test_users.sam.id)
    assert acceptance.decrypt_acceptance(proof)["email"] == test_users.sam.user.email
    assert list(acceptance.verify_acceptances()) == []
    record_figure(f"keys: replaced in {seconds:.1f} s under load, {sum(statuses.values())} requests, no 5xx")


def replace_key(test_users: UserFixtures, env: Environment) -> tuple[Counter[tuple[str, int]], float]:
    """Replace the old key by the new one as documented; statuses and seconds of it."""
    run(env, "tables", DATA_KEYS=OLD_FIRST)
    both = env.start_web("both-keys", free_port(), DATA_KEYS=OLD_FIRST)
    changed = env.start_web("new-key-first", free_port(), DATA_KEYS=NEW_FIRST)
    with Load(test_users, [both, changed]) as rolling_load:
        kill_rotation(env)
    env.stop("both-keys")
    with Load(test_users, [changed]) as load:
        started = time.monotonic()
        output = run(env, "keys", "rotate", DATA_KEYS=NEW_FIRST)
        seconds = time.monotonic() - started
        assert output.splitlines()[-2:] == [
            "nothing is stored under legacy: it can be removed after 72 hours",
            "everything is under k2",
        ]
    assert "acceptances of terms moved to k2" in output
    assert "intact" in run(env, "audit", "verify", DATA_KEYS=NEW_FIRST)
    env.stop("new-key-first")

    only_new = env.start_web("new-key-only", free_port(), DATA_KEYS=NEW_ONLY)
    with Load(test_users, [only_new]) as final_load:
        assert "\nlegacy" not in run(env, "keys", "status", DATA_KEYS=NEW_ONLY)
        assert "intact" in run(env, "audit", "verify", DATA_KEYS=NEW_ONLY)
        run(env, "terms", "verify", DATA_KEYS=NEW_ONLY)
    entries = httpx.get(
        f"{only_new}/user/{test_users.sam.id}/audit-logs", headers={"Authorization": f"Bearer {test_users.ann.token}"}
    ).json()
    assert all(entry["actor"]["name"] for entry in entries["items"]), "earlier entries are readable"
    env.stop("new-key-only")
    check_refusals(env)
    return rolling_load.statuses + load.statuses + final_load.statuses, seconds


def check_refusals(env: Environment) -> None:
    """Processes and commands with a wrong, missing or former key end with one sentence."""
    wrong_key = base64.b64encode(os.urandom(32)).decode()
    cases = [
        (services.web_command(free_port()), f"k2:{wrong_key}", "The data key k2 is not the one"),
        (services.worker_command(1), f"k3:{wrong_key}", "DATA_KEYS lacks the key k2"),
        ([sys.executable, "manage.py", "tables"], OLD, "DATA_KEYS lacks the key k2"),
    ]
    for command, keys, sentence in cases:
        environment = {**env.process_environment(proxied=False), "DATA_KEYS": keys}
        completed = env.run_forked(*command[1:], environment=environment)
        output = completed.stdout + completed.stderr
        assert completed.returncode != 0, output
        assert sentence in output
        assert "Traceback" not in output


def test_readiness_notices_a_key_that_became_wrong(test_users: UserFixtures, env: Environment) -> None:
    """H5: nothing at start or in `/readyz` looked at the key."""
    (check,) = [check for check in key_checks.list_checks() if check.key_id == data_keys.current_id()]
    table = key_checks.DataKeyCheck.table_name()
    assert httpx.get(f"{test_users.ann.web}/readyz").json()["dataKeys"] == "ok"
    try:
        forged = {**check.serialize(), "ciphertext": {"B": os.urandom(40)}}
        dynamodb.call("PutItem", TableName=table, Item=forged)
        time.sleep(2.1)
        response = httpx.get(f"{test_users.ann.web}/readyz")
    finally:
        dynamodb.call("PutItem", TableName=table, Item=check.serialize())
    assert (response.status_code, response.json()["dataKeys"]) == (503, "wrong")


def test_forged_heads_are_not_signed_anew(test_users: UserFixtures, env: Environment) -> None:
    """Rotation must not give a valid signature to a head that has none."""
    user = test_users.create_user()
    head = dynamodb.get_record(audit.AuditEntry, user.id, 0)
    assert head
    genuine = head.serialize()
    head.seal = f"k9:{'0' * 64}"
    try:
        dynamodb.call("PutItem", TableName=audit.AuditEntry.table_name(), Item=head.serialize())
        completed = env.run_management_command("keys", "rotate")
        assert completed.returncode == 1
        assert f"stream heads, {user.id} 0: not valid under k9" in completed.stdout
        stored = dynamodb.get_record(audit.AuditEntry, user.id, 0)
        assert stored
        assert stored.seal == head.seal
    finally:
        dynamodb.call("PutItem", TableName=audit.AuditEntry.table_name(), Item=genuine)
