"""The pages: readable by everyone, able to do nothing but send their own form."""

import base64
import hashlib
import re
from collections.abc import Callable

import httpx
import pytest
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE
from sqlalchemy import delete

from tests.backend.accounts.reading import Reading
from tests.backend.accounts.stand import PASSWORD, Stand, hidden_fields
from uploader.backend.accounts.setup import setup_link
from uploader.backend.accounts.style import STYLE
from uploader.backend.store.models import User


def sign_in_page(stand: Stand) -> httpx.Response:
    return stand.page()


def wrong_password_page(stand: Stand) -> httpx.Response:
    return stand.fill_in(stand.page(), password="wrong")


def broken_request_page(stand: Stand) -> httpx.Response:
    return stand.page(client_id="nobody")


def dead_link_page(stand: Stand) -> httpx.Response:
    return stand.browser.get("/setup/unknown")


def no_account_page(stand: Stand) -> httpx.Response:
    forget_everybody(stand)
    return stand.page()


def set_up_page(stand: Stand) -> httpx.Response:
    forget_everybody(stand)
    return stand.browser.get(setup_link(stand.database, "", stand.clock()) or "")


def refused_set_up_page(stand: Stand) -> httpx.Response:
    page = set_up_page(stand)
    form = {**hidden_fields(page.text), "username": "!", "name": "n" * 81, "password": "x", "password_again": "y"}
    return stand.browser.post(page.url.path, data=form)


def finished_page(stand: Stand) -> httpx.Response:
    page = set_up_page(stand)
    typed = {"username": "grace", "password": "a good password", "password_again": "a good password"}
    return stand.browser.post(page.url.path, data={**hidden_fields(page.text), **typed})


def code_page(stand: Stand) -> httpx.Response:
    return stand.browser.get("/device", params={"user_code": "bcdf-ghjk"})


def unknown_code_page(stand: Stand) -> httpx.Response:
    return stand.enter_code("BBBB-BBBB")


def confirm_page(stand: Stand) -> httpx.Response:
    return stand.enter_code(stand.device()["user_code"])


def wrong_confirm_page(stand: Stand) -> httpx.Response:
    return stand.confirm(confirm_page(stand), password="wrong")


def allowed_page(stand: Stand) -> httpx.Response:
    return stand.confirm(confirm_page(stand))


def sign_out_page(stand: Stand) -> httpx.Response:
    return stand.browser.get("/sign-out")


def signed_out_page(stand: Stand) -> httpx.Response:
    form = {**hidden_fields(sign_out_page(stand).text), "username": "ada", "password": PASSWORD}
    return stand.browser.post("/sign-out", data=form)


def forget_everybody(stand: Stand) -> None:
    with stand.database.write() as session:
        session.execute(delete(User))


EVERY_PAGE = pytest.mark.parametrize(
    ("open_page", "status", "title"),
    [
        (sign_in_page, 200, "Sign in"),
        (wrong_password_page, 403, "Sign in"),
        (broken_request_page, 400, "This sign-in does not work"),
        (dead_link_page, 410, "This link is no longer valid"),
        (no_account_page, 200, "This server has no account yet"),
        (set_up_page, 200, "Create your account"),
        (refused_set_up_page, 422, "Create your account"),
        (finished_page, 201, "Your account is ready"),
        (code_page, 200, "Sign in on another computer"),
        (unknown_code_page, 403, "Sign in on another computer"),
        (confirm_page, 200, "Sign in on another computer"),
        (wrong_confirm_page, 403, "Sign in on another computer"),
        (allowed_page, 200, "Allowed"),
        (sign_out_page, 200, "Sign out everywhere"),
        (signed_out_page, 200, "You are signed out everywhere"),
    ],
)


@EVERY_PAGE
def test_every_page_can_be_read_by_everyone_and_does_nothing_by_itself(
    new_stand: Stand, open_page: Callable[[Stand], httpx.Response], status: int, title: str
):
    response = open_page(new_stand)
    page = Reading(response.text)
    assert response.status_code == status
    assert page.text("h1") == title
    assert page.text("title") == f"{title} · Reelferry"
    assert page.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")

    labels = [one["for"] for one in page.all("label")]
    assert [one["id"] for one in page.inputs()] == labels
    for one in page.inputs():
        assert one["autocomplete"]
        assert "aria-describedby" not in one or page.by_id(one["aria-describedby"])
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert sum("autofocus" in one for one in page.inputs()) == (1 if page.inputs() else 0)

    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("img")
    assert not [name for _, attributes in page.elements for name in attributes if name == "style" or name[:2] == "on"]
    assert "url(" not in response.text

    headers = response.headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    style = base64.b64encode(hashlib.sha256(page.text("style").encode()).digest()).decode()
    assert policy.pop("form-action") in {"'none'", "'self'", "'self' http://127.0.0.1:5000"}
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{style}'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_the_page_names_the_app_that_asks_and_the_server_that_answers(stand: Stand):
    page = stand.page().text
    assert "The Reelferry app on this computer asks to upload videos and post them for you." in page
    assert f"The Reelferry server at {stand.backend.base_url}" in page


def test_the_form_may_only_lead_to_this_server_and_the_app_that_asked(stand: Stand):
    policy = stand.page(redirect_uri="http://127.0.0.1:61234/callback").headers["content-security-policy"]
    assert "form-action 'self' http://127.0.0.1:61234;" in policy
    assert (
        "form-action 'self' http:;"
        in stand.page(redirect_uri="http://[::1]:1/callback").headers["content-security-policy"]
    )


def test_what_was_typed_is_kept_but_never_the_password(stand: Stand):
    page = Reading(stand.fill_in(stand.page(), username=" Ada ", password="wrong secret").text)
    values = {one["name"]: one.get("value") for one in page.inputs()}
    assert values == {"username": "ada", "password": None}
    assert "wrong secret" not in str(page.elements)
    assert {"class": "trouble", "role": "alert"} in page.all("p")


@pytest.mark.parametrize("text", ['"><script>alert(1)</script>', "' onfocus='x", "</style><b>", "&lt;b&gt;"])
def test_nothing_from_outside_becomes_markup(stand: Stand, text: str):
    for response in (
        stand.fill_in(stand.page(state=text), username=text, password="wrong"),
        stand.page(client_id=text),
        stand.browser.get("/setup/x", params={"next": text}),
        stand.browser.get("/device", params={"user_code": text}),
        stand.enter_code(text),
    ):
        page = Reading(response.text)
        assert not page.all("script")
        assert not page.all("b")
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    kept = stand.fill_in(stand.page(state=text), username=text, password="wrong").text
    assert hidden_fields(kept)["state"] == text


def test_cancelling_tells_the_app(stand: Stand):
    (cancel,) = Reading(stand.page().text).all("a")
    url = httpx.URL(cancel["href"])
    assert (url.host, url.port, url.path) == ("127.0.0.1", 5000, "/callback")
    assert url.params["error"] == "access_denied"
    assert url.params["state"] == "a state"
    assert url.params["iss"] == stand.backend.base_url


def test_discovery_says_what_there_is(stand: Stand):
    issuer = stand.backend.base_url
    found = stand.browser.get("/.well-known/oauth-authorization-server").json()
    assert found["issuer"] == issuer
    assert found["authorization_endpoint"] == f"{issuer}/oauth/authorize"
    assert found["token_endpoint"] == f"{issuer}/oauth/token"
    assert found["revocation_endpoint"] == f"{issuer}/oauth/revoke"
    assert found["response_types_supported"] == ["code"]
    assert found["device_authorization_endpoint"] == f"{issuer}/oauth/device_authorization"
    assert found["grant_types_supported"] == ["authorization_code", "refresh_token", DEVICE_CODE_GRANT_TYPE]
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["token_endpoint_auth_methods_supported"] == ["none"]
    assert found["scopes_supported"] == ["upload", "offline_access"]
    assert found["authorization_response_iss_parameter_supported"] is True


def brightness(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((brightness(one), brightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(scheme: int):
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9A-F]{6})", STYLE.split("@media (prefers")[scheme]))
    for text in ("text", "secondary", "bad"):
        assert contrast(colours[text], colours["surface"]) >= 4.5, text
        assert contrast(colours[text], colours["window"]) >= 4.5, text
    assert contrast(colours["accent"], colours["surface"]) >= 4.5
    for button in ("accent", "pressed"):
        assert contrast(colours["on-accent"], colours[button]) >= 4.5, button
    assert contrast(colours["edge"], colours["surface"]) >= 3
