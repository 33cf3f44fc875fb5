"""Hostile tokens, and signing keys that are new, rotated, missing or unavailable."""

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
from tests.emulators.auth0.tenant import Auth0Tenant
from tests.emulators.auth0.tokens import TokenApi
from tests.emulators.server import Emulator, create_server, json_response
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, parse_problem

AUDIENCE = "https://api.dutyline.example/"
FOREIGN_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
Signer = Callable[[bytes], bytes]


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def to_json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def build_token(header: Any, claims: Any, sign: Signer) -> str:
    """A token of arbitrary parts; strings are used verbatim."""
    signing_input = f"{base64url(to_json_text(header).encode())}.{base64url(to_json_text(claims).encode())}"
    return f"{signing_input}.{base64url(sign(signing_input.encode()))}"


def rs256(key: rsa.RSAPrivateKey) -> Signer:
    return lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def ps256(key: rsa.RSAPrivateKey) -> Signer:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return lambda message: key.sign(message, pss, hashes.SHA256())


def hs256(secret: bytes) -> Signer:
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


def no_signature(message: bytes) -> bytes:
    return b""


class TokenFactory:
    """Makes tokens signed with the issuer's key."""

    def __init__(self, env: Environment, subject: str) -> None:
        stored_key = env.tenant().signing_keys()[-2]
        private_key = serialization.load_pem_private_key(stored_key["pem"].encode(), None)
        assert isinstance(private_key, rsa.RSAPrivateKey)
        self.private_key = private_key
        self.kid = stored_key["kid"]
        self.public_key_pem = private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.issuer = env.issuer
        self.subject = subject

    def make_header(self, **fields: Any) -> dict[str, Any]:
        return _omit_ellipsis({"alg": "RS256", "typ": "JWT", "kid": self.kid, **fields})

    def make_claims(self, **fields: Any) -> dict[str, Any]:
        now = int(time.time())
        base = {"iss": self.issuer, "sub": self.subject, "aud": AUDIENCE, "iat": now}
        return _omit_ellipsis({**base, "exp": now + 600, **fields})

    def sign_token(self, header: Any = None, claims: Any = None) -> str:
        """A token with any header and claims, signed with the right key."""
        return build_token(header or self.make_header(), claims or self.make_claims(), rs256(self.private_key))


def _omit_ellipsis(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not ...}


def _with_literal(claims: dict[str, Any], name: str, literal: str) -> str:
    """Claims with a JSON literal that ``json.dumps`` cannot write."""
    return json.dumps({**claims, name: "@@"}).replace('"@@"', literal)


def hostile_tokens(factory: TokenFactory) -> dict[str, str]:
    """Tokens that must be refused."""
    make_header, make_claims, now = factory.make_header, factory.make_claims, int(time.time())
    foreign_signer = rs256(FOREIGN_KEY)
    public_numbers = FOREIGN_KEY.public_key().public_numbers()
    size = (public_numbers.n.bit_length() + 7) // 8
    jwk = {"kty": "RSA", "n": base64url(public_numbers.n.to_bytes(size, "big")), "e": "AQAB", "kid": factory.kid}
    deep_json = "[" * 50_000 + "]" * 50_000
    valid_token = factory.sign_token()
    header_cases = {
        "kid that is a path": make_header(kid="../../dev/null"),
        "kid that is SQL": make_header(kid="k' OR 1=1--"),
        "kid that is a list": make_header(kid=[factory.kid]),
        "kid that is an object": make_header(kid={"a": 1}),
        "kid that is long": make_header(kid="k" * 300),
        "no kid": make_header(kid=...),
        "unknown kid": make_header(kid="another"),
        "crit": make_header(crit=["x"], x=1),
        "b64 false": make_header(crit=["b64"], b64=False),
        "alg PS256": make_header(alg="PS256"),
        "another typ": make_header(typ="dpop+jwt"),
        "typ is a number": make_header(typ=7),
    }
    claim_cases = {
        "another audience": make_claims(aud="https://other.example/"),
        "audience with a suffix": make_claims(aud=AUDIENCE + "x"),
        "no audience": make_claims(aud=...),
        "empty audience": make_claims(aud=[]),
        "audience is an object": make_claims(aud={AUDIENCE: 1}),
        "an ID token": make_claims(aud="dutyline-app", nonce="n"),
        "another issuer": make_claims(iss="https://evil.example/"),
        "issuer without trailing slash": make_claims(iss=factory.issuer.rstrip("/")),
        "issuer is a list": make_claims(iss=[factory.issuer]),
        "no issuer": make_claims(iss=...),
        "expired": make_claims(iat=now - 7200, exp=now - 3600),
        "no exp": make_claims(exp=...),
        "exp is a string": make_claims(exp=str(now + 600)),
        "exp true": make_claims(exp=True),
        "exp NaN": _with_literal(make_claims(), "exp", "NaN"),
        "exp infinite": _with_literal(make_claims(), "exp", "1e400"),
        "exp huge": _with_literal(make_claims(), "exp", "9" * 3000),
        "exp with a fraction": _with_literal(make_claims(), "exp", f"{now + 600}.5"),
        "not yet valid": make_claims(nbf=now + 3600),
        "nbf NaN": _with_literal(make_claims(), "nbf", "NaN"),
        "issued in the future": make_claims(iat=now + 3600, exp=now + 7200),
        "no iat": make_claims(iat=...),
        "no sub": make_claims(sub=...),
        "sub is a number": make_claims(sub=5),
        "sub empty": make_claims(sub=""),
        "sub long": make_claims(sub="auth0|" + "x" * 300),
        "sub twice": json.dumps(make_claims())[:-1] + ', "sub": "auth0|usr_x"}',
        "a machine": make_claims(sub="dutyline-machine@clients"),
        "unknown user": make_claims(sub="auth0|usr_01J00000000000000000000000"),
        "another connection": make_claims(sub=make_claims()["sub"].replace("auth0|", "google-oauth2|")),
        "claims are a list": "[1]",
        "claims are a string": '"x"',
        "claims deep": _with_literal(make_claims(), "a", deep_json),
        "claims are not JSON": "{",
    }
    return {
        "alg none": build_token(make_header(alg="none"), make_claims(), no_signature),
        "alg NoNe": build_token(make_header(alg="NoNe"), make_claims(), no_signature),
        "alg none, signed": build_token(make_header(alg="none"), make_claims(), rs256(factory.private_key)),
        "HS256 with the public key": build_token(
            make_header(alg="HS256"), make_claims(), hs256(factory.public_key_pem)
        ),
        "PS256 with the right key": build_token(make_header(alg="PS256"), make_claims(), ps256(factory.private_key)),
        "foreign key": build_token(make_header(), make_claims(), foreign_signer),
        "foreign key in jwk": build_token(make_header(jwk=jwk), make_claims(), foreign_signer),
        "key URL in jku": build_token(make_header(jku="http://127.0.0.1:9/k"), make_claims(), foreign_signer),
        "certificate in x5c": build_token(
            make_header(x5u="http://127.0.0.1:9/", x5c=["A"]), make_claims(), foreign_signer
        ),
        "alg twice": build_token(
            json.dumps(make_header())[:-1] + ', "alg": "none"}', make_claims(), rs256(factory.private_key)
        ),
        "header is a list": build_token("[]", make_claims(), rs256(factory.private_key)),
        "header deep": build_token(f'{{"alg":"RS256","kid":"k","a":{deep_json}}}', make_claims(), no_signature),
        "1 MB": build_token(make_header(pad="A" * 1_000_000), make_claims(), no_signature)[:30_000],
        "five parts": "a.b.c.d.e",
        "two parts": "a.b",
        "three empty parts": "..",
        "not base64": "!.!.!",
        "cut signature": valid_token[:-6],
        "changed claims": valid_token.replace(
            valid_token.split(".")[1], base64url(json.dumps(make_claims()).encode())[::-1]
        ),
        **{name: factory.sign_token(header=value) for name, value in header_cases.items()},
        **{name: factory.sign_token(claims=value) for name, value in claim_cases.items()},
    }


def test_hostile_tokens_are_401(
    test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    factory = TokenFactory(env, f"auth0|{test_users.ann.id}")
    hostile_cases = hostile_tokens(factory)
    with httpx.Client(base_url=test_users.ann.web) as client:
        for name, bearer_token in hostile_cases.items():
            response = client.get("/user", headers={"Authorization": f"Bearer {bearer_token}"})
            assert response.status_code in (400, 401, 431), f"{name}: {response.status_code}"
            if response.headers.get("content-type") != "application/problem+json":
                continue  # the server itself refuses what is no HTTP, or larger than 64 KiB
            if response.status_code == 431:
                assert parse_problem(response)["code"] == "headers_too_large", name
            else:
                assert parse_problem(response)["status"] == 401, name
                assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]
        for name, bearer_token in {
            "plain": factory.sign_token(),
            "at+jwt": factory.sign_token(factory.make_header(typ="at+jwt")),
        }.items():
            response = client.get("/user", headers={"Authorization": f"Bearer {bearer_token}"})
            assert response.status_code == 200, name
    record_figure(f"tokens: {len(hostile_cases)} hostile tokens refused")


def test_challenge_names_an_error_only_if_a_token_came(test_users: UserFixtures) -> None:
    challenge = 'Bearer realm="dutyline"'
    invalid = f'{challenge}, error="invalid_token", error_description="The access token is not valid; sign in again."'
    for header, expected in {
        None: challenge,
        "Basic eDp5": challenge,
        "Bearer x": invalid,
        "bearer x": invalid,
    }.items():
        headers = {"Authorization": header} if header else {}
        response = httpx.get(f"{test_users.ann.web}/user", headers=headers)
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, expected)
    forbidden = test_users.sam.get("/userManagement")
    assert forbidden.status_code == 403
    assert "WWW-Authenticate" not in forbidden.headers


def test_unknown_key_ids_do_not_cause_repeated_fetches(test_users: UserFixtures, env: Environment) -> None:
    factory = TokenFactory(env, f"auth0|{test_users.ann.id}")
    with env.apply_plan() as fault_plan:
        for number in range(20):
            bearer_token = factory.sign_token(factory.make_header(kid=f"made-up-{number}"))
            response = httpx.get(f"{test_users.ann.web}/user", headers={"Authorization": f"Bearer {bearer_token}"})
            assert response.status_code == 401
    assert len([call for call in fault_plan.calls if call.service == "identity"]) <= 1


def test_32_threads_with_an_empty_cache_cause_a_single_fetch(test_users: UserFixtures, env: Environment) -> None:
    keys = tokens.KeyStore(f"{env.issuer}.well-known/jwks.json")
    valid_token = TokenFactory(env, "auth0|usr_x").sign_token()
    barrier = threading.Barrier(32)
    subjects = []

    def verify_token() -> None:
        barrier.wait()
        subjects.append(tokens.verify_token(valid_token, keys)["sub"])

    with env.apply_plan() as fault_plan:
        threads = [threading.Thread(target=verify_token) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert subjects == ["auth0|usr_x"] * 32
    assert len(fault_plan.calls) == 1


def test_loaded_keys_are_used_while_the_issuer_is_down(env: Environment) -> None:
    clock = [0.0]
    keys = tokens.KeyStore(f"{env.issuer}.well-known/jwks.json", clock=lambda: clock[0])
    valid_token = TokenFactory(env, "auth0|usr_x").sign_token()
    assert tokens.verify_token(valid_token, keys)

    with env.apply_plan(FaultPlan(always={"identity": "refuse"})):
        clock[0] = tokens.KEYS_USABLE_FOR - 1
        assert tokens.verify_token(valid_token, keys)
        time.sleep(0.3)  # the background refresh fails
        clock[0] = tokens.KEYS_USABLE_FOR + tokens.COOLDOWN
        with pytest.raises(tokens.KeysUnavailable):
            tokens.verify_token(valid_token, keys)

    clock[0] += tokens.COOLDOWN
    assert tokens.verify_token(valid_token, keys)


def test_old_and_new_tokens_work_after_a_key_rotation(test_users: UserFixtures, env: Environment) -> None:
    old_token = TokenFactory(env, f"auth0|{test_users.ann.id}").sign_token()
    headers = {"Authorization": f"Bearer {old_token}"}
    assert httpx.get(f"{test_users.ann.web}/user", headers=headers).status_code == 200

    httpx.post(f"{env.issuer}_local/rotate").raise_for_status()

    new_token = TokenFactory(env, f"auth0|{test_users.ann.id}").sign_token()
    assert json.loads(base64.b64decode(new_token.split(".")[0] + "=="))["kid"] not in old_token
    for bearer_token in (new_token, old_token):
        headers = {"Authorization": f"Bearer {bearer_token}"}
        assert httpx.get(f"{test_users.ann.web}/user", headers=headers).status_code == 200


def test_unannounced_key_is_fetched_after_the_cooldown() -> None:
    tenant = Auth0Tenant(":memory:", issuer="http://127.0.0.1/")
    emulator = Emulator(malformed_response=lambda text: json_response({}, 400))
    TokenApi(tenant).register_routes(emulator)
    clock = [0.0]
    with create_server(emulator, 0) as http_server:
        threading.Thread(target=http_server.serve_forever, args=(0.02,), daemon=True).start()
        jwks_url = f"http://127.0.0.1:{http_server.server_port}/.well-known/jwks.json"
        keys = tokens.KeyStore(jwks_url, clock=lambda: clock[0])
        first_kid = tenant.signing_keys()[-2]["kid"]
        assert keys.get(first_kid)
        tenant.rotate_keys()
        tenant.rotate_keys()
        third_kid = tenant.signing_keys()[-2]["kid"]
        with pytest.raises(tokens.InvalidToken):
            keys.get(third_kid)
        clock[0] = tokens.COOLDOWN + 1
        assert keys.get(third_kid)
        http_server.shutdown()
    tenant.close()


@pytest.mark.parametrize("fault_kind", ["refuse", "503", "nonsense", "hang"])
def test_missing_keys_return_503_quickly(test_users: UserFixtures, env: Environment, fault_kind: str) -> None:
    fault_rule = {"path": "/.well-known/jwks.json", "fault": "slow", "seconds": 8, "times": 3}
    httpx.post(f"{env.issuer}_local/faults", json=fault_rule if fault_kind == "hang" else fault_rule | {"times": 0})
    faults = {} if fault_kind == "hang" else {"identity": fault_kind}
    try:
        with env.apply_plan(FaultPlan(always=faults)):
            web = env.start_web("cold", free_port())
            for _ in range(2):
                started = time.monotonic()
                response = httpx.get(
                    f"{web}/user", headers={"Authorization": f"Bearer {test_users.ann.token}"}, timeout=20
                )
                assert response.status_code == 503, response.text
                assert int(parse_problem(response)["status"]) == 503
                assert int(response.headers["Retry-After"]) > 0
                assert time.monotonic() - started < 5
    finally:
        httpx.delete(f"{env.issuer}_local/faults")
        env.stop("cold")


def test_keys_are_loaded_before_requests_need_them(env: Environment) -> None:
    """A failed attempt at the start of a process does not count: the first request tries again."""
    keys = tokens.KeyStore(f"{env.issuer}.well-known/jwks.json", clock=lambda: 0.0)
    valid_token = TokenFactory(env, "auth0|usr_x").sign_token()
    with env.apply_plan(FaultPlan(always={"identity": "refuse"})) as fault_plan:
        keys.load()
    assert len(fault_plan.calls) == 1
    assert tokens.verify_token(valid_token, keys)

    keys = tokens.KeyStore(f"{env.issuer}.well-known/jwks.json", clock=lambda: 0.0)
    keys.load()
    with env.apply_plan(FaultPlan(always={"identity": "refuse"})) as fault_plan:
        assert tokens.verify_token(valid_token, keys)
    assert not fault_plan.calls


def test_unusable_jwks_keys_are_ignored(env: Environment) -> None:
    valid_key = env.tenant().jwks()["keys"][-1]
    unusable_keys = [
        {**valid_key, "kid": "enc", "use": "enc"},
        {**valid_key, "kid": "other alg", "alg": "RS512"},
        {**valid_key, "kid": 7},
        {**valid_key, "kid": "broken", "n": "!"},
        {"kty": "oct", "kid": "secret", "k": "AAAA"},
        "not a key",
    ]

    assert list(tokens.parse_signing_keys({"keys": [valid_key, *unusable_keys]})) == [valid_key["kid"]]
    assert tokens.parse_signing_keys([]) == {}
    assert tokens.parse_signing_keys({"keys": "x"}) == {}
