"""Redis or Valkey: each command that web processes, workers and beat send, and how it is set up.

Commands are queued in a transaction that is discarded: the server checks rights when it queues a
command, and runs none.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis, RedisError, ResponseError
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from config.doctor.checks import Check, Finding, Options, describe_error, failed, ok, skipped, warning
from config.outbox import heartbeat

QUEUE, COUNTER, UNACKED = "celery", "dutyline:doctor:1", "unacked"
MAX_WAITING_MESSAGES = 50
"""Beat sends 13 a minute, and workers take them at once."""
COMMANDS: tuple[tuple[str, ...], ...] = (
    # counting of requests, and shared failures
    ("EVALSHA", "0" * 40, "1", COUNTER),
    ("SCRIPT LOAD", "return 1"),
    ("INCRBY", COUNTER, "1"),
    ("EXPIRE", COUNTER, "60"),
    ("HSET", "dutyline:failures", "doctor", "1"),
    ("HGETALL", "dutyline:failures"),
    ("SET", heartbeat.REDIS_KEY, "1"),
    ("GET", heartbeat.REDIS_KEY),
    # Celery's messages
    ("LPUSH", QUEUE, "x"),
    ("RPUSH", QUEUE, "x"),
    ("BRPOP", QUEUE, "1"),
    ("RPOP", QUEUE),
    ("LLEN", QUEUE),
    ("DEL", QUEUE),
    ("SADD", "_kombu.binding.celery", "x"),
    ("SREM", "_kombu.binding.celery", "x"),
    ("SMEMBERS", "_kombu.binding.celery"),
    ("ZADD", f"{UNACKED}_index", "1", "x"),
    ("ZREM", f"{UNACKED}_index", "x"),
    ("ZREVRANGEBYSCORE", f"{UNACKED}_index", "1", "0"),
    ("HSET", UNACKED, "x", "x"),
    ("HGET", UNACKED, "x"),
    ("HDEL", UNACKED, "x"),
    ("SET", f"{UNACKED}_mutex", "x", "NX", "EX", "1"),
    # remote control of workers
    ("PUBLISH", "/0.celery.pidbox", "x"),
    ("PSUBSCRIBE", "/0.celery.pidbox"),
    ("PUNSUBSCRIBE", "/0.celery.pidbox"),
)


@cache
def client() -> Redis:
    """A client that gives up soon."""
    return Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2, retry=Retry(NoBackoff(), 0))


def _check_commands(options: Options) -> Iterator[Finding]:
    try:
        client().ping()
        refused = sorted(set(_iter_refused()))
    except AuthenticationError:
        yield failed("Redis refuses user or password of REDIS_URL.", "Correct them.", "AuthenticationError")
        return
    except ResponseError as error:
        yield failed(
            f"Redis refuses to answer ({describe_error(error)}).", "Correct REDIS_URL or the user's rights.", "NOPERM"
        )
        return
    except (RedisError, OSError) as error:
        yield _no_answer(error)
        return
    for command, reason in refused:
        mend = f"Allow the user of REDIS_URL the command {command} on its key."
        yield failed(f"Redis refuses {command} ({reason}).", mend, reason.partition(" ")[0])
    if not refused:
        yield ok(f"Redis takes the {len({command for command, *_ in COMMANDS})} commands that are needed.")


def _no_answer(error: Exception) -> Finding:
    mend = "Check host, port and scheme of REDIS_URL, and the network."
    return failed(f"Redis does not answer ({describe_error(error)}).", mend, type(error).__name__)


def _iter_refused() -> Iterator[tuple[str, str]]:
    """Commands that are refused, each with the reason."""
    connection: Any = client().connection_pool.get_connection()
    try:
        connection.send_command("MULTI")
        connection.read_response()
        for command, *arguments in COMMANDS:
            connection.send_command(*command.split(), *arguments)
            try:
                connection.read_response()
            except ResponseError as error:
                yield command, f"{type(error).__name__} {str(error)[:80]}"
        connection.send_command("DISCARD")
        connection.read_response()
    finally:
        connection.disconnect()
        client().connection_pool.release(connection)


def _check_server(options: Options) -> Iterator[Finding]:
    """Cluster mode, what is evicted when memory is full, and messages that nobody takes."""
    try:
        info: dict[str, Any] = {**client().info("server"), **client().info("memory")}
        waiting = client().llen(QUEUE)
    except ResponseError as error:
        yield skipped(f"The user of REDIS_URL may not read INFO ({str(error)[:60]}).")
        return
    except (RedisError, OSError):
        yield skipped("Redis does not answer.")
        return
    findings = list(_judge_server(info, int(waiting)))
    yield from findings or [ok("Redis is no cluster, evicts nothing that is needed, and workers take its messages.")]


def _judge_server(info: dict[str, Any], waiting: int) -> Iterator[Finding]:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if info.get("redis_mode") == "cluster":
        mend = "Turn cluster mode off: keys of one request are on several nodes there."
        yield failed("REDIS_URL names a cluster.", mend, "cluster_mode")
    if policy.startswith("allkeys-"):
        mend = "Set maxmemory-policy to noeviction or volatile-ttl."
        yield warning(f"Redis evicts messages to workers when its memory is full ({policy}).", mend, "eviction")
    if waiting > MAX_WAITING_MESSAGES:
        yield warning(f"{waiting} messages wait for a worker.", "Start workers, or more of them.", "no_worker")


def _check_processes(options: Options) -> Iterator[Finding]:
    """Beat asks workers each minute for a note in Redis."""
    try:
        seconds = heartbeat.seconds_since()
    except (RedisError, ValueError) as error:
        yield skipped(f"Redis does not say when workers were at work ({type(error).__name__}).")
        return
    mend = "Start beat and a worker, both with this REDIS_URL; their first note comes a minute later."
    if seconds is None:
        yield warning("Beat and workers have not been at work.", mend, "no_heartbeat")
    elif seconds > heartbeat.MAX_SECONDS:
        yield failed(f"Beat or workers have not been at work for {seconds:.0f} seconds.", mend, "no_heartbeat")
    else:
        yield ok(f"Beat and a worker were at work {seconds:.0f} seconds ago.")


CHECKS = (
    Check("outbox.processes", _check_processes, setting="REDIS_URL"),
    Check("redis.commands", _check_commands, setting="REDIS_URL"),
    Check("redis.server", _check_server, setting="REDIS_URL"),
)
