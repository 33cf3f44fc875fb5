"""Hostile key sets of the token issuer: a key must say itself what it is for, and be strong."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from social_core.exceptions import AuthResponseError
from social_django.utils import load_strategy

from accounts.auth import operators, tokens
from tests.emulators.server import Emulator, create_server, json_response
from tests.support.environment import Environment

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - the attack
SECRET = "A" * 43


def to_jwk(key: rsa.RSAPrivateKey, **members: Any) -> dict[str, Any]:
    """A published key as Auth0 writes it; a member of None is left out."""
    numbers = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k", "n": numbers["n"], "e": numbers["e"], **members}
    return {name: value for name, value in jwk.items() if value is not None}


PRIVATE_JWK = jwt.algorithms.RSAAlgorithm.to_jwk(KEY, as_dict=True)
HOSTILE_KEYS: dict[str, list[Any]] = {
    "1,024 bits": [to_jwk(WEAK_KEY)],
    "for encryption": [to_jwk(KEY, use="enc")],
    "no use": [to_jwk(KEY, use=None)],
    "use is a list": [to_jwk(KEY, use=["sig"])],
    "no algorithm": [to_jwk(KEY, alg=None)],
    "PS256": [to_jwk(KEY, alg="PS256")],
    "HS256": [to_jwk(KEY, alg="HS256")],
    "none": [to_jwk(KEY, alg="none")],
    "key_ops for encryption": [to_jwk(KEY, key_ops=["encrypt"])],
    "key_ops for signing": [to_jwk(KEY, key_ops=["sign", "verify"])],
    "key_ops empty": [to_jwk(KEY, key_ops=[])],
    "key_ops is text": [to_jwk(KEY, key_ops="verify")],
    "key_ops is null": [{**to_jwk(KEY), "key_ops": None}],
    "a private key": [{**PRIVATE_JWK, "key_ops": None, "kid": "k", "use": "sig", "alg": "RS256"}],
    "a private exponent": [to_jwk(KEY, d="AQAB", key_ops=["verify"])],
    "a secret": [{"kty": "oct", "use": "sig", "alg": "HS256", "kid": "k", "k": SECRET}],
    "a secret that calls itself RSA": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k", "k": SECRET}],
    "exponent 1": [to_jwk(KEY, e="AQ")],
    "exponent even": [to_jwk(KEY, e="AQAC")],
    "modulus is a number": [to_jwk(KEY, n=7)],
    "modulus of 64,000 bits": [to_jwk(KEY, n="_" * 10_667)],
    "no id": [to_jwk(KEY, kid=None)],
    "an id that is a list": [to_jwk(KEY, kid=["k"])],
    "one id twice": [to_jwk(WEAK_KEY), to_jwk(KEY)],
}


@pytest.fixture(scope="module")
def serve_keys(env: Environment) -> Iterator[Callable[[list[Any]], str]]:
    """Serves a key set; the URL of it."""
    current: dict[str, Any] = {}
    emulator = Emulator(lambda text: json_response({}, 400))
    emulator.add_route("GET", "/.well-known/jwks.json", lambda request: json_response(current))
    with create_server(emulator, 0) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()

        def serve(keys: list[Any]) -> str:
            current["keys"] = keys
            return f"http://127.0.0.1:{http_server.server_port}/.well-known/jwks.json"

        yield serve
        http_server.shutdown()


def sign_token(key: rsa.RSAPrivateKey | str, algorithm: str, kid: str = "k") -> str:
    now = int(time.time())
    claims = {"iss": settings.AUTH0["issuer"], "aud": settings.AUTH0["audience"], "sub": "auth0|usr_x"}
    return jwt.encode({**claims, "iat": now, "exp": now + 600}, key, algorithm=algorithm, headers={"kid": kid})


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@pytest.mark.parametrize("name", HOSTILE_KEYS)
def test_keys_that_are_not_signing_keys_verify_nothing(name: str, serve_keys: Callable[[list[Any]], str]) -> None:
    """Two of these key sets verified tokens: 1,024 bits, `key_ops` for encryption (item 16)."""
    url = serve_keys(HOSTILE_KEYS[name])
    signers: list[tuple[rsa.RSAPrivateKey | str, str]] = [(KEY, "RS256"), (WEAK_KEY, "RS256"), (SECRET, "HS256")]
    for key, algorithm in signers:
        with pytest.raises((tokens.InvalidToken, tokens.KeysUnavailable)):
            tokens.verify_token(sign_token(key, algorithm), tokens.KeyStore(url))
    assert operators.Auth0(load_strategy()).get_remote_jwks_keys(url) == []


def test_a_hostile_key_does_not_hide_the_others(serve_keys: Callable[[list[Any]], str]) -> None:
    usable = [to_jwk(KEY, kid="a"), to_jwk(KEY, kid="b", key_ops=["verify"])]
    hostile = [key for name, keys in HOSTILE_KEYS.items() if name != "modulus of 64,000 bits" for key in keys]
    url = serve_keys([*hostile, *usable])
    keys = tokens.KeyStore(url)

    for kid in ("a", "b"):
        assert tokens.verify_token(sign_token(KEY, "RS256", kid), keys)["sub"] == "auth0|usr_x"
    assert operators.Auth0(load_strategy()).get_remote_jwks_keys(url) == usable


def test_metadata_of_another_issuer_are_refused(settings: Any) -> None:
    """ASVS 10.5.3: what the configured issuer publishes must be about itself."""
    emulator = Emulator(lambda text: json_response({}, 400))
    metadata = {"issuer": "https://evil.example/", "authorization_endpoint": "https://evil.example/authorize"}
    emulator.add_route("GET", "/.well-known/openid-configuration", lambda request: json_response(metadata))
    with create_server(emulator, 0) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        settings.AUTH0 = {**settings.AUTH0, "issuer": f"http://127.0.0.1:{http_server.server_port}/"}
        with pytest.raises(AuthResponseError):
            operators.Auth0(load_strategy()).authorization_url()
        http_server.shutdown()
