"""Posts that the server holds, asked for and changed through an engine that has never heard of them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.backend.asking import new_video
from tests.backend.line import reached_by_a_line
from tests.backend.server import Person, make_tokens, signed_in
from tests.proxy import Proxy
from uploader.backend.context import Backend
from uploader.backend.store.models import Community, CommunityMember, PendingPost, now
from uploader.engine.commands import Commands
from uploader.engine.engine import Engine
from uploader.engine.session import MemoryVault
from uploader.errors import (
    AlreadyPosted,
    Interrupted,
    Offline,
    PostGone,
    PostRefused,
    Refused,
    SignInNeeded,
    UnknownPost,
)
from uploader.paths import Paths
from uploader.wire import PostChange

pytestmark = pytest.mark.anyio

FIELDS = {
    "type", "id", "state", "waitsFor", "text", "file", "video", "community", "publishAt", "minHeight", "problem",
    "job", "createdAt", "updatedAt",
}  # fmt: skip
NAMES = (f"author{number}" for number in count())
TOMORROW = now() + timedelta(days=1)


@dataclass
class Author:
    """Somebody whose posts the server holds, and the line between them."""

    backend: Backend
    line: Proxy
    person: Person
    folder: Path
    signed_in: bool = True

    def write(self, **body: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
        """A post that the server takes for later, as another program would ask for it."""
        reply = self.person.api.post("/api/posts", json=body)
        assert reply.status_code == 202, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def keep(self, *ids: str) -> None:
        """Drafts of these ids, the last the newest."""
        began, whose = now(), {"user_id": self.person.user.id, "type": "text", "state": "draft", "version": 0}
        with self.backend.database.write() as session:
            for at, post_id in enumerate(ids):
                made = began + timedelta(seconds=at)
                session.add(PendingPost(id=post_id, content=str(at), created_at=made, updated_at=made, **whose))

    def state(self, post_id: str) -> str:
        """What became of it."""
        return str(self.person.api.get(f"/api/posts/{post_id}").json()["state"])

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """As the command line opens one: nothing moves by itself."""
        vault = MemoryVault()
        if self.signed_in:
            vault.tokens[self.line.url] = make_tokens(self.backend.database, self.person.user)[1]
        paths = Paths.under(self.folder).make()
        async with Engine.open(paths=paths, server=self.line.url, vault=vault, emit=void, run=False) as engine:
            yield engine

    async def ask(self, **command: object) -> list[dict[str, Any]]:
        """What an engine of this person answers."""
        async with self.engine() as engine:
            return [dict(reply) async for reply in Commands(engine).answer(command)]


def void(_: object) -> None:
    """Nothing."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Backend, Proxy]]:
    with reached_by_a_line(tmp_path_factory.mktemp("pending")) as reached:
        yield reached


@pytest.fixture
def author(line: tuple[Backend, Proxy], tmp_path: Path) -> Iterator[Author]:
    with signed_in(line[0], next(NAMES)) as person:
        yield Author(*line, person, tmp_path)


async def test_everything_that_is_not_out_is_listed_newest_first_with_why(author: Author):
    draft = author.write(content="A draft", publish="draft")
    video = new_video(author.person)
    waiting = author.write(content="With a film", videoId=video, publish="when_ready")
    timed = author.write(content="Tomorrow", publishAt=TOMORROW.isoformat())
    out = author.write(content="Out at once", publish="when_ready")
    listed = await author.ask(do="posts")
    assert [(post["id"], post["state"], post["waitsFor"]) for post in listed] == [
        (timed["id"], "waiting", "time"),
        (waiting["id"], "waiting", "video"),
        (draft["id"], "draft", None),
    ]
    assert out["state"] == "published"
    assert all(set(post) == FIELDS for post in listed)
    assert (listed[1]["file"], listed[1]["video"], listed[1]["job"]) == ("clip.mp4", video, None)
    assert listed[0]["publishAt"] == TOMORROW.isoformat()
    author.person.api.delete(f"/api/videos/{video}")
    (lost,) = [post for post in await author.ask(do="posts") if post["state"] == "not_published"]
    assert lost["problem"] == {
        "code": "video_deleted", "error": "The video was deleted", "hint": "Upload it again."
    }  # fmt: skip


async def test_more_than_one_page_is_read_to_its_end(author: Author):
    author.keep(*(f"{author.person.user.id}-{number}" for number in range(101)))
    assert [post["text"] for post in await author.ask(do="posts")] == [str(number) for number in range(100, -1, -1)]


async def test_what_is_given_is_changed_and_the_rest_stays(author: Author):
    with author.backend.database.write() as session:
        session.add(Community(id=f"films-{author.person.user.id}", name="Films"))
        session.flush()
        session.add(CommunityMember(community_id=f"films-{author.person.user.id}", user_id=author.person.user.id))
    post = author.write(content="Tomorrow", publishAt=TOMORROW.isoformat())
    later = TOMORROW + timedelta(hours=2)
    (moved,) = await author.ask(do="edit_post", ids=[post["id"][:8]], publishAt=later.isoformat())
    assert (moved["publishAt"], moved["text"], moved["state"]) == (later.isoformat(), "Tomorrow", "waiting")
    (held,) = await author.ask(do="edit_post", ids=[post["id"]], text="Soon", community="films", publish="draft")
    assert (held["text"], held["state"], held["publishAt"]) == ("Soon", "draft", later.isoformat())
    assert held["community"] == f"films-{author.person.user.id}"
    (freed,) = await author.ask(do="edit_post", ids=[post["id"]], community=None, publishAt=None, publish="when_ready")
    assert (freed["state"], freed["community"]) == ("published", None)


async def test_cancelled_it_is_out_of_the_list_and_told_twice_it_is_the_same(author: Author):
    post, other = (author.write(content=text, publishAt=TOMORROW.isoformat()) for text in ("One", "Two"))
    for _ in range(2):
        assert await author.ask(do="cancel_posts", ids=[post["id"]]) == [{"type": "post_cancelled", "id": post["id"]}]
    assert author.state(post["id"]) == "cancelled"
    assert [left["id"] for left in await author.ask(do="posts")] == [other["id"]]


async def test_what_has_been_published_meanwhile_is_said_and_left_alone(author: Author):
    post = author.write(content="x", publish="draft")
    async with author.engine() as engine:
        assert [held.id for held in await engine.posts.all()] == [post["id"]]
        author.person.api.patch(f"/api/posts/{post['id']}", json={"publish": "when_ready"})
        for late in (engine.posts.cancel(post["id"]), engine.posts.change(post["id"], PostChange(content="y"))):
            with pytest.raises(AlreadyPosted):
                await late
    for command in ({"do": "cancel_posts"}, {"do": "edit_post", "text": "y"}):
        with pytest.raises(AlreadyPosted):
            await author.ask(ids=[post["id"]], **command)


async def test_a_post_that_nobody_has_is_unknown(author: Author):
    async with author.engine() as engine:
        for unknown in ("f00", "pending", "..", ""):
            for command in ({"do": "cancel_posts"}, {"do": "edit_post", "text": "y"}):
                with pytest.raises(UnknownPost) as caught:
                    [reply async for reply in Commands(engine).answer({"ids": [unknown], **command})]
                assert caught.value.title == f"The server holds no post {unknown}"
                assert "reelferry posts" in caught.value.hint


async def test_a_beginning_that_two_have_changes_neither(author: Author):
    me = author.person.user.id
    author.keep(f"{me}-1", f"{me}-2")
    with pytest.raises(UnknownPost, match=f"2 posts begin with {me}"):
        await author.ask(do="cancel_posts", ids=[me])
    assert [post["state"] for post in await author.ask(do="posts")] == ["draft", "draft"]


async def test_somebody_elses_post_is_unknown(author: Author):
    with signed_in(author.backend, next(NAMES)) as other:
        theirs = other.api.post("/api/posts", json={"content": "x", "publish": "draft"}).json()
        assert await author.ask(do="posts") == []
        with pytest.raises(UnknownPost):
            await author.ask(do="cancel_posts", ids=[theirs["id"]])
        assert other.api.get(f"/api/posts/{theirs['id']}").json()["state"] == "draft"


async def test_what_the_server_does_not_accept_leaves_the_post_as_it_was(author: Author):
    post = author.write(content="x", publish="draft")
    far = (now() + timedelta(days=999)).isoformat()
    for change in ({"publishAt": far}, {"text": ""}):
        with pytest.raises(PostRefused) as caught:
            await author.ask(do="edit_post", ids=[post["id"]], **change)
        assert caught.value.title == "The server did not accept the change"
    with pytest.raises(PostRefused, match="string_too_long"):
        await author.ask(do="edit_post", ids=[post["id"]], text="x" * 5001)
    with pytest.raises(Refused, match="min_height"):
        await author.ask(do="edit_post", ids=[post["id"]], minHeight=720)
    (left,) = await author.ask(do="posts")
    assert (left["text"], left["state"], left["publishAt"]) == ("x", "draft", None)


async def test_signed_out_a_person_has_to_sign_in(author: Author):
    author.signed_in = False
    with pytest.raises(SignInNeeded):
        await author.ask(do="posts")


async def test_out_of_reach_nothing_is_promised(author: Author):
    post = author.write(content="x", publish="draft")
    author.line.go_away()
    try:
        for command in ({"do": "posts"}, {"do": "cancel_posts", "ids": [post["id"]]}):
            with pytest.raises(Offline) as caught:
                await author.ask(**command)
            assert caught.value.title == "The server cannot be reached"
            assert caught.value.hint == "Nothing was changed. Try again when it can be reached."
    finally:
        author.line.come_back()
    assert author.state(post["id"]) == "draft"


async def test_a_lost_reply_is_said_to_be_unsure(author: Author):
    post = author.write(content="x", publish="draft")
    author.line.swallow("DELETE")
    with pytest.raises(Interrupted) as caught:
        await author.ask(do="cancel_posts", ids=[post["id"]])
    assert caught.value.hint.startswith("It may have cancelled the post all the same")
    assert author.state(post["id"]) == "cancelled"
    with pytest.raises(PostGone):
        async with author.engine() as engine:
            await engine.posts.change(post["id"], PostChange(publish="when_ready"))


async def test_a_server_that_does_not_publish_by_itself_says_so(author: Author):
    async with author.engine() as engine:
        account = engine.account
        await account.refresh()
        assert account.fact.config is not None
        account._say(config=account.fact.config.model_copy(update={"publishing": ("now",)}))
        with pytest.raises(Refused) as caught:
            [reply async for reply in Commands(engine).answer({"do": "posts"})]
    assert caught.value.title == "This server does not publish posts by itself"
