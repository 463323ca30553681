"""Other people's OAuth clients, and a real browser, find nothing to complain about."""

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from oauthlib.oauth2 import MismatchingStateError, WebApplicationClient
from oauthlib.oauth2.rfc6749.errors import InvalidGrantError
from sqlalchemy import delete

from tests.backend.accounts.stand import PASSWORD, REDIRECT, Stand
from tests.needs import need_peer, need_program
from uploader.backend.accounts.asked import CLIENT_ID, SCOPES
from uploader.backend.accounts.setup import setup_link
from uploader.backend.store.models import User

SCRIPT = Path(__file__).with_name("openid_client.mjs")
PERSON = Path(__file__).with_name("person.mjs")


@pytest.mark.peer
def test_openid_client_passes_every_flow(stand: Stand, tmp_path: Path):
    peers = need_peer("openid-client")
    script = shutil.copy(SCRIPT, tmp_path)
    (tmp_path / "node_modules").symlink_to(peers / "node_modules")
    run = subprocess.run(
        ["node", script, stand.backend.base_url, CLIENT_ID, "ada", PASSWORD],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        "issuer": stand.backend.base_url,
        "scope": "upload offline_access",
        "first": {"username": "ada"},
        "rotated": True,
        "second": {"username": "ada"},
        "afterSignOut": "invalid_grant",
        "tokenAfterSignOut": 401,
        "answered": 200,
        "third": {"username": "ada"},
        "deviceRefreshed": "upload offline_access",
        "deviceAgain": "invalid_grant",
    }


def test_oauthlib_signs_in_refreshes_and_signs_out(stand: Stand, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # it does not know that loopback is safe
    metadata = stand.app.get("/.well-known/oauth-authorization-server").json()
    peer = WebApplicationClient(CLIENT_ID)
    verifier = peer.create_code_verifier(64)
    challenge = peer.create_code_challenge(verifier, "S256")
    url, _, _ = peer.prepare_authorization_request(
        metadata["authorization_endpoint"],
        state="abc",
        redirect_url=REDIRECT,
        scope=" ".join(SCOPES),
        code_challenge=challenge,
        code_challenge_method="S256",
    )
    back = stand.fill_in(stand.browser.get(url)).headers["location"]
    with pytest.raises(MismatchingStateError):
        peer.parse_request_uri_response(back, state="another")
    assert peer.parse_request_uri_response(back, state="abc")["iss"] == stand.backend.base_url

    url, headers, body = peer.prepare_token_request(
        metadata["token_endpoint"],
        authorization_response=back,
        redirect_url=REDIRECT,
        state="abc",
        code_verifier=verifier,
    )
    first = peer.parse_request_body_response(stand.app.post(url, headers=headers, content=body).text)
    url, headers, _ = peer.add_token(f"{stand.backend.base_url}/whoami")
    assert stand.app.get(url, headers=headers).json() == {"username": "ada"}

    url, headers, body = peer.prepare_refresh_token_request(metadata["token_endpoint"], client_id=CLIENT_ID)
    second = peer.parse_request_body_response(stand.app.post(url, headers=headers, content=body).text)
    assert second["refresh_token"] != first["refresh_token"]

    url, headers, body = peer.prepare_token_revocation_request(
        metadata["revocation_endpoint"], second["refresh_token"], client_id=CLIENT_ID
    )
    assert stand.app.post(url, headers=headers, content=body).status_code == 200
    url, headers, body = peer.prepare_refresh_token_request(metadata["token_endpoint"], client_id=CLIENT_ID)
    with pytest.raises(InvalidGrantError):
        peer.parse_request_body_response(stand.app.post(url, headers=headers, content=body).text)


@pytest.mark.peer
@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.one_database("the pages are the same after the same rows")
@pytest.mark.parametrize(
    ("host", "scheme", "window"),
    [("127.0.0.1", "light", "rgb(246, 247, 249)"), ("::1", "dark", "rgb(22, 24, 28)")],
)
def test_a_person_with_a_keyboard_in_a_real_browser_gets_back_to_the_app(
    new_stand: Stand, tmp_path: Path, host: str, scheme: str, window: str
):
    peers, chromium = need_peer("playwright-core"), need_program("chromium")
    with new_stand.database.write() as session:
        session.execute(delete(User))
    link = setup_link(new_stand.database, new_stand.backend.base_url, new_stand.clock())
    assert link is not None
    path = f"/oauth/authorize?{httpx.QueryParams(new_stand.asked(redirect_uri=None))}"
    run = subprocess.run(
        ["node", PERSON, chromium, link, path, host, scheme, tmp_path],
        cwd=peers,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    assert seen["titles"] == [
        "Create your account · Reelferry",
        "Create your account · Reelferry",
        "App",
        "Sign in · Reelferry",
        "Sign in · Reelferry",
        "App",
    ]
    queries = [httpx.URL(f"http://app{call['url']}").params for call in seen["calls"]]
    assert [sorted(query) for query in queries] == [
        ["code", "iss", "state"],
        ["code", "iss", "state"],
        ["error", "error_description", "iss", "state"],
    ]
    assert all(call["referrer"] is None for call in seen["calls"]), "the address of the set-up link stays here"
    assert seen["window"] == window
    assert not seen["overflow"]
    assert not [line for line in seen["complaints"] if "403" not in line and "422" not in line]
