"""What tokens are good for, for how long, and how they end."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.backend.accounts.stand import PASSWORD_HASH, Stand, at_once
from uploader.backend import pruning
from uploader.backend.accounts import tokens, users
from uploader.backend.accounts.commands import change_password, disable_user
from uploader.backend.store.sign_in_models import OAuthCode, OAuthToken


def test_a_refresh_token_gives_a_new_pair(stand: Stand):
    first = stand.signed_in()
    reply = stand.refresh(first["refresh_token"])
    second = reply.json()
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert second["scope"] == "upload offline_access"
    assert stand.whoami(second["access_token"]).status_code == 200


def test_a_lost_reply_may_be_asked_for_again_within_ten_seconds(stand: Stand):
    pair = stand.signed_in()
    assert stand.refresh(pair["refresh_token"]).status_code == 200
    stand.clock.pass_by(seconds=10)
    again = stand.refresh(pair["refresh_token"])
    assert again.status_code == 200
    assert stand.refresh(again.json()["refresh_token"]).status_code == 200


@pytest.mark.loud
def test_the_ten_seconds_do_not_start_again_with_each_use(stand: Stand):
    pair = stand.signed_in()
    for _ in range(2):
        assert stand.refresh(pair["refresh_token"]).status_code == 200
        stand.clock.pass_by(seconds=6)
    assert stand.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.loud
def test_a_used_refresh_token_that_comes_back_ends_the_whole_sign_in(stand: Stand):
    first = stand.signed_in()
    second = stand.refresh(first["refresh_token"]).json()
    other = stand.signed_in()
    stand.clock.pass_by(seconds=11)
    assert stand.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert stand.whoami(second["access_token"]).status_code == 401
    assert stand.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert stand.whoami(other["access_token"]).status_code == 200, "another sign-in is another family"


def test_eight_refreshes_at_once_all_succeed(stand: Stand):
    pair = stand.signed_in()
    replies = at_once(8, lambda: stand.refresh(pair["refresh_token"]))
    assert [reply.status_code for reply in replies] == [200] * 8
    assert len({reply.json()["refresh_token"] for reply in replies}) == 8
    assert all(stand.whoami(reply.json()["access_token"]).status_code == 200 for reply in replies)


@pytest.mark.loud
def test_of_a_thief_and_the_owner_refreshing_at_once_after_a_theft_nobody_stays_signed_in(stand: Stand):
    stolen = stand.signed_in()["refresh_token"]
    mine = stand.refresh(stolen).json()["refresh_token"]
    stand.clock.pass_by(minutes=1)
    tries = iter([stolen, mine] * 4)
    replies = at_once(8, lambda: stand.refresh(next(tries)))
    for reply in replies:
        if reply.status_code == 200:
            assert stand.whoami(reply.json()["access_token"]).status_code == 401
            assert stand.refresh(reply.json()["refresh_token"]).status_code == 400


def test_an_access_token_lives_fifteen_minutes(stand: Stand):
    token = stand.signed_in()["access_token"]
    stand.clock.pass_by(minutes=14, seconds=59)
    assert stand.whoami(token).status_code == 200
    stand.clock.pass_by(seconds=1)
    assert stand.whoami(token).status_code == 401


def test_a_refresh_token_lives_sixty_days_since_its_last_use_and_a_sign_in_half_a_year(stand: Stand):
    refresh_token = stand.signed_in()["refresh_token"]
    for _ in range(3):
        stand.clock.pass_by(days=59)
        reply = stand.refresh(refresh_token)
        assert reply.status_code == 200
        refresh_token = reply.json()["refresh_token"]
    stand.clock.pass_by(days=4)
    assert stand.refresh(refresh_token).json()["error"] == "invalid_grant"


def test_an_unused_refresh_token_dies_after_sixty_days(stand: Stand):
    refresh_token = stand.signed_in()["refresh_token"]
    stand.clock.pass_by(days=60)
    assert stand.refresh(refresh_token).json()["error"] == "invalid_grant"


def test_asking_for_less_on_a_refresh_keeps_what_was_granted(stand: Stand):
    pair = stand.signed_in()
    reply = stand.token(grant_type="refresh_token", refresh_token=pair["refresh_token"], scope="upload")
    assert reply.json()["scope"] == "upload offline_access"
    assert "refresh_token" in reply.json()


def test_asking_for_more_on_a_refresh_is_refused(stand: Stand):
    pair = stand.signed_in()
    reply = stand.token(grant_type="refresh_token", refresh_token=pair["refresh_token"], scope="upload admin")
    assert reply.json()["error"] == "invalid_scope"


@pytest.mark.parametrize("form", [{}, {"refresh_token": ""}, {"refresh_token": "vu_rt_guess"}, {"refresh_token": "ü"}])
def test_a_refresh_without_a_good_token_is_refused(stand: Stand, form: dict[str, str]):
    reply = stand.token(grant_type="refresh_token", **form)
    assert reply.status_code == 400
    assert reply.json()["error"] in {"invalid_grant", "invalid_request"}


def test_an_access_token_refreshes_nothing_and_a_refresh_token_opens_nothing(stand: Stand):
    pair = stand.signed_in()
    assert stand.refresh(pair["access_token"]).json()["error"] == "invalid_grant"
    assert stand.whoami(pair["refresh_token"]).status_code == 401


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "something_else"])
def test_signing_out_with_either_token_ends_the_sign_in(stand: Stand, which: str, hint: str | None):
    first = stand.signed_in()
    second = stand.refresh(first["refresh_token"]).json()
    assert stand.revoke(second[which], **({"token_type_hint": hint} if hint else {})).status_code == 200
    for pair in (first, second):
        assert stand.whoami(pair["access_token"]).status_code == 401
        assert stand.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"


def test_signing_out_with_an_unknown_token_is_no_error(stand: Stand):
    assert stand.revoke("vu_rt_unknown").status_code == 200


@pytest.mark.parametrize("form", [{}, {"token": "x"}, {"client_id": "nobody", "token": "x"}])
def test_signing_out_needs_the_app_and_the_token(stand: Stand, form: dict[str, str]):
    reply = stand.app.post("/oauth/revoke", data=form)
    assert reply.status_code == 400
    assert reply.json()["error"] == "invalid_client"


def test_signing_out_without_a_token_is_an_invalid_request(stand: Stand):
    reply = stand.app.post("/oauth/revoke", data={"client_id": "reelferry-desktop"})
    assert reply.json()["error"] == "invalid_request"


def test_a_new_password_ends_every_sign_in_and_every_code(new_stand: Stand):
    pair, code = new_stand.signed_in(), new_stand.code()
    change_password(new_stand.database, "ada", "another good password", new_stand.clock())
    assert new_stand.whoami(pair["access_token"]).status_code == 401
    assert new_stand.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"
    assert new_stand.redeem(code).json()["error"] == "invalid_grant"
    assert new_stand.sign_in().status_code == 403
    assert new_stand.fill_in(new_stand.page(), password="another good password").status_code == 302


def test_a_disabled_account_is_refused_everywhere(new_stand: Stand):
    pair, code = new_stand.signed_in(), new_stand.code()
    disable_user(new_stand.database, "ada", new_stand.clock())
    assert new_stand.whoami(pair["access_token"]).status_code == 401
    assert new_stand.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"
    assert new_stand.redeem(code).json()["error"] == "invalid_grant"
    page = new_stand.sign_in()
    assert page.status_code == 403
    assert "This account is switched off." in page.text


def test_ending_all_sign_ins_while_they_refresh_leaves_none_alive(new_stand: Stand):
    pairs = [new_stand.signed_in() for _ in range(4)]
    waiting = iter(pairs)
    end = iter([False] * 4 + [True])

    def refresh_or_end() -> str | None:
        if next(end):
            change_password(new_stand.database, "ada", "another good password", new_stand.clock())
            return None
        reply = new_stand.refresh(next(waiting)["refresh_token"])
        token: str | None = reply.json().get("access_token")
        return token

    issued = [token for token in at_once(5, refresh_or_end) if token]
    for token in [*issued, *(pair["access_token"] for pair in pairs)]:
        assert new_stand.whoami(token).status_code == 401


def test_what_nobody_can_use_any_more_is_tidied_away(new_stand: Stand):
    new_stand.signed_in()
    new_stand.clock.pass_by(days=61)
    new_stand.signed_in()
    with new_stand.database.write() as session:
        pruning.prune(session, new_stand.clock())
        assert session.scalar(select(func.count()).select_from(OAuthCode)) == 1
        assert session.scalar(select(func.count()).select_from(OAuthToken)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="no header"),
        pytest.param([("Authorization", "")], id="empty"),
        pytest.param([("Authorization", "Bearer")], id="no token"),
        pytest.param([("Authorization", "Bearer  {token}")], id="two spaces"),
        pytest.param([("Authorization", "Bearer {token} x")], id="something behind"),
        pytest.param([("Authorization", "Bearer {token},")], id="a comma behind"),
        pytest.param([("Authorization", "Basic {token}")], id="other scheme"),
        pytest.param([("Authorization", "{token}")], id="no scheme"),
        pytest.param([("Authorization", "Bearer {token}"), ("Authorization", "Bearer {token}")], id="two headers"),
        pytest.param([("Authorization", "Bearer vu_at_" + "x" * 43)], id="unknown token"),
        pytest.param([("Authorization", "Bearer vu_at_x' or 1=1 --")], id="no token at all"),
        pytest.param([("Cookie", "access_token={token}")], id="in a cookie"),
    ],
)
def test_only_one_well_formed_header_with_a_good_token_opens_the_door(stand: Stand, headers: list[tuple[str, str]]):
    token = stand.signed_in()["access_token"]
    given = [(name, value.format(token=token)) for name, value in headers]
    reply = stand.app.get("/whoami", headers=given)
    assert reply.status_code == 401
    assert reply.json() == {"error": "Unauthorized", "code": "unauthorized"}
    challenge = reply.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="Reelferry"')
    assert ("invalid_token" in challenge) == any(name == "Authorization" for name, _ in headers)


def test_a_token_in_the_address_opens_nothing(stand: Stand):
    token = stand.signed_in()["access_token"]
    reply = stand.app.get("/whoami", params={"access_token": token})
    assert reply.status_code == 401


def test_the_scheme_may_be_written_small(stand: Stand):
    token = stand.signed_in()["access_token"]
    reply = stand.app.get("/whoami", headers={"Authorization": f"bearer {token}"})
    assert reply.status_code == 200


def test_a_token_of_one_person_does_not_speak_for_another(new_stand: Stand):
    with new_stand.database.write() as session:
        users.create(session, "grace", "Grace", PASSWORD_HASH, new_stand.clock())
    hers = new_stand.redeem(new_stand.code()).json()["access_token"]
    page = new_stand.fill_in(new_stand.page(), "grace")
    assert page.status_code == 302
    assert new_stand.whoami(hers).json() == {"username": "ada"}


def test_lifetimes_are_what_the_documents_say():
    assert (timedelta(minutes=15), timedelta(days=60)) == (tokens.ACCESS_LIFE, tokens.REFRESH_LIFE)
    assert (timedelta(days=180), timedelta(seconds=10)) == (tokens.FAMILY_LIFE, tokens.ROTATION_LEEWAY)
