"""Stored checks of the data keys: they show at start whether the keys are those of the data.

`manage.py tables` stores a known text under each data key. A process that cannot decrypt it, or
lacks a key under which data may still be encrypted, must not start: it would answer 500 to writes.
"""

import logging
from datetime import datetime

from cryptography.exceptions import InvalidTag

from config import dynamodb, env, errors
from config.dynamodb import data_keys, encryption, unaudited
from config.dynamodb.attributes import Binary, Erasure, PersonalData, Text, Timestamp

CHECK = PersonalData(
    "technical",
    "recognize the data keys",
    "for as long as the installation exists",
    Erasure.NOT_PERSONAL,
    withheld_because="not about a person",
)
_PURPOSE, _TEXT = "key check", b"Dutyline"
_ALL = "all"
logger = logging.getLogger("dutyline.keys")


class DataKeyCheck(dynamodb.Record):
    """A known text, encrypted under a data key."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("data-keys")

    partition = Text(CHECK, hash_key=True)
    key_id = Text(CHECK, range_key=True)
    ciphertext = Binary(CHECK, legacy_encoding=False)
    created_at = Timestamp(CHECK)
    retired_at = Timestamp(CHECK, null=True)
    """When nothing was encrypted under it any more, so that it can be removed."""


class WrongDataKeys(Exception):
    """The data keys are not those of the stored data; the message is a sentence for operators."""


def list_checks() -> list[DataKeyCheck]:
    """The checks of all data keys that were ever used."""
    return list(dynamodb.iter_records(DataKeyCheck, "#partition = :all", {":all": {"S": _ALL}}, ConsistentRead=True))


def verify_data_keys() -> list[DataKeyCheck]:
    """The stored checks, if the settings have the right keys.

    Raises `WrongDataKeys`, `errors.Unavailable` and `dynamodb.CallRejected`.
    """
    checks = list_checks()
    for check in checks:
        key_id = str(check.key_id)
        if key_id not in data_keys.key_ids():
            if check.retired_at is None:
                raise WrongDataKeys(
                    f"DATA_KEYS lacks the key {key_id}, under which data may still be encrypted; "
                    "add it, or run manage.py keys rotate before it is removed."
                )
        elif not _is_right(check):
            raise WrongDataKeys(
                f"The data key {key_id} is not the one under which the stored data is encrypted; check DATA_KEYS, "
                "DATA_KEY and DYNAMODB_TABLE_PREFIX."
            )
    return checks


def _is_right(check: DataKeyCheck) -> bool:
    try:
        return data_keys.decrypt(_PURPOSE, bytes(check.ciphertext), str(check.key_id)) == _TEXT
    except InvalidTag:
        return False


def store_checks(at: datetime) -> None:
    """Store the checks of new data keys. Raises what `verify_data_keys` raises."""
    checks = {str(check.key_id): check for check in verify_data_keys()}
    if not checks:
        _verify_sample()
    for key_id in data_keys.key_ids():
        if key_id not in checks:
            ciphertext = data_keys.encrypt(_PURPOSE, _TEXT, key_id, key_id)
            unaudited.create(DataKeyCheck(partition=_ALL, key_id=key_id, ciphertext=ciphertext, created_at=at))
    current_check = checks.get(data_keys.current_id())
    if current_check and current_check.retired_at:
        unaudited.update(current_check, [DataKeyCheck.retired_at.remove()], DataKeyCheck.key_id.exists())


def _verify_sample() -> None:
    """Compare the data keys with data of a release that stored no checks."""
    response = dynamodb.call("Scan", TableName=encryption.PersonKey.table_name(), Limit=1)
    for item in response["Items"]:
        try:
            encryption.PersonKey.from_item(item).unwrap()
        except InvalidTag as error:
            raise WrongDataKeys("The data keys are not those under which the stored data is encrypted.") from error


def retire_others(at: datetime) -> list[str]:
    """Note that nothing is encrypted under the other data keys any more; their ids."""
    others = [check for check in list_checks() if check.key_id != data_keys.current_id()]
    for check in others:
        unaudited.update(check, [DataKeyCheck.retired_at.set(at)], DataKeyCheck.retired_at.does_not_exist())
    return [str(check.key_id) for check in others]


def require_right_keys() -> None:
    """End the process with one sentence if the data keys are wrong.

    If the database does not answer, the process starts: `/readyz` checks again.
    """
    try:
        verify_data_keys()
    except WrongDataKeys as error:
        raise env.Misconfigured(str(error)) from error
    except (errors.Unavailable, dynamodb.CallRejected) as error:
        logger.warning("the data keys cannot be checked yet", extra={"why": type(error).__name__})
