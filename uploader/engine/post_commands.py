"""What a command line or another process may ask about posts that the server holds: JSON objects with stable fields."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from uploader import errors
from uploader.engine import drop
from uploader.engine.engine import Engine
from uploader.engine.handover import checked, offers
from uploader.engine.instance import Answer, Message
from uploader.engine.named import Named
from uploader.wire import OwnPost, PostChange


class PostCommands:
    """Answers commands. Lives on the engine's loop.

        {"do": "posts"}                         every post that the server holds and has not published
        {"do": "cancel_posts", "ids": […]}      {"type": "post_cancelled", "id"} for each, as it is done
        {"do": "edit_post", "ids": [one], "text", "community", "publishAt", "minHeight", "publish"}     the post
                                                what is left out stays; null takes away

    `publish` is "draft" or "when_ready". An id may be shortened to a beginning that only one post has.
    """

    def __init__(self, engine: Engine, named: Named) -> None:
        self._engine = engine
        self._named = named
        self.acts: Mapping[str, Answer] = {
            "posts": self._list,
            "cancel_posts": self._cancel,
            "edit_post": self._edit,
        }

    async def _list(self, _command: Message) -> AsyncGenerator[Message, None]:
        for post in await self._posts():
            yield self._message(post)

    async def _cancel(self, command: Message) -> AsyncGenerator[Message, None]:
        posts = await self._posts()
        for post_id in [_id(posts, beginning) for beginning in command["ids"]]:
            with _known(posts, post_id):
                await self._engine.posts.cancel(post_id)
            yield {"type": "post_cancelled", "id": post_id}

    async def _edit(self, command: Message) -> AsyncGenerator[Message, None]:
        posts = await self._posts()
        (post_id,) = (_id(posts, beginning) for beginning in command["ids"])
        given: dict[str, Any] = {}
        if "text" in command:
            given["content"] = drop.clean(command["text"])
        if "community" in command:
            given["community_id"] = await self._named.community(command["community"])
        if "publishAt" in command:
            given["publish_at"] = datetime.fromisoformat(command["publishAt"]) if command["publishAt"] else None
        if "minHeight" in command:
            given["min_height"] = await self._named.height(command["minHeight"])
        if "publish" in command:
            given["publish"] = command["publish"]
        change = checked(lambda: PostChange(**given))
        with _known(posts, post_id):
            post = await self._engine.posts.change(post_id, change)
        yield self._message(post)

    async def _posts(self) -> tuple[OwnPost, ...]:
        """Refused where the server is known not to hold any."""
        config = (await self._named.account()).config
        if config is not None and not offers(config):
            hint = "It holds none that could be shown or cancelled."
            raise errors.Refused("publishing", title="This server does not publish posts by itself", hint=hint)
        return await self._engine.posts.all()

    def _message(self, post: OwnPost) -> dict[str, Any]:
        """A post as a JSON object. `job` is the upload of this computer's queue that it belongs to, if it is here."""
        jobs = [job.id for job in self._engine.queue.jobs if job.pending_post_id == post.id]
        problem = post.problem
        return {
            "type": "post",
            "id": post.id,
            "state": post.state,
            "waitsFor": post.waits_for,
            "text": post.content,
            "file": post.filename,
            "video": post.video_id,
            "community": post.community_id,
            "publishAt": post.publish_at.isoformat() if post.publish_at else None,
            "minHeight": post.min_height,
            "problem": {"code": problem.code, "error": problem.message, "hint": problem.action} if problem else None,
            "job": jobs[0] if jobs else None,
            "createdAt": post.created_at.isoformat(),
            "updatedAt": post.updated_at.isoformat(),
        }


def _id(posts: tuple[OwnPost, ...], beginning: str) -> str:
    """The one post that this begins the id of. A whole id of no pending post is left to the server: it may be out."""
    ids = [post.id for post in posts if post.id.startswith(beginning)]
    if beginning in ids or (not ids and beginning.replace("-", "").isalnum()):
        return beginning
    if len(ids) > 1:
        raise errors.UnknownPost(title=f"{len(ids)} posts begin with {beginning}", hint="Give more of the id.")
    if not ids:
        raise errors.UnknownPost(title=f"The server holds no post {beginning}")
    return ids[0]


@contextmanager
def _known(posts: tuple[OwnPost, ...], post_id: str) -> Iterator[None]:
    """A post that was not in the list and is not there was not cancelled a moment ago: the id is wrong."""
    try:
        yield
    except errors.PostGone as error:
        if post_id in {post.id for post in posts}:
            raise
        raise errors.UnknownPost(error.detail, title=f"The server holds no post {post_id}") from error
