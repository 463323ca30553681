"""From the sign-in page to tokens, and what an attacker tries on the way."""

import pytest

from tests.backend.accounts.stand import REDIRECT, Proof, Stand, at_once, returned
from uploader.backend.accounts import tokens


def test_signing_in_gives_the_app_a_code_and_the_code_gives_tokens(stand: Stand):
    back = stand.sign_in()
    assert back.headers["location"].startswith(f"{REDIRECT}?")
    answer = returned(back)
    assert answer["state"] == "a state"
    assert answer["iss"] == stand.backend.base_url
    reply = stand.redeem(answer["code"])
    pair = reply.json()
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == 900
    assert pair["scope"] == "upload offline_access"
    assert pair["access_token"].startswith("vu_at_")
    assert pair["refresh_token"].startswith("vu_rt_")
    assert stand.whoami(pair["access_token"]).json() == {"username": "ada"}


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.parametrize("port", [1, 5000, 65535])
def test_any_port_of_the_loopback_address_will_do(stand: Stand, host: str, port: int):
    redirect = f"http://{host}:{port}/callback"
    code = stand.code(redirect_uri=redirect)
    assert stand.redeem(code, redirect_uri=redirect).status_code == 200


@pytest.mark.parametrize(
    "redirect",
    [
        "http://127.0.0.1:5000/evil",
        "http://127.0.0.1:5000/callback/../evil",
        "http://127.0.0.1:5000/callback?x=1",
        "http://127.0.0.1:5000/callback#x",
        "https://127.0.0.1:5000/callback",
        "https://evil.test/callback",
        "http://127.0.0.1@evil.test/callback",
        "http://127.0.0.1:5000@evil.test/callback",
        "http://localhost:5000/callback",
        "http://127.0.0.1.evil.test:5000/callback",
        "http://127.0.0.2:5000/callback",
        "http://127.1:5000/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:5000/callback\r\nSet-Cookie: a=b",
        'http://127.0.0.1:5000/callback"',
        "http://127.0.0.1:5000/callbäck",
        "javascript:alert(1)",
        "",
        None,
    ],
)
def test_no_other_address_is_ever_redirected_to(stand: Stand, redirect: str | None):
    for response in (
        stand.page(redirect_uri=redirect),
        stand.browser.post(
            "/oauth/authorize", data={**stand.asked(redirect_uri=redirect), "username": "ada", "password": "x"}
        ),
    ):
        assert response.status_code == 400
        assert "location" not in response.headers
        assert "This sign-in does not work" in response.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"code_challenge": None, "code_challenge_method": None}, "invalid_request", id="no PKCE"),
        pytest.param({"code_challenge": None}, "invalid_request", id="method without challenge"),
        pytest.param({"code_challenge_method": None}, "invalid_request", id="challenge without method means plain"),
        pytest.param({"code_challenge_method": "plain"}, "invalid_request", id="plain"),
        pytest.param({"code_challenge_method": "s256"}, "invalid_request", id="misspelt method"),
        pytest.param({"code_challenge": "x" * 42}, "invalid_request", id="short challenge"),
        pytest.param({"code_challenge": "x" * 43 + "\n"}, "", id="challenge with a line end"),
        pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit"),
        pytest.param({"response_type": "code token"}, "unsupported_response_type", id="hybrid"),
        pytest.param({"scope": "upload admin"}, "invalid_scope", id="unknown scope"),
        pytest.param({"scope": "offline_access"}, "invalid_scope", id="a scope that allows nothing"),
    ],
)
def test_a_request_the_server_does_not_do_goes_back_to_the_app_as_an_error(
    stand: Stand, changes: dict[str, str | None], error: str
):
    response = stand.page(**changes)
    if not error:
        assert response.status_code == 400
        return
    answer = returned(response)
    assert answer["error"] == error
    assert answer["state"] == "a state"
    assert answer["iss"] == stand.backend.base_url
    assert "code" not in answer


@pytest.mark.parametrize("client", ["nobody", "", None, 'reelferry"desktop'])
def test_an_unknown_app_is_never_redirected_to(stand: Stand, client: str | None):
    response = stand.page(client_id=client)
    assert response.status_code == 400
    assert "location" not in response.headers


def test_an_implicit_request_to_a_foreign_address_is_not_redirected(stand: Stand):
    response = stand.page(response_type="token", redirect_uri="https://evil.test/cb")
    assert response.status_code == 400
    assert "location" not in response.headers


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "code_challenge", "state", "scope"])
def test_a_parameter_sent_twice_is_refused(stand: Stand, name: str):
    twice = {**stand.asked(), name: [stand.asked()[name]] * 2}
    response = stand.browser.get("/oauth/authorize", params=twice)
    assert response.status_code == 400
    assert "location" not in response.headers


def test_the_same_state_comes_back(stand: Stand):
    state = "a/b+c=d&e?f#g %20\"\\'"
    assert returned(stand.sign_in(state=state))["state"] == state


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"code_verifier": "x" * 50}, "invalid_grant", id="wrong verifier"),
        pytest.param({"code_verifier": "short"}, "invalid_request", id="malformed verifier"),
        pytest.param({"code_verifier": ""}, "invalid_request", id="no verifier"),
        pytest.param({"redirect_uri": "http://127.0.0.1:6000/callback"}, "invalid_grant", id="other port"),
        pytest.param({"redirect_uri": ""}, "invalid_grant", id="no redirect address"),
        pytest.param({"client_id": "nobody"}, "invalid_client", id="unknown app"),
        pytest.param({"client_id": ""}, "invalid_client", id="no app"),
        pytest.param({"client_secret": "guess"}, "invalid_client", id="a secret from an app without one"),
        pytest.param({"grant_type": "password"}, "unsupported_grant_type", id="password grant"),
        pytest.param({"grant_type": "client_credentials"}, "unsupported_grant_type", id="client credentials"),
        pytest.param({"grant_type": 'a"b'}, "invalid_request", id="characters OAuth does not know"),
        pytest.param({"code": "guess"}, "invalid_grant", id="guessed code"),
        pytest.param({"code": "gü"}, "invalid_request", id="code that is not ASCII"),
    ],
)
def test_a_code_is_worth_nothing_without_everything_that_belongs_to_it(
    stand: Stand, changes: dict[str, str], error: str
):
    code = stand.code()
    reply = stand.redeem(code, **changes)
    assert reply.status_code == 400
    assert reply.json()["error"] == error
    assert reply.headers["cache-control"] == "no-store"
    assert stand.redeem(code).status_code == 200, "a failed try must not use the code up"


def test_a_plain_verifier_does_not_match_its_challenge(stand: Stand):
    challenge = Proof().challenge
    code = stand.code(code_challenge=challenge)
    assert stand.redeem(code, code_verifier=challenge).json()["error"] == "invalid_grant"


def test_a_code_lives_one_minute(stand: Stand):
    code = stand.code()
    stand.clock.pass_by(seconds=61)
    assert stand.redeem(code).json()["error"] == "invalid_grant"


@pytest.mark.loud
def test_a_code_used_twice_ends_the_sign_in_that_came_of_it(stand: Stand):
    code = stand.code()
    pair = stand.redeem(code).json()
    assert stand.whoami(pair["access_token"]).status_code == 200
    assert stand.redeem(code).json()["error"] == "invalid_grant"
    assert stand.whoami(pair["access_token"]).status_code == 401
    assert stand.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.loud
def test_of_eight_who_redeem_one_code_one_succeeds(stand: Stand):
    code = stand.code()
    statuses = at_once(8, lambda: stand.redeem(code).status_code)
    assert sorted(statuses) == [200] + [400] * 7


def test_codes_and_tokens_are_not_in_the_database(stand: Stand):
    code = stand.code()
    pair = stand.redeem(code).json()
    content = stand.stored()
    assert tokens.digest(code).encode() in content
    for secret in (code, pair["access_token"], pair["refresh_token"]):
        assert secret.encode() not in content


def test_parameters_in_the_address_of_the_token_endpoint_do_not_count(stand: Stand):
    form = {"grant_type": "authorization_code", "code": stand.code(), "code_verifier": stand.proof.verifier}
    url = "/oauth/token"
    reply = stand.app.post(url, params={"client_id": "reelferry-desktop", "redirect_uri": REDIRECT, **form})
    assert reply.status_code == 400


def test_the_token_endpoint_takes_forms_only(stand: Stand):
    url = "/oauth/token"
    form = {"grant_type": "refresh_token", "client_id": "reelferry-desktop", "refresh_token": "x"}
    assert stand.app.post(url, json=form).json()["error"] == "unsupported_grant_type"
    assert stand.app.post(url, files={"grant_type": (None, "refresh_token")}).status_code == 400
    assert stand.app.get(url, params=form).status_code == 405


def test_an_app_that_does_not_ask_to_stay_signed_in_gets_no_refresh_token(stand: Stand):
    pair = stand.redeem(stand.code(scope="upload")).json()
    assert pair["scope"] == "upload"
    assert "refresh_token" not in pair
    assert stand.whoami(pair["access_token"]).status_code == 200


def test_an_app_that_names_no_scope_gets_all_of_them(stand: Stand):
    assert stand.redeem(stand.code(scope=None)).json()["scope"] == "upload offline_access"
