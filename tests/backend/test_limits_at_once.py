"""Limits under a flood: of many requests at the same moment exactly as many pass as may."""

from collections.abc import Callable

import httpx
import pytest
from sqlalchemy import select

from tests.backend.accounts.stand import at_once
from tests.backend.asking import ask_post, ask_upload, use_up
from tests.backend.server import Person
from uploader.backend.accounts.limits import TOKENS_PER_ADDRESS
from uploader.backend.context import Backend
from uploader.backend.store.models import RateLimit

FLOOD = 16
LEFT = 5


def ask_token(person: Person) -> httpx.Response:
    """A refresh with a token that is not good: allowed to try, 400."""
    form = {"grant_type": "refresh_token", "refresh_token": "guess", "client_id": "reelferry-desktop"}
    return person.api.post("/oauth/token", data=form)


def post(person: Person) -> httpx.Response:
    return ask_post(person, content="hello")


@pytest.mark.parametrize(
    ("key", "limit", "ask"),
    [
        ("token:127.0.0.1", TOKENS_PER_ADDRESS, ask_token),
        ("upload-url:{user}", 120, ask_upload),
        ("posts:{user}", 120, post),
    ],
    ids=["tokens", "tickets", "posts"],
)
def test_exactly_as_many_pass_as_may(
    carol: Person, desk: Backend, key: str, limit: int, ask: Callable[[Person], httpx.Response]
):
    key = key.format(user=carol.user.id)
    use_up(desk, key, limit - LEFT)
    statuses = [reply.status_code for reply in at_once(FLOOD, lambda: ask(carol))]
    with desk.database.read() as session:
        windows = [row.hits for row in session.scalars(select(RateLimit).where(RateLimit.key == key))]
    assert sum(hits - (limit - LEFT) for hits in windows) == FLOOD, "each was counted once"
    allowed = sum(min(hits, limit) - (limit - LEFT) for hits in windows)
    assert statuses.count(429) == FLOOD - allowed
    assert allowed == LEFT or len([hits for hits in windows if hits > limit - LEFT]) == 2, "a minute ended meanwhile"
