"""Signing in at another computer: the codes, the questions of the app, and everything that may be tried with them."""

import re
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.backend.accounts.reading import Reading
from tests.backend.accounts.stand import PASSWORD, Stand, at_once, client, hidden_fields, in_turn
from uploader.backend import rate_limit
from uploader.backend.accounts.commands import disable_user
from uploader.backend.accounts.limits import DEVICE_WINDOW, DEVICES_PER_ADDRESS
from uploader.backend.store.sign_in_models import OAuthDevice


def error(stand: Stand, codes: dict[str, Any]) -> str:
    """What the app hears when it asks."""
    reply = stand.poll(codes["device_code"])
    assert reply.status_code == 400, reply.text
    return str(reply.json()["error"])


def allow(stand: Stand, codes: dict[str, Any]) -> None:
    assert "<h1>Allowed</h1>" in stand.confirm(stand.enter_code(codes["user_code"])).text


def test_an_app_waits_for_a_person_at_another_computer_and_is_let_in(stand: Stand):
    codes = stand.device()
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", codes["user_code"])
    assert codes["verification_uri"] == f"{stand.backend.base_url}/device"
    assert codes["verification_uri_complete"] == f"{stand.backend.base_url}/device?user_code={codes['user_code']}"
    assert (codes["expires_in"], codes["interval"]) == (600, 5)
    assert error(stand, codes) == "authorization_pending"

    page = stand.browser.get(codes["verification_uri_complete"])
    assert [one["value"] for one in Reading(page.text).inputs()] == [codes["user_code"]]
    asks = stand.enter_code(codes["user_code"])
    assert f"The Reelferry app that shows the code {codes['user_code']} asks to upload videos" in asks.text
    assert "If somebody sent it to you, do not." in asks.text
    stand.clock.pass_by(seconds=5)
    assert error(stand, codes) == "authorization_pending", "a code that was looked at is not yet allowed"

    assert "<h1>Allowed</h1>" in stand.confirm(asks).text
    pair = stand.poll(codes["device_code"]).json()
    assert stand.whoami(pair["access_token"]).json() == {"username": "ada"}
    again = stand.refresh(pair["refresh_token"]).json()
    assert stand.revoke(again["refresh_token"]).status_code == 200
    assert stand.whoami(again["access_token"]).status_code == 401


@pytest.mark.parametrize(
    "how", [str.lower, lambda code: code.replace("-", ""), lambda code: f" {code.replace('-', ' ')} "]
)
def test_a_code_may_be_typed_as_people_type(stand: Stand, how: Any):  # noqa: ANN401 (str.lower has many signatures)
    codes = stand.device()
    assert codes["user_code"] in stand.enter_code(how(codes["user_code"])).text


def test_who_says_no_turns_the_app_away_without_a_password(stand: Stand):
    codes = stand.device()
    form = {**hidden_fields(stand.enter_code(codes["user_code"]).text), "answer": "no"}
    assert "Nobody was signed in on the other computer." in stand.browser.post("/device/confirm", data=form).text
    assert error(stand, codes) == "access_denied"


def test_an_app_that_asks_too_often_is_told_to_slow_down(stand: Stand):
    codes = stand.device()
    heard = []
    for seconds in (0, 1, 3, 5, 10):
        stand.clock.pass_by(seconds=seconds)
        heard.append(error(stand, codes))
    assert heard == [
        "authorization_pending",
        "slow_down",
        "slow_down",
        "authorization_pending",
        "authorization_pending",
    ]


def test_the_codes_live_ten_minutes(stand: Stand):
    codes, late = stand.device(), stand.device()
    page = stand.enter_code(codes["user_code"])
    stand.clock.pass_by(minutes=9, seconds=59)
    allow(stand, late)
    stand.clock.pass_by(seconds=1)
    assert "are over" in stand.confirm(page).text
    assert "are over" in stand.enter_code(codes["user_code"]).text
    assert error(stand, codes) == "expired_token"
    assert error(stand, late) == "expired_token", "allowed too late to be fetched"


def test_a_device_code_is_good_once(stand: Stand):
    codes = stand.device()
    allow(stand, codes)
    assert stand.poll(codes["device_code"]).status_code == 200
    assert error(stand, codes) == "invalid_grant"


def test_of_eight_who_redeem_one_device_code_one_succeeds(stand: Stand):
    codes = stand.device()
    allow(stand, codes)
    replies = at_once(8, lambda: stand.poll(codes["device_code"]))
    assert sorted(reply.status_code for reply in replies) == [200] + [400] * 7
    assert {reply.json()["error"] for reply in replies if reply.status_code == 400} == {"invalid_grant"}


def test_a_code_is_answered_once(stand: Stand):
    codes = stand.device()
    first, second = stand.enter_code(codes["user_code"]), stand.enter_code(codes["user_code"])
    replies = at_once(2, in_turn(lambda: stand.confirm(first), lambda: stand.confirm(second)))
    assert sorted("<h1>Allowed</h1>" in reply.text for reply in replies) == [False, True]
    refusal = {**hidden_fields(second.text), "answer": "no"}
    assert "not known here" in stand.browser.post("/device/confirm", data=refusal).text
    assert stand.poll(codes["device_code"]).status_code == 200


def test_thirty_guessed_codes_at_once_are_five_tries(stand: Stand):
    hidden = hidden_fields(stand.browser.get("/device").text)
    form = {**hidden, "user_code": "BBBB-BBBB"}
    replies = at_once(30, lambda: stand.browser.post("/device", data=form))
    assert sorted(reply.status_code for reply in replies) == [403] * 5 + [429] * 25
    late = next(reply for reply in replies if reply.status_code == 429)
    assert 0 < int(late.headers["retry-after"]) <= DEVICE_WINDOW
    codes = stand.device()
    assert stand.enter_code(codes["user_code"]).status_code == 429, "the right code does not help now"
    stand.clock.pass_by(minutes=10)
    allow(stand, stand.device())


def test_right_codes_are_not_counted(stand: Stand):
    assert [stand.enter_code(stand.device()["user_code"]).status_code for _ in range(7)] == [200] * 7


def test_the_second_page_cannot_be_had_by_guessing_codes(stand: Stand):
    mine, other = stand.device(), stand.device()
    form = hidden_fields(stand.enter_code(mine["user_code"]).text)
    form |= {"user_code": other["user_code"], "username": "ada", "password": PASSWORD}
    assert stand.browser.post("/device/confirm", data=form).status_code == 403
    assert error(stand, other) == "authorization_pending"


def test_another_browser_cannot_send_the_form(stand: Stand):
    codes = stand.device()
    form = {**hidden_fields(stand.enter_code(codes["user_code"]).text), "username": "ada", "password": PASSWORD}
    with client(stand.backend.base_url) as stranger:
        assert stranger.post("/device/confirm", data=form).status_code == 403
    foreign = stand.browser.post("/device/confirm", data=form, headers={"Origin": "https://evil.test"})
    assert foreign.status_code == 403
    assert error(stand, codes) == "authorization_pending"


def test_a_wrong_password_lets_nobody_in_and_five_of_them_close_the_account(stand: Stand):
    codes = stand.device()
    page = stand.enter_code(codes["user_code"])
    statuses = [stand.confirm(page, password="wrong").status_code for _ in range(6)]
    assert statuses == [403] * 5 + [429]
    assert error(stand, codes) == "authorization_pending"


def test_an_account_switched_off_meanwhile_is_not_let_in(new_stand: Stand):
    codes, refused = new_stand.device(), new_stand.device()
    allow(new_stand, codes)
    disable_user(new_stand.database, "ada", new_stand.clock())
    assert error(new_stand, codes) == "invalid_grant"
    assert "This account is switched off." in new_stand.confirm(new_stand.enter_code(refused["user_code"])).text


@pytest.mark.parametrize(
    ("form", "error_code"),
    [
        ({}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": "reelferry-desktop", "client_secret": "guess"}, "invalid_client"),
        ({"client_id": "reelferry-desktop", "scope": "admin"}, "invalid_scope"),
        ({"client_id": "reelferry-desktop", "scope": "offline_access"}, "invalid_scope"),
    ],
)
def test_only_the_app_gets_codes_and_only_for_what_it_may(stand: Stand, form: dict[str, str], error_code: str):
    reply = stand.app.post("/oauth/device_authorization", data=form)
    assert (reply.status_code, reply.json()["error"]) == (400, error_code)


@pytest.mark.parametrize("form", [{}, {"device_code": ""}, {"device_code": "guess"}])
def test_a_question_without_a_good_code_is_refused(stand: Stand, form: dict[str, str]):
    reply = stand.token(grant_type="urn:ietf:params:oauth:grant-type:device_code", **form)
    assert reply.status_code == 400
    assert reply.json()["error"] in {"invalid_request", "invalid_grant"}


def test_a_device_code_is_no_authorization_code(stand: Stand):
    codes = stand.device()
    allow(stand, codes)
    assert stand.redeem(codes["device_code"]).json()["error"] == "invalid_grant"
    assert stand.poll(stand.code()).json()["error"] == "invalid_grant"


def test_of_twelve_who_want_codes_at_once_the_six_that_are_left_get_some(new_stand: Stand):
    now = new_stand.clock()
    for _ in range(DEVICES_PER_ADDRESS - 6):
        rate_limit.allow(new_stand.database, "device:127.0.0.1", DEVICES_PER_ADDRESS, DEVICE_WINDOW, now)
    form = {"client_id": "reelferry-desktop"}
    replies = at_once(12, lambda: new_stand.app.post("/oauth/device_authorization", data=form))
    assert sorted(reply.status_code for reply in replies) == [200] * 6 + [429] * 6


def test_what_is_over_is_tidied_away_and_codes_are_not_in_the_database(new_stand: Stand):
    old = new_stand.device()
    new_stand.clock.pass_by(minutes=20)
    codes = new_stand.device()
    with new_stand.database.read() as session:
        (row,) = session.scalars(select(OAuthDevice))
        assert session.scalar(select(func.count()).where(OAuthDevice.hash == codes["device_code"])) == 0
        assert row.user_code == codes["user_code"].replace("-", "")
    assert error(new_stand, old) == "invalid_grant"
