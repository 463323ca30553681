"""Only the page we served can send its form, and not too often."""

from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from tests.backend.accounts.stand import PASSWORD, Stand, at_once, client, hidden_fields, returned, standing
from uploader.backend.accounts import passwords
from uploader.backend.accounts.limits import PER_ADDRESS, QUARTER, TOKEN_WINDOW, TOKENS_PER_ADDRESS
from uploader.backend.store.models import RateLimit
from uploader.backend.store.sign_in_models import OAuthCode


def refused(response: httpx.Response) -> bool:
    return response.status_code == 403 and "This page was open for too long" in response.text


def used_up(stand: Stand, key: str, per_seconds: int, hits: int) -> None:
    window = int(stand.clock().timestamp()) // per_seconds * per_seconds
    with stand.database.write() as session:
        session.add(RateLimit(key=key, window=window, hits=hits))


def filled(stand: Stand) -> dict[str, str]:
    return {**hidden_fields(stand.page().text), "username": "ada", "password": PASSWORD}


def test_a_form_from_a_browser_that_never_saw_the_page_is_refused(stand: Stand):
    form = filled(stand)
    with client(stand.backend.base_url) as stranger:
        assert refused(stranger.post("/oauth/authorize", data=form))
        stranger.get("/oauth/authorize", params=stand.asked())
        assert refused(stranger.post("/oauth/authorize", data=form)), "a seal is good for its own browser only"


@pytest.mark.parametrize("seal", ["", "x", "1.x", "99999999999.0000", "9" * 20 + ".0", "²." + "0" * 64, "é.é"])
def test_a_made_up_seal_is_refused(stand: Stand, seal: str):
    assert refused(stand.browser.post("/oauth/authorize", data={**filled(stand), "seal": seal}))


def test_a_seal_lasts_an_hour_and_cannot_be_prolonged(stand: Stand):
    form = filled(stand)
    stand.clock.pass_by(minutes=59)
    assert stand.browser.post("/oauth/authorize", data=form).status_code == 302
    stand.clock.pass_by(minutes=1)
    assert refused(stand.browser.post("/oauth/authorize", data=form))
    until, _, mark = form["seal"].partition(".")
    longer = f"{int(until) + 3600}.{mark}"
    assert refused(stand.browser.post("/oauth/authorize", data={**form, "seal": longer}))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_a_form_sent_from_another_page_is_refused(stand: Stand, headers: dict[str, str]):
    assert refused(stand.browser.post("/oauth/authorize", data=filled(stand), headers=headers))


def test_our_own_page_may_send_its_form(stand: Stand):
    headers = {"Origin": stand.backend.base_url, "Sec-Fetch-Site": "same-origin"}
    assert stand.browser.post("/oauth/authorize", data=filled(stand), headers=headers).status_code == 302


def test_the_page_works_under_the_name_localhost_too(stand: Stand):
    url = stand.backend.base_url.replace("127.0.0.1", "localhost")
    with client(url) as browser:
        form = hidden_fields(browser.get("/oauth/authorize", params=stand.asked()).text)
        typed = {"username": "ada", "password": PASSWORD}
        back = browser.post("/oauth/authorize", data={**form, **typed}, headers={"Origin": url})
    assert back.status_code == 302


def test_the_cookie_is_for_this_server_and_no_script(stand: Stand):
    cookie = stand.page().headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_on_a_public_server_the_cookie_is_locked_to_it_and_never_travels_in_the_clear(tmp_path: Path):
    public_url = "https://reels.example"
    host = {"Host": "reels.example"}
    with standing(tmp_path, public_url) as stand:
        page = stand.browser.get("/oauth/authorize", params=stand.asked(), headers=host)
        cookie = page.headers["set-cookie"]
        assert cookie.startswith("__Host-reelferry=")
        assert "Secure" in cookie
        form = {**hidden_fields(page.text), "username": "ada", "password": PASSWORD}
        proxied = {**host, "Cookie": cookie.split(";")[0], "Origin": public_url}
        back = stand.browser.post("/oauth/authorize", data=form, headers=proxied)
    assert returned(back)["iss"] == public_url


def test_two_pages_open_at_once_both_work(stand: Stand):
    first, second = filled(stand), filled(stand)
    assert stand.browser.post("/oauth/authorize", data=first).status_code == 302
    assert stand.browser.post("/oauth/authorize", data=second).status_code == 302


def test_no_code_is_made_without_the_right_form_and_password(stand: Stand):
    def codes() -> int | None:
        with stand.database.read() as session:
            return session.scalar(select(func.count()).select_from(OAuthCode))

    before = codes()
    stand.browser.post("/oauth/authorize", data={**stand.asked(), "username": "ada", "password": PASSWORD})
    stand.fill_in(stand.page(), password="")
    stand.fill_in(stand.page(), username="")
    assert codes() == before


def test_thirty_guesses_at_once_are_five_tries(stand: Stand):
    form = {**filled(stand), "password": "a guess"}
    replies = at_once(30, lambda: stand.browser.post("/oauth/authorize", data=form))
    assert sorted(reply.status_code for reply in replies) == [403] * 5 + [429] * 25
    late = next(reply for reply in replies if reply.status_code == 429)
    assert late.headers["retry-after"] == "900"
    assert "Too many tries. Wait 15 minutes, then try again." in late.text
    assert stand.sign_in().status_code == 429, "the right password does not help now"
    stand.clock.pass_by(minutes=15)
    assert stand.sign_in().status_code == 302


def test_many_names_from_one_address_are_twenty_tries(stand: Stand):
    used_up(stand, "sign-in:address:127.0.0.1", QUARTER, PER_ADDRESS - 3)
    forms = iter([{**filled(stand), "username": f"guess{number}"} for number in range(10)])
    replies = at_once(10, lambda: stand.browser.post("/oauth/authorize", data=next(forms)))
    assert sorted(reply.status_code for reply in replies) == [403] * 3 + [429] * 7


@pytest.mark.parametrize(
    ("forwarded", "public", "status"),
    [
        pytest.param("203.0.113.5", True, 429, id="the address that used its tries up"),
        pytest.param("198.51.100.7", True, 403, id="another address"),
        pytest.param("198.51.100.7, 203.0.113.5", True, 429, id="only the proxy's own word counts"),
        pytest.param("2001:db8:0:1::99", True, 429, id="another address of one IPv6 network"),
        pytest.param("203.0.113.5", False, 403, id="no proxy is expected"),
    ],
)
def test_behind_a_proxy_the_tries_belong_to_whom_it_speaks_for(
    tmp_path: Path, forwarded: str, public: bool, status: int
):
    with standing(tmp_path, "https://reels.example" if public else None) as stand:
        for address in ("203.0.113.5", "2001:db8:0:1::/64"):
            used_up(stand, f"sign-in:address:{address}", QUARTER, PER_ADDRESS)
        stand.browser.headers["X-Forwarded-For"] = forwarded
        page = stand.page()
        cookie = page.headers["set-cookie"].split(";")[0]
        form = {**hidden_fields(page.text), "username": "ada", "password": "wrong"}
        assert stand.browser.post("/oauth/authorize", data=form, headers={"Cookie": cookie}).status_code == status


def test_right_passwords_are_not_counted(stand: Stand):
    assert [stand.sign_in().status_code for _ in range(25)] == [302] * 25


def test_the_token_endpoint_has_its_limit_too(stand: Stand):
    used_up(stand, "token:127.0.0.1", TOKEN_WINDOW, TOKENS_PER_ADDRESS - 1)
    assert stand.refresh("guess").status_code == 400
    late = stand.refresh("guess")
    assert late.status_code == 429
    assert 0 < int(late.headers["retry-after"]) <= TOKEN_WINDOW
    assert stand.revoke("guess").status_code == 429
    stand.clock.pass_by(minutes=1)
    assert stand.refresh("guess").status_code == 400


def test_a_name_that_does_not_exist_looks_like_a_wrong_password(stand: Stand):
    unknown = stand.fill_in(stand.page(), username="nobody", password="wrong")
    known = stand.fill_in(stand.page(), password="wrong")
    assert unknown.status_code == known.status_code == 403
    words = "The username or the password is not right."
    assert words in unknown.text
    assert words in known.text


def test_a_name_that_does_not_exist_costs_the_same_work():
    real = passwords.hashed("a password")
    assert real.startswith("$argon2id$")
    assert passwords._nobody().split("$")[:4] == real.split("$")[:4]
    assert not passwords.matches("nobody has this password", None)


def test_a_password_is_the_same_however_its_letters_are_composed():
    stored = passwords.hashed("pässwort123")
    assert passwords.matches("pässwort123", stored)
    assert not passwords.matches("passwort123", stored)
    assert not passwords.matches("anything", "not a hash")
