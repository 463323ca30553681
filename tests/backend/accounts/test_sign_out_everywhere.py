"""Signing out everywhere: whatever the person's computers hold is worth nothing from that moment on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import uvicorn

from tests.backend.accounts.stand import PASSWORD, PASSWORD_HASH, Stand, at_once, client, hidden_fields, in_turn
from uploader.backend.accounts import users
from uploader.backend.app import create_app
from uploader.backend.server import Server, address, listening
from uploader.backend.store.database import Database


def everywhere(stand: Stand, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return stand.app.post("/api/me/sign-out-everywhere", headers=headers).status_code


def alive(stand: Stand, pair: dict[str, str]) -> bool:
    """Whether anything of a sign-in still works."""
    works = stand.app.get("/api/me", headers={"Authorization": f"Bearer {pair['access_token']}"}).status_code == 200
    return stand.refresh(pair["refresh_token"]).status_code == 200 or works


def test_every_token_and_every_code_dies_and_nobody_elses(new_stand: Stand):
    with new_stand.database.write() as session:
        users.create(session, "grace", "Grace", PASSWORD_HASH, new_stand.clock())
    page = new_stand.fill_in(new_stand.page(), "grace")
    grace = new_stand.redeem(page.headers["location"].partition("code=")[2].partition("&")[0]).json()
    mine, laptop = new_stand.signed_in(), new_stand.signed_in()
    code, device = new_stand.code(), new_stand.device()
    new_stand.confirm(new_stand.enter_code(device["user_code"]))

    assert everywhere(new_stand, mine["access_token"]) == 204
    assert not alive(new_stand, mine)
    assert not alive(new_stand, laptop)
    assert new_stand.redeem(code).json()["error"] == "invalid_grant"
    assert new_stand.poll(device["device_code"]).json()["error"] == "invalid_grant"
    assert alive(new_stand, grace)
    assert alive(new_stand, new_stand.signed_in()), "signing in again works at once"


def test_it_needs_a_token_that_works(stand: Stand):
    pair = stand.signed_in()
    stand.revoke(pair["access_token"])
    assert everywhere(stand, pair["access_token"]) == 401
    assert everywhere(stand, "vu_at_" + "x" * 43) == 401


def test_a_person_with_only_a_browser_can_do_it(new_stand: Stand):
    pair = new_stand.signed_in()
    hidden = hidden_fields(new_stand.browser.get("/sign-out").text)
    wrong = new_stand.browser.post("/sign-out", data={**hidden, "username": "ada", "password": "wrong"})
    assert "The username or the password is not right." in wrong.text
    with client(new_stand.backend.base_url) as stranger:
        form = {**hidden, "username": "ada", "password": PASSWORD}
        assert stranger.post("/sign-out", data=form).status_code == 403, "a form another page made does nothing"
    assert new_stand.whoami(pair["access_token"]).status_code == 200
    done = new_stand.browser.post("/sign-out", data={**hidden, "username": "Ada", "password": PASSWORD})
    assert "You are signed out everywhere" in done.text
    assert not alive(new_stand, pair)


@contextmanager
def another_worker(stand: Stand) -> Iterator[Stand]:
    """A second server over the same database, as another process would be: nothing else is shared."""
    database = Database(stand.backend.config.database_url)
    with listening(stand.backend.config) as listener:
        backend = replace(stand.backend, database=database)
        config = uvicorn.Config(create_app(backend), lifespan="off", log_config=None, access_log=False)
        server = Server(config, before_end=lambda: None)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            with client(address(listener)) as program:
                yield replace(stand, backend=backend, app=program)
        finally:
            server.end()
            thread.join()
            database.close()


def test_it_holds_on_every_worker_at_once(new_stand: Stand):
    pair = new_stand.signed_in()
    with another_worker(new_stand) as other:
        fresh = other.refresh(pair["refresh_token"]).json()
        assert alive(other, fresh)
        assert everywhere(new_stand, fresh["access_token"]) == 204
        assert not alive(other, fresh)
        assert not alive(other, pair)


def test_what_is_signed_in_or_refreshed_meanwhile_does_not_outlive_it(new_stand: Stand):
    """Each is either refused or issued before the end, which then has to find it."""
    pairs = [new_stand.signed_in() for _ in range(3)]
    code, device = new_stand.code(), new_stand.device()
    new_stand.confirm(new_stand.enter_code(device["user_code"]))
    calls = in_turn(
        *(partial(new_stand.refresh, pair["refresh_token"]) for pair in pairs),
        partial(new_stand.redeem, code),
        partial(new_stand.poll, device["device_code"]),
        partial(end_all, new_stand),
    )
    replies = [reply for reply in at_once(6, calls) if reply is not None]
    assert {reply.status_code for reply in replies} <= {200, 400}, [reply.text for reply in replies]
    for pair in [*pairs, *(reply.json() for reply in replies if reply.status_code == 200)]:
        assert not alive(new_stand, pair)


def end_all(stand: Stand) -> None:
    with stand.database.write() as session:
        users.sign_out_everywhere(session, stand.ada.id, stand.clock())
