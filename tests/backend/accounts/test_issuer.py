"""Accounts that an issuer elsewhere keeps: whose tokens are taken, whose are not, and what happens while it is away."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from joserfc.jwk import OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from sqlalchemy import func, select

from tests.backend.accounts.issuer_host import AUDIENCE, IssuerHost, ec_key, issuing
from tests.backend.accounts.stand import at_once
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import client, serving
from uploader.backend.accounts import issuer_keys, users
from uploader.backend.accounts.issuer_keys import IssuerAway, IssuerKeys
from uploader.backend.context import Backend
from uploader.backend.store.models import User, now

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})


@pytest.fixture(scope="module")
def host() -> Iterator[IssuerHost]:
    with issuing() as host:
        host.keys = [ec_key("one"), RSA, OKPKey.generate_key("Ed25519", {"kid": "okp", "use": "sig"})]
        yield host


@pytest.fixture(scope="module")
def backend(database_kind: str, host: IssuerHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A server whose accounts that issuer keeps."""
    folder = tmp_path_factory.mktemp("server")
    environ = {"AUTH_ISSUER": host.url, "AUTH_AUDIENCE": AUDIENCE, "AUTH_CLIENT_ID": "films-app"}
    with serving(folder, {"local": FakeProvider}, **environ) as backend:
        yield backend


@pytest.fixture(scope="module")
def http(backend: Backend) -> Iterator[httpx.Client]:
    with client(backend) as http:
        yield http


def me(http: httpx.Client, token: str) -> httpx.Response:
    return http.get("/api/me", headers={"Authorization": f"Bearer {token}"})


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def encoded(part: object) -> str:
    return base64url(json.dumps(part).encode())


def test_a_token_of_the_issuer_speaks_for_a_person_who_becomes_a_user(http: httpx.Client, host: IssuerHost):
    token = host.token(sub="ada-1", name="Ada  Lovelace", preferred_username="Ada.L@films.example")
    first = me(http, token)
    assert first.status_code == 200, first.text
    assert (first.json()["username"], first.json()["name"]) == ("ada.l", "Ada Lovelace")
    again = me(http, host.token(sub="ada-1", name="Another name"))
    assert again.json() == first.json(), "the same person, however they are called today"
    assert me(http, host.token(sub="ada-2", preferred_username="ada.l")).json()["id"] != first.json()["id"]


@pytest.mark.parametrize(("alg", "kid"), [("ES256", "one"), ("RS256", "rsa"), ("PS256", "rsa"), ("Ed25519", "okp")])
def test_every_signature_on_the_list_is_verified(http: httpx.Client, host: IssuerHost, alg: str, kid: str):
    (key,) = [key for key in host.keys if key.kid == kid]
    assert me(http, host.token(header={"alg": alg}, key=key)).status_code == 200


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", None])
def test_issuers_name_their_tokens_in_several_ways(http: httpx.Client, host: IssuerHost, typ: str | None):
    assert me(http, host.token(header={"typ": typ})).status_code == 200


def unsigned(host: IssuerHost) -> str:
    return f"{encoded({'alg': 'none', 'typ': 'at+jwt'})}.{encoded(host.claims())}."


def signed_with_nothing(host: IssuerHost) -> str:
    return f"{encoded({'alg': 'none', 'kid': 'one', 'typ': 'at+jwt'})}.{encoded(host.claims())}.AAAA"


def public_key_as_secret(host: IssuerHost) -> str:
    text = f"{encoded({'alg': 'HS256', 'kid': 'rsa', 'typ': 'at+jwt'})}.{encoded(host.claims())}"
    return f"{text}.{base64url(hmac.digest(RSA.as_pem(private=False), text.encode(), 'sha256'))}"


def unknown_critical_header(host: IssuerHost) -> str:
    header = {"alg": "ES256", "kid": "one", "typ": "at+jwt", "crit": ["holder"], "holder": "somebody"}
    text = f"{encoded(header)}.{encoded(host.claims())}"
    return f"{text}.{base64url(JWSRegistry.algorithms['ES256'].sign(text.encode(), host.keys[0]))}"


def key_in_the_header(host: IssuerHost) -> str:
    own = ec_key("one")
    return host.token(key=own, header={"jwk": own.as_dict(private=False)})


def changed_after_signing(host: IssuerHost) -> str:
    head, _, signature = host.token().split(".")
    return f"{head}.{encoded(host.claims(sub='somebody-else'))}.{signature}"


ATTACKS: dict[str, Callable[[IssuerHost], str]] = {
    "alg none": unsigned,
    "alg none with a signature": signed_with_nothing,
    "HS256 with the public key as the secret": public_key_as_secret,
    "a forged key under a known name": lambda host: host.token(key=ec_key("one")),
    "a key of its own in the header": key_in_the_header,
    "a key set of its own in the header": lambda host: host.token(
        key=ec_key("one"), header={"jku": "https://evil.test/keys", "x5u": "https://evil.test/chain"}
    ),
    "a key nobody published": lambda host: host.token(key=ec_key("unknown")),
    "no key named where there are several": lambda host: host.token(header={"kid": None}),
    "a critical header we do not know": unknown_critical_header,
    "changed after signing": changed_after_signing,
    "an algorithm that does not fit the key": lambda host: host.token(key=ec_key("rsa")),
    "another audience": lambda host: host.token(aud="https://other.example/api"),
    "no audience": lambda host: host.token(aud=None),
    "the app's own audience, as an ID token": lambda host: host.token(aud="films-app"),
    "an audience that only begins like ours": lambda host: host.token(aud=f"{AUDIENCE}.evil.test"),
    "another issuer": lambda host: host.token(iss="https://evil.test"),
    "no issuer": lambda host: host.token(iss=None),
    "expired": lambda host: host.token(exp=int(time.time()) - 60),
    "no end": lambda host: host.token(exp=None),
    "an end that is no number": lambda host: host.token(exp="tomorrow"),
    "not yet valid": lambda host: host.token(nbf=int(time.time()) + 120),
    "issued in the future": lambda host: host.token(iat=int(time.time()) + 120),
    "nobody": lambda host: host.token(sub=None),
    "an empty name": lambda host: host.token(sub=""),
    "a name that is no text": lambda host: host.token(sub=7),
    "a name too long to keep": lambda host: host.token(sub="x" * 256),
    "bound to a key that the bearer does not show": lambda host: host.token(cnf={"jkt": "x"}),
    "a token of another kind": lambda host: host.token(header={"typ": "logout+jwt"}),
    "our own kind of token": lambda _: "vu_at_" + "x" * 43,
    "too long": lambda host: host.token(name="x" * 10_000),
    "no JSON": lambda _: "AAAA.AAAA.AAAA",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_other_token_opens_the_door(http: httpx.Client, host: IssuerHost, attack: str):
    reply = me(http, ATTACKS[attack](host))
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]


def test_clocks_may_differ_by_half_a_minute(http: httpx.Client, host: IssuerHost):
    at = int(time.time())
    assert me(http, host.token(nbf=at + 29, iat=at + 29)).status_code == 200
    assert me(http, host.token(exp=at - 10)).status_code == 200


def test_one_of_several_audiences_will_do(http: httpx.Client, host: IssuerHost):
    assert me(http, host.token(aud=["https://other.example", AUDIENCE])).status_code == 200


def test_of_sixteen_first_requests_at_once_one_user_is_made(http: httpx.Client, host: IssuerHost, backend: Backend):
    token = host.token(sub="crowd", preferred_username="crowd")
    assert {reply.status_code for reply in at_once(16, lambda: me(http, token))} == {200}
    with backend.database.read() as session:
        assert session.scalar(select(func.count()).where(User.auth_subject == "crowd")) == 1


def test_somebody_switched_off_here_stays_out(http: httpx.Client, host: IssuerHost, backend: Backend):
    token = host.token(sub="gone")
    assert me(http, token).status_code == 200
    with backend.database.write() as session:
        user = users.of_subject(session, host.url, "gone")
        assert user is not None
        users.disable(session, user, now())
    assert me(http, token).status_code == 401


def test_an_account_made_here_is_nobodys_at_the_issuer(http: httpx.Client, host: IssuerHost, backend: Backend):
    with backend.database.write() as session:
        own = users.create(session, "operator", "Operator", None, now())
    found = me(http, host.token(sub="stranger", preferred_username="operator")).json()
    assert found["id"] != own.id
    assert found["username"].startswith("operator-")


def test_a_token_without_a_name_has_the_issuer_asked_for_it(http: httpx.Client, host: IssuerHost):
    host.people = {"sub": "asked", "name": "Grace Hopper", "preferred_username": "grace"}
    assert me(http, host.token(sub="asked")).json()["name"] == "Grace Hopper"
    other = me(http, host.token(sub="not-asked")).json()
    assert other["name"].startswith("person-"), "what it says of somebody else does not count"


def test_the_servers_own_sign_in_is_switched_off_and_says_where_to_go(http: httpx.Client, backend: Backend):
    for path in ("/oauth/authorize", "/device", "/sign-out", "/setup/x", "/.well-known/oauth-authorization-server"):
        assert http.get(path).status_code == 404
    for path in ("/oauth/token", "/oauth/revoke", "/oauth/device_authorization"):
        assert http.post(path).status_code == 404
    assert http.get("/.well-known/oauth-protected-resource").json() == {
        "resource": backend.base_url,
        "authorization_servers": [backend.config.issuer and backend.config.issuer.url],
        "scopes_supported": ["openid", "profile", "offline_access"],
        "bearer_methods_supported": ["header"],
        "reelferry_client_id": "films-app",
        "reelferry_parameters": {"resource": AUDIENCE},
        "reelferry_redirect_ports": [],
    }
    assert http.get("/api/config").json()["capabilities"] == ["events"]


def test_signing_out_everywhere_is_the_issuers_to_do(http: httpx.Client, host: IssuerHost):
    reply = http.post("/api/me/sign-out-everywhere", headers={"Authorization": f"Bearer {host.token()}"})
    assert (reply.status_code, reply.json()["code"]) == (409, "accounts_elsewhere")
    assert host.url in reply.json()["error"]


@pytest.mark.loud
def test_while_the_issuer_is_away_nobody_is_told_that_their_sign_in_is_over(tmp_path: Path):
    with (
        issuing() as host,
        serving(tmp_path, {"local": FakeProvider}, AUTH_ISSUER=host.url, AUTH_AUDIENCE=AUDIENCE) as backend,
        client(backend) as http,
    ):
        host.away = True
        assert backend.issuer is not None
        backend.issuer._keys._clock = lambda: 1000.0  # slow as this machine may be, it is one moment
        for _ in range(2):
            reply = me(http, host.token())
            assert (reply.status_code, reply.json()["code"]) == (503, "issuer_away")
            assert 0 < int(reply.headers["retry-after"]) <= 10
        assert len(host.requests) == 1, "and it is not asked again at once"
        assert me(http, "AAAA.AAAA.AAAA").status_code == 401, "nonsense is nonsense whoever is away"


class Minutes:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def turning() -> Iterator[tuple[IssuerHost, IssuerKeys, Minutes]]:
    """An issuer of this test's own, its keys as we know them, and the clock they age by."""
    clock = Minutes()
    with issuing() as host:
        yield host, IssuerKeys(host.url, clock), clock


def test_keys_are_fetched_once_an_hour(turning: tuple[IssuerHost, IssuerKeys, Minutes]):
    host, keys, clock = turning
    assert {keys.known("one").has("one") for _ in range(5)} == {True}
    clock.pass_by(issuer_keys.FRESH - 1)
    keys.known("one")
    assert host.asked("/keys") == 1
    clock.pass_by(1)
    keys.known("one")
    assert host.asked("/keys") == 2


def test_a_new_key_is_found_within_a_minute_and_guesses_fetch_nothing(turning: tuple[IssuerHost, IssuerKeys, Minutes]):
    host, keys, clock = turning
    keys.known("one")
    host.keys.insert(0, ec_key("two"))
    for guess in range(20):
        assert not keys.known(f"guess {guess}").has("two")
    assert host.asked("/keys") == 1
    clock.pass_by(issuer_keys.PAUSE)
    assert keys.known("two").has("two")
    at_once(8, lambda: keys.known("guess"))
    assert host.asked("/keys") == 2


def test_threads_that_all_need_the_keys_fetch_them_once(turning: tuple[IssuerHost, IssuerKeys, Minutes]):
    host, keys, _ = turning
    assert all(known.has("one") for known in at_once(8, lambda: keys.known("one")))
    assert host.asked("/keys") == 1


@pytest.mark.loud
def test_known_keys_outlive_an_issuer_that_is_away_for_a_day(turning: tuple[IssuerHost, IssuerKeys, Minutes]):
    host, keys, clock = turning
    keys.known("one")
    host.away = True
    clock.pass_by(issuer_keys.FRESH)
    assert keys.known("one").has("one")
    with pytest.raises(IssuerAway):
        keys.known("two")
    clock.pass_by(issuer_keys.STALE)
    with pytest.raises(IssuerAway):
        keys.known("one")
    host.away = False
    clock.pass_by(issuer_keys.PAUSE_AFTER_FAILURE)
    assert keys.known("one").has("one")


@pytest.mark.loud
@pytest.mark.parametrize(
    "about",
    [
        {"issuer": "https://evil.test"},
        {"jwks_uri": "http://evil.test/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 5},
    ],
)
def test_an_issuer_that_is_not_what_was_asked_for_is_not_believed(
    turning: tuple[IssuerHost, IssuerKeys, Minutes], about: dict[str, object]
):
    host, keys, _ = turning
    host.about = about
    with pytest.raises(IssuerAway):
        keys.known("one")


def test_a_single_key_need_not_be_named(turning: tuple[IssuerHost, IssuerKeys, Minutes]):
    host, keys, _ = turning
    assert keys.known(None).has(None)
    assert host.asked("/keys") == 1


def test_a_user_is_remembered_for_as_long_as_the_issuer_calls_them_the_same(tmp_path: Path):
    with issuing() as host:
        environ = {"AUTH_ISSUER": f"{host.url}/", "AUTH_AUDIENCE": AUDIENCE}
        ids = []
        for _ in range(2):
            with serving(tmp_path, {"local": FakeProvider}, **environ) as backend, client(backend) as http:
                ids.append(me(http, host.token(iss=f"{host.url}/")).json()["id"])
        assert ids[0] == ids[1]
