"""The file storage: every right that the product needs there, tried with an object of its own."""

import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from config.doctor.checks import Check, Finding, Options, describe_error, failed, ok, skipped, warning

FOLDER = "doctor/"
CONTENT = b"probe of manage.py doctor"
_RIGHTS = "Give the role the rights of docs/aws/application.json on STORAGE_BUCKET."
_MENDS = {
    "AccessDenied": _RIGHTS,
    "AllAccessDisabled": _RIGHTS,
    "NoSuchBucket": "Set STORAGE_BUCKET to a bucket that exists in AWS_REGION.",
    "PermanentRedirect": "The bucket is in another region: set AWS_REGION, or take another bucket.",
    "InvalidAccessKeyId": "Renew the credentials of the role.",
    "ExpiredToken": "Renew the credentials of the role.",
    "SignatureDoesNotMatch": "Check the credentials of the role.",
}
Errors = (BotoCoreError, ClientError)


@cache
def _client() -> Any:
    import boto3

    return boto3.client(
        "s3",
        region_name=settings.DYNAMODB["region"],
        endpoint_url=settings.STORAGE_ENDPOINT or None,
        config=Config(
            connect_timeout=1.5,
            read_timeout=3,
            retries={"max_attempts": 0},
            signature_version="s3v4",
            s3={"addressing_style": "path" if settings.STORAGE_ENDPOINT else "virtual"},
        ),
    )


def _prepare() -> None:
    if settings.STORAGE_BUCKET:
        _client()


def _check_objects(options: Options) -> Iterator[Finding]:
    """Delete, list, read and write. What cannot be deleted is not written."""
    if not settings.STORAGE_BUCKET:
        yield skipped("STORAGE_BUCKET is not set: files are in STORAGE_FOLDER.")
        return
    if options.role == "deployment":
        yield skipped("The role of deployments needs no files.")
        return
    key = f"{FOLDER}{uuid.uuid4().hex}"
    refusals = [refusal for refusal in _try_reads(key) if refusal]
    may_delete = not any(refusal.sentence.startswith("S3 refuses DeleteObject") for refusal in refusals)
    if not any(refusal.code not in _DENIED for refusal in refusals) and may_delete:
        refusals += [refusal for refusal in _try_write(key) if refusal]
    unique: dict[str, Finding] = {}
    for refusal in refusals:
        unique.setdefault(refusal.sentence if refusal.code in _DENIED else refusal.code, refusal)
    yield from unique.values()
    if not may_delete:
        yield skipped("PutObject was not tried, because the object could not be deleted.")
    if not refusals:
        yield ok("Objects of STORAGE_BUCKET can be listed, stored, read and deleted.")


_DENIED = {"AccessDenied", "403"}
"""Codes of one right; others, such as NoSuchBucket, concern all calls."""


def _try_reads(key: str) -> Iterator[Finding | None]:
    bucket = settings.STORAGE_BUCKET
    yield _try("DeleteObject", Bucket=bucket, Key=key)
    yield _try("ListObjectsV2", Bucket=bucket, Prefix=FOLDER, MaxKeys=1)
    yield _try("GetObject", Bucket=bucket, Key=key)


def _try_write(key: str) -> Iterator[Finding | None]:
    bucket = settings.STORAGE_BUCKET
    refusal = _try("PutObject", Bucket=bucket, Key=key, Body=CONTENT)
    yield refusal
    if refusal is None:
        try:
            stored = _client().get_object(Bucket=bucket, Key=key)["Body"].read()
            if stored != CONTENT:
                yield failed("S3 returns other bytes than were stored.", "Check STORAGE_ENDPOINT_URL.", "other_content")
        except Errors as error:
            yield _refusal("GetObject", error)
        finally:
            _client().delete_object(Bucket=bucket, Key=key)


def _try(operation: str, **arguments: Any) -> Finding | None:
    methods = {"DeleteObject": "delete_object", "ListObjectsV2": "list_objects_v2", "GetObject": "get_object"}
    try:
        getattr(_client(), methods.get(operation, "put_object"))(**arguments)
    except Errors as error:
        code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else ""
        return None if (operation, code) == ("GetObject", "NoSuchKey") else _refusal(operation, error)
    return None


def _refusal(operation: str, error: Exception) -> Finding:
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        return failed(f"S3 refuses {operation} ({code}).", _MENDS.get(code, _RIGHTS), code)
    where = settings.STORAGE_ENDPOINT or "AWS"
    sentence = f"S3 at {where} does not answer ({type(error).__name__})."
    return failed(
        sentence, "Check STORAGE_ENDPOINT_URL, AWS_REGION, the credentials and the network.", type(error).__name__
    )


def _check_bucket(options: Options) -> Iterator[Finding]:
    """Versions, so that the log of erasures survives; and an end of old versions."""
    if not settings.STORAGE_BUCKET:
        yield skipped("STORAGE_BUCKET is not set.")
        return
    try:
        versioning = _client().get_bucket_versioning(Bucket=settings.STORAGE_BUCKET).get("Status")
        rules = _read_lifecycle_rules()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        yield skipped(
            f"This role may not read versioning and lifecycle of the bucket ({code}).",
            "Look at them yourself: see docs/operations/backup.md.",
            code,
        )
        return
    except BotoCoreError as error:
        yield skipped(f"S3 does not answer ({type(error).__name__}).")
        return
    findings = list(_judge_bucket(versioning, rules))
    yield from findings or [ok("The bucket keeps versions, and deletes old ones.")]


def _read_lifecycle_rules() -> list[dict[str, Any]]:
    try:
        return list(_client().get_bucket_lifecycle_configuration(Bucket=settings.STORAGE_BUCKET).get("Rules", ()))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "NoSuchLifecycleConfiguration":
            return []
        raise


def _judge_bucket(versioning: str | None, rules: list[dict[str, Any]]) -> Iterator[Finding]:
    enabled = [rule for rule in rules if rule.get("Status") == "Enabled"]
    if versioning != "Enabled":
        mend = "Turn on versioning: the log of erasures must survive whoever overwrites it."
        yield warning("The bucket keeps no versions.", mend, "no_versioning")
    elif not any("NoncurrentVersionExpiration" in rule for rule in enabled):
        mend = "Add a lifecycle rule that deletes noncurrent versions after 35 days, except below erasures/."
        yield warning("Versions of deleted recordings stay in the bucket for ever.", mend, "no_lifecycle")
    for rule in enabled:
        prefix = rule.get("Filter", {}).get("Prefix", rule.get("Prefix", ""))
        if "Expiration" in rule and "erasures/".startswith(prefix):
            sentence = f"The lifecycle rule {rule.get('ID', '')!r} deletes the log of erasures."
            yield warning(sentence, "Restrict it to other folders.", "lifecycle_of_erasures")


def _check_folder(options: Options) -> Iterator[Finding]:
    if settings.STORAGE_BUCKET:
        yield skipped("STORAGE_FOLDER is not used: files are in STORAGE_BUCKET.")
        return
    folder = Path(settings.STORAGE_FOLDER)
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        with TemporaryFile(dir=existing) as file:  # which has no name
            file.write(CONTENT)
            file.flush()
    except OSError as error:
        yield failed(
            f"STORAGE_FOLDER takes no files ({describe_error(error)}).", "Give it to the user of the processes."
        )
    else:
        yield ok("STORAGE_FOLDER takes files.")


CHECKS = (
    Check("s3.objects", _check_objects, prepare=_prepare, setting="STORAGE_BUCKET"),
    Check("s3.bucket", _check_bucket, prepare=_prepare, setting="STORAGE_BUCKET"),
    Check("files.folder", _check_folder),
)
