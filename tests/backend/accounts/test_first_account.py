"""The first account: one link, one use, one day; and straight on to the app where it asked."""

import httpx
import pytest
from sqlalchemy import delete, func, select

from tests.backend.accounts.reading import Reading
from tests.backend.accounts.stand import Stand, at_once, client, hidden_fields, returned
from uploader.backend.accounts import users
from uploader.backend.accounts.commands import add_user
from uploader.backend.accounts.setup import setup_link
from uploader.backend.store.models import CommunityMember, User
from uploader.backend.store.sign_in_models import SetupLink

GOOD = {
    "username": "Grace",
    "name": "  Grace\u200b  Hopper ",
    "password": "a good password",
    "password_again": "a good password",
}


@pytest.fixture
def empty(new_stand: Stand) -> Stand:
    """A server without an account."""
    with new_stand.database.write() as session:
        session.execute(delete(User))
    return new_stand


def link(stand: Stand) -> str:
    address = setup_link(stand.database, stand.backend.base_url, stand.clock())
    assert address is not None
    assert address.startswith(f"{stand.backend.base_url}/setup/")
    return address


def fill_in(stand: Stand, page: httpx.Response, **changes: str) -> httpx.Response:
    return stand.browser.post(page.url.path, data={**hidden_fields(page.text), **GOOD, **changes})


def test_the_link_makes_an_account_that_can_sign_in_and_post(empty: Stand):
    done = fill_in(empty, empty.browser.get(link(empty)))
    assert done.status_code == 201
    assert "Go back to Reelferry and sign in as grace." in done.text
    page = empty.fill_in(empty.page(), " GRACE ", "a good password")
    token = empty.redeem(returned(page)["code"]).json()["access_token"]
    assert empty.whoami(token).json() == {"username": "grace"}
    with empty.database.read() as session:
        user = users.named(session, "grace")
        assert user is not None
        assert user.name == "Grace Hopper"
        assert user.password_hash is not None
        assert user.password_hash.startswith("$argon2id$")
        assert session.scalars(select(CommunityMember.community_id)).all() == ["general"]


def test_without_a_display_name_the_username_is_shown(empty: Stand):
    fill_in(empty, empty.browser.get(link(empty)), name="   ")
    with empty.database.read() as session:
        user = users.named(session, "grace")
        assert user is not None
        assert user.name == "grace"


def test_the_link_goes_straight_on_to_the_app_that_asked(empty: Stand):
    following = f"/oauth/authorize?{httpx.QueryParams(empty.asked())}"
    page = empty.browser.get(link(empty), params={"next": following})
    assert "After that, the Reelferry app on this computer is signed in." in page.text
    assert "form-action 'self' http://127.0.0.1:5000;" in page.headers["content-security-policy"]
    mistyped = fill_in(empty, page, password_again="another")
    assert mistyped.status_code == 422
    answer = returned(fill_in(empty, mistyped))
    assert answer["state"] == "a state"
    assert answer["iss"] == empty.backend.base_url
    token = empty.redeem(answer["code"]).json()["access_token"]
    assert empty.whoami(token).json() == {"username": "grace"}


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.test/oauth/authorize?{query}",
        "//evil.test/oauth/authorize?{query}",
        "https://evil.test/?a=b&{query}",
        "/oauth/authorize/../../evil?{query}",
        "/\\evil.test/oauth/authorize?{query}",
        "/oauth/authorize?{query}&redirect_uri=https://evil.test/callback",
        "/oauth/authorize?response_type=code&client_id=reelferry-desktop&redirect_uri=https://evil.test/callback",
        "/oauth/authorize?response_type=token&client_id=reelferry-desktop",
        "/oauth/authorize?" + "a=b&" * 100,
        "javascript:alert(1)",
        "/setup/x",
    ],
)
def test_a_continuation_that_is_not_a_good_sign_in_is_forgotten(empty: Stand, following: str):
    following = following.format(query=httpx.QueryParams(empty.asked()))
    page = empty.browser.get(link(empty), params={"next": following})
    assert "evil" not in page.text
    assert "form-action 'self';" in page.headers["content-security-policy"]
    done = fill_in(empty, page, next=following)
    assert done.status_code == 201
    assert "location" not in done.headers


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("username", "", "Use 2 to 32 letters"),
        ("username", "a", "Use 2 to 32 letters"),
        ("username", "a" * 33, "Use 2 to 32 letters"),
        ("username", "-ada", "Use 2 to 32 letters"),
        ("username", "ada lovelace", "Use 2 to 32 letters"),
        ("username", "ädä", "Use 2 to 32 letters"),
        ("username", "ada\n", ""),
        ("username", "ada<b>", "Use 2 to 32 letters"),
        ("name", "n" * 81, "Use at most 80 characters."),
        ("name", "n" * 80, ""),
        ("password", "1234567", "Use at least 8 characters."),
        ("password", "p" * 257, "Use at most 256 characters."),
        ("password", "GraceHopper", "The two passwords differ."),
    ],
)
def test_what_will_not_do_is_said_beside_its_field_and_the_rest_is_kept(
    empty: Stand, field: str, value: str, words: str
):
    page = empty.browser.get(link(empty))
    response = fill_in(empty, page, **{field: value})
    if not words:
        assert response.status_code == 201
        return
    assert response.status_code == 422
    read = Reading(response.text)
    wrong = [one for one in read.inputs() if "aria-invalid" in one]
    assert words in read.by_id(wrong[0]["aria-describedby"])
    assert "autofocus" in wrong[0]
    kept = {one["name"]: one.get("value") for one in read.inputs()}
    assert kept["password"] is kept["password_again"] is None
    assert field == "username" or kept["username"] == "grace"
    assert fill_in(empty, response).status_code == 201, "the link is not used up by a mistake"


def test_a_password_that_is_the_username_is_refused(empty: Stand):
    page = empty.browser.get(link(empty))
    response = fill_in(empty, page, username="gracehopper", password="GraceHopper", password_again="GraceHopper")
    assert "The password must differ from the username." in response.text


def test_the_link_works_once(empty: Stand):
    address = link(empty)
    page = empty.browser.get(address)
    assert fill_in(empty, page).status_code == 201
    for response in (empty.browser.get(address), fill_in(empty, page, username="mallory")):
        assert response.status_code == 410
        assert "This server has its first account already." in response.text


def test_looking_does_not_use_the_link_up(empty: Stand):
    address = link(empty)
    for _ in range(3):
        page = empty.browser.get(address)
    assert fill_in(empty, page).status_code == 201


def test_of_four_who_send_the_form_at_once_one_gets_the_account(empty: Stand):
    page = empty.browser.get(link(empty))
    names = iter(f"user{number}" for number in range(4))
    replies = at_once(4, lambda: fill_in(empty, page, username=next(names)))
    assert sorted(reply.status_code for reply in replies) == [201] + [410] * 3
    with empty.database.read() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 1


def test_the_link_dies_after_a_day(empty: Stand):
    address = link(empty)
    empty.clock.pass_by(hours=23, minutes=59)
    page = empty.browser.get(address)
    assert page.status_code == 200
    empty.clock.pass_by(minutes=1)
    for response in (empty.browser.get(address), fill_in(empty, page)):
        assert response.status_code == 410
        assert "Start the server again to get a new one." in response.text


def test_a_new_start_replaces_the_old_link(empty: Stand):
    old, new = link(empty), link(empty)
    assert empty.browser.get(old).status_code == 410
    assert empty.browser.get(new).status_code == 200


def test_an_account_made_otherwise_ends_the_link(empty: Stand):
    address = link(empty)
    add_user(empty.database, "ada", "", "a good password", empty.clock())
    assert empty.browser.get(address).status_code == 410
    assert setup_link(empty.database, empty.backend.base_url, empty.clock()) is None
    with empty.database.read() as session:
        assert session.scalar(select(func.count()).select_from(SetupLink)) == 0


def test_the_link_is_not_in_the_database(empty: Stand):
    token = link(empty).rpartition("/")[2]
    assert token.encode() not in empty.stored()


def test_the_form_needs_the_browser_that_opened_the_page(empty: Stand):
    page = empty.browser.get(link(empty))
    with client(empty.backend.base_url) as stranger:
        assert stranger.post(page.url.path, data={**hidden_fields(page.text), **GOOD}).status_code == 403
    foreign = {"Origin": "https://evil.test"}
    form = {**hidden_fields(page.text), **GOOD}
    assert empty.browser.post(page.url.path, data=form, headers=foreign).status_code == 403
    assert fill_in(empty, page).status_code == 201


def test_the_page_of_an_old_link_cannot_use_the_new_one(empty: Stand):
    old = empty.browser.get(link(empty))
    new = httpx.URL(link(empty)).path
    assert empty.browser.post(new, data={**hidden_fields(old.text), **GOOD}).status_code == 403


def test_while_there_is_no_account_the_sign_in_page_says_how_to_make_one(empty: Stand):
    for response in (empty.page(), empty.browser.post("/oauth/authorize", data=empty.asked())):
        assert response.status_code == 200
        assert "The first account is made with a link that works once." in response.text
        assert not hidden_fields(response.text)
