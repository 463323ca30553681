"""Who is signed in, what communities there are, what the server takes; and tokens that no longer open anything."""

from datetime import timedelta

from tests.backend.asking import ask_post, refused
from tests.backend.server import Person, client, make_token
from uploader import __version__
from uploader.backend.accounts import users
from uploader.backend.context import Backend
from uploader.backend.store.models import User, now


def test_me_is_the_owner_of_the_token(carol: Person, dave: Person):
    expected = {"id": carol.user.id, "username": "carol", "name": "Carol", "avatar": None, "verified": False}
    assert carol.api.get("/api/me").json() == expected
    assert dave.api.get("/api/me").json()["username"] == "dave"


def test_every_account_belongs_to_the_community_that_comes_with_the_server(carol: Person):
    assert carol.api.get("/api/communities").json() == {"communities": [{"id": "general", "name": "General"}]}
    assert ask_post(carol, content="hi", communityId="general").json()["community"]["name"] == "General"


def test_what_the_server_takes_is_told_without_a_sign_in(desk: Backend):
    with client(desk) as anybody:
        assert anybody.get("/api/config").json() == {
            "product": "reelferry",
            "version": __version__,
            "maxBytes": 30 * 1024**3,
            "maxDurationSeconds": 6 * 3600,
            "maxTextLength": 5000,
            "acceptedTypes": ["video/*"],
            "protocols": ["tus"],
            "capabilities": ["sign_out_everywhere", "events"],
            "publishing": ["now", "when_ready", "at", "draft"],
            "minHeights": [],
        }


def test_an_expired_token_opens_nothing(carol: Person, desk: Backend):
    stale = make_token(desk.database, carol.user, life=timedelta(seconds=-1))
    with client(desk, stale) as api:
        reply = api.get("/api/me")
    assert refused(reply) == (401, "unauthorized")
    assert 'error="invalid_token"' in reply.headers["www-authenticate"]


def test_the_token_of_an_account_that_was_switched_off_opens_nothing(carol: Person, dave: Person, desk: Backend):
    with desk.database.write() as session:
        users.disable(session, session.get_one(User, carol.user.id), now())
    for path in ("/api/me", "/api/communities", "/api/posts", "/api/videos/x/status"):
        assert refused(carol.api.get(path)) == (401, "unauthorized")
    assert refused(ask_post(carol, content="still here?")) == (401, "unauthorized")
    assert dave.api.get("/api/me").status_code == 200


def test_the_token_of_a_signed_out_app_opens_nothing(carol: Person):
    gone = carol.api.post("/oauth/revoke", data={"token": carol.token, "client_id": "reelferry-desktop"})
    assert gone.status_code == 200
    assert refused(carol.api.get("/api/me")) == (401, "unauthorized")
