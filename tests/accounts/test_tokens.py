"""Hostile tokens, and keys that come late, change or are away."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from accounts.auth import tokens
from tests.conftest import Cast, problem
from tests.emulators.auth0.login import Login
from tests.emulators.auth0.tenant import Tenant
from tests.emulators.server import StandIn, as_json, server
from tests.support.environment import World, free_port
from tests.support.proxy import Plan

AUDIENCE = "https://api.dutyline.example/"
STRANGE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
Sign = Callable[[bytes], bytes]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def token(header: Any, claims: Any, sign: Sign) -> str:
    """A token of any parts; strings are taken as they are."""
    signed = f"{b64(text(header).encode())}.{b64(text(claims).encode())}"
    return f"{signed}.{b64(sign(signed.encode()))}"


def rs256(key: rsa.RSAPrivateKey) -> Sign:
    return lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def ps256(key: rsa.RSAPrivateKey) -> Sign:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return lambda message: key.sign(message, pss, hashes.SHA256())


def hs256(secret: bytes) -> Sign:
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


def nothing(message: bytes) -> bytes:
    return b""


class Mint:
    """Makes tokens under the issuer's own key."""

    def __init__(self, world: World, subject: str) -> None:
        kept = world.tenant().keys()[-2]
        key = serialization.load_pem_private_key(kept["pem"].encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self.key = key
        self.kid = kept["kid"]
        self.public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.issuer = world.issuer
        self.subject = subject

    def header(self, **more: Any) -> dict[str, Any]:
        return _without({"alg": "RS256", "typ": "JWT", "kid": self.kid, **more})

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        base = {"iss": self.issuer, "sub": self.subject, "aud": AUDIENCE, "iat": now}
        return _without({**base, "exp": now + 600, **more})

    def good(self, header: Any = None, claims: Any = None) -> str:
        """Signed with the right key, whatever it says."""
        return token(header or self.header(), claims or self.claims(), rs256(self.key))


def _without(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not ...}


def _instead(claims: dict[str, Any], name: str, literal: str) -> str:
    """Claims with a literal that json.dumps would not write."""
    return json.dumps({**claims, name: "@@"}).replace('"@@"', literal)


def hostile(mint: Mint) -> dict[str, str]:
    """Tokens that must be refused."""
    header, claims, now = mint.header, mint.claims, int(time.time())
    stranger = rs256(STRANGE)
    number = STRANGE.public_key().public_numbers()
    size = (number.n.bit_length() + 7) // 8
    jwk = {"kty": "RSA", "n": b64(number.n.to_bytes(size, "big")), "e": "AQAB", "kid": mint.kid}
    deep = "[" * 50_000 + "]" * 50_000
    good = mint.good()
    headers = {
        "kid that is a path": header(kid="../../dev/null"),
        "kid that is SQL": header(kid="k' OR 1=1--"),
        "kid that is a list": header(kid=[mint.kid]),
        "kid that is an object": header(kid={"a": 1}),
        "kid that is long": header(kid="k" * 300),
        "no kid": header(kid=...),
        "unknown kid": header(kid="another"),
        "crit": header(crit=["x"], x=1),
        "b64 false": header(crit=["b64"], b64=False),
        "PS256 named": header(alg="PS256"),
        "typ of something else": header(typ="dpop+jwt"),
        "typ not a string": header(typ=7),
    }
    wrong = {
        "another audience": claims(aud="https://other.example/"),
        "audience with a tail": claims(aud=AUDIENCE + "x"),
        "no audience": claims(aud=...),
        "empty audience": claims(aud=[]),
        "audience an object": claims(aud={AUDIENCE: 1}),
        "an ID token": claims(aud="dutyline-app", nonce="n"),
        "another issuer": claims(iss="https://evil.example/"),
        "issuer without its slash": claims(iss=mint.issuer.rstrip("/")),
        "issuer a list": claims(iss=[mint.issuer]),
        "no issuer": claims(iss=...),
        "expired": claims(iat=now - 7200, exp=now - 3600),
        "no exp": claims(exp=...),
        "exp a string": claims(exp=str(now + 600)),
        "exp true": claims(exp=True),
        "exp NaN": _instead(claims(), "exp", "NaN"),
        "exp infinite": _instead(claims(), "exp", "1e400"),
        "exp huge": _instead(claims(), "exp", "9" * 3000),
        "exp with a fraction": _instead(claims(), "exp", f"{now + 600}.5"),
        "not yet valid": claims(nbf=now + 3600),
        "nbf NaN": _instead(claims(), "nbf", "NaN"),
        "issued in the future": claims(iat=now + 3600, exp=now + 7200),
        "no iat": claims(iat=...),
        "no sub": claims(sub=...),
        "sub a number": claims(sub=5),
        "sub empty": claims(sub=""),
        "sub long": claims(sub="auth0|" + "x" * 300),
        "sub twice": json.dumps(claims())[:-1] + ', "sub": "auth0|usr_x"}',
        "a machine": claims(sub="dutyline-machine@clients"),
        "nobody we know": claims(sub="auth0|usr_01J00000000000000000000000"),
        "another connection": claims(sub=claims()["sub"].replace("auth0|", "google-oauth2|")),
        "claims a list": "[1]",
        "claims a string": '"x"',
        "claims deep": _instead(claims(), "a", deep),
        "claims not JSON": "{",
    }
    return {
        "alg none": token(header(alg="none"), claims(), nothing),
        "alg NoNe": token(header(alg="NoNe"), claims(), nothing),
        "alg none, signed": token(header(alg="none"), claims(), rs256(mint.key)),
        "HS256 with the public key": token(header(alg="HS256"), claims(), hs256(mint.public)),
        "PS256 with the right key": token(header(alg="PS256"), claims(), ps256(mint.key)),
        "a stranger's key": token(header(), claims(), stranger),
        "its own key inside": token(header(jwk=jwk), claims(), stranger),
        "a key address inside": token(header(jku="http://127.0.0.1:9/k"), claims(), stranger),
        "a certificate inside": token(
            header(x5u="http://127.0.0.1:9/", x5c=["A"]), claims(), stranger
        ),
        "alg twice": token(
            json.dumps(header())[:-1] + ', "alg": "none"}', claims(), rs256(mint.key)
        ),
        "header a list": token("[]", claims(), rs256(mint.key)),
        "header deep": token(f'{{"alg":"RS256","kid":"k","a":{deep}}}', claims(), nothing),
        "1 MB": token(header(pad="A" * 1_000_000), claims(), nothing)[:30_000],
        "five parts": "a.b.c.d.e",
        "two parts": "a.b",
        "three empty parts": "..",
        "not base64": "!.!.!",
        "cut signature": good[:-6],
        "changed claims": good.replace(
            good.split(".")[1], b64(json.dumps(claims()).encode())[::-1]
        ),
        **{name: mint.good(header=value) for name, value in headers.items()},
        **{name: mint.good(claims=value) for name, value in wrong.items()},
    }


def test_hostile_tokens_are_401(cast: Cast, world: World, say: Callable[[str], None]) -> None:
    mint = Mint(world, f"auth0|{cast.ann.id}")
    bad = hostile(mint)
    with httpx.Client(base_url=cast.ann.web) as client:
        for name, one in bad.items():
            answer = client.get("/user", headers={"Authorization": f"Bearer {one}"})
            assert answer.status_code in (400, 401, 431), f"{name}: {answer.status_code}"
            if answer.headers.get("content-type") == "application/problem+json":
                assert problem(answer)["status"] == 401, name
                assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
        for name, one in {
            "plain": mint.good(),
            "at+jwt": mint.good(mint.header(typ="at+jwt")),
        }.items():
            answer = client.get("/user", headers={"Authorization": f"Bearer {one}"})
            assert answer.status_code == 200, name
    say(f"tokens: {len(bad)} hostile ones refused")


def test_a_refused_key_id_does_not_become_a_fetch(cast: Cast, world: World) -> None:
    mint = Mint(world, f"auth0|{cast.ann.id}")
    with world.plan() as plan:
        for number in range(20):
            bad = mint.good(mint.header(kid=f"made-up-{number}"))
            answer = httpx.get(f"{cast.ann.web}/user", headers={"Authorization": f"Bearer {bad}"})
            assert answer.status_code == 401
    assert len([call for call in plan.calls if call.service == "identity"]) <= 1


def test_32_threads_with_cold_keys_cause_one_fetch(cast: Cast, world: World) -> None:
    keys = tokens.KeyStore(f"{world.issuer}.well-known/jwks.json")
    good = Mint(world, "auth0|usr_x").good()
    together = threading.Barrier(32)
    subjects = []

    def one() -> None:
        together.wait()
        subjects.append(tokens.verify(good, keys)["sub"])

    with world.plan() as plan:
        threads = [threading.Thread(target=one) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert subjects == ["auth0|usr_x"] * 32
    assert len(plan.calls) == 1


def test_keys_that_were_loaded_outlive_their_issuer(world: World) -> None:
    at = [0.0]
    keys = tokens.KeyStore(f"{world.issuer}.well-known/jwks.json", clock=lambda: at[0])
    good = Mint(world, "auth0|usr_x").good()
    assert tokens.verify(good, keys)

    with world.plan(Plan(always={"identity": "refuse"})):
        at[0] = tokens.HARD - 1
        assert tokens.verify(good, keys)
        time.sleep(0.3)  # the refresh behind it fails
        at[0] = tokens.HARD + tokens.COOLDOWN
        with pytest.raises(tokens.KeysUnavailable):
            tokens.verify(good, keys)

    at[0] += tokens.COOLDOWN
    assert tokens.verify(good, keys)


def test_after_a_rotation_new_and_old_tokens_work_at_once(cast: Cast, world: World) -> None:
    old = Mint(world, f"auth0|{cast.ann.id}").good()
    headers = {"Authorization": f"Bearer {old}"}
    assert httpx.get(f"{cast.ann.web}/user", headers=headers).status_code == 200

    httpx.post(f"{world.issuer}_local/rotate").raise_for_status()

    new = Mint(world, f"auth0|{cast.ann.id}").good()
    assert json.loads(base64.b64decode(new.split(".")[0] + "=="))["kid"] not in old
    for one in (new, old):
        headers = {"Authorization": f"Bearer {one}"}
        assert httpx.get(f"{cast.ann.web}/user", headers=headers).status_code == 200


def test_a_key_that_was_never_announced_is_found_after_the_cooldown() -> None:
    tenant = Tenant(":memory:", issuer="http://127.0.0.1/", audience="", clients=[])
    vendor = StandIn(malformed=lambda text: as_json({}, 400))
    Login(tenant).add_to(vendor)
    at = [0.0]
    with server(vendor, 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{serving.server_port}/.well-known/jwks.json"
        keys = tokens.KeyStore(address, clock=lambda: at[0])
        first = tenant.keys()[-2]["kid"]
        assert keys.get(first)
        tenant.rotate()
        tenant.rotate()
        third = tenant.keys()[-2]["kid"]
        with pytest.raises(tokens.BadToken):
            keys.get(third)
        at[0] = tokens.COOLDOWN + 1
        assert keys.get(third)
        serving.shutdown()
    tenant.close()


@pytest.mark.parametrize("trouble", ["refuse", "503", "nonsense", "hang"])
def test_without_any_keys_the_answer_is_503_and_soon(
    cast: Cast, world: World, trouble: str
) -> None:
    web = world.start_web("cold", free_port())
    fault = {"path": "/.well-known/jwks.json", "fault": "slow", "seconds": 8, "times": 3}
    httpx.post(
        f"{world.issuer}_local/faults", json=fault if trouble == "hang" else fault | {"times": 0}
    )
    planned = {} if trouble == "hang" else {"identity": trouble}
    try:
        with world.plan(Plan(always=planned)):
            for _ in range(2):
                began = time.monotonic()
                answer = httpx.get(
                    f"{web}/user", headers={"Authorization": f"Bearer {cast.ann.token}"}, timeout=20
                )
                assert answer.status_code == 503, answer.text
                assert int(problem(answer)["status"]) == 503
                assert int(answer.headers["Retry-After"]) > 0
                assert time.monotonic() - began < 5
    finally:
        httpx.delete(f"{world.issuer}_local/faults")
        world.stop("cold")


def test_a_jwks_with_other_keys_yields_only_usable_ones(world: World) -> None:
    good = world.tenant().jwks()["keys"][-1]
    odd = [
        {**good, "kid": "enc", "use": "enc"},
        {**good, "kid": "other alg", "alg": "RS512"},
        {**good, "kid": 7},
        {**good, "kid": "broken", "n": "!"},
        {"kty": "oct", "kid": "secret", "k": "AAAA"},
        "not a key",
    ]

    assert list(tokens.usable({"keys": [good, *odd]})) == [good["kid"]]
    assert tokens.usable([]) == {}
    assert tokens.usable({"keys": "x"}) == {}
