"""The server's side of posts that it publishes by itself, in memory, with the real rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from uploader.errors import AlreadyPosted, PostGone, PostRefused, Refused, VideoGone
from uploader.wire import OwnPost, PostChange, PublishRequest, VideoProblem

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class PostOffice:
    """`state_of` says how a video is, `now` what time it is. `communities` may be posted to.

    `best_height` is that of the best rendition of every video.
    """

    state_of: Callable[[str], str | None]
    now: Callable[[], datetime]
    communities: frozenset[str] = frozenset({"films"})
    best_height: int = 2160
    posts: dict[str, OwnPost] = field(default_factory=dict)
    keys: dict[str, tuple[PublishRequest, str]] = field(default_factory=dict)

    @property
    def published(self) -> list[OwnPost]:
        """What is out."""
        self.deliver()
        return [post for post in self.posts.values() if post.state == "published"]

    def take(self, request: PublishRequest, key: str) -> OwnPost:
        """POST /api/posts."""
        if key not in self.keys:
            if self.state_of(request.video_id or "") in {None, "cancelled", "error"}:
                raise VideoGone
            self._allow(request.community_id)
            post = OwnPost(
                id=f"own-{len(self.keys) + 1}",
                state="waiting",
                content=request.content,
                type="video",
                video_id=request.video_id,
                community_id=request.community_id,
                publish_at=request.publish_at,
                min_height=request.min_height,
                created_at=NOON,
                updated_at=NOON,
            )
            self.keys[key] = request, post.id
            self.posts[post.id] = post
        first, post_id = self.keys[key]
        if first != request:
            raise Refused("idempotency_mismatch")
        return self.read(post_id)

    def read(self, post_id: str) -> OwnPost:
        """GET /api/posts/{id}."""
        self.deliver()
        if post_id not in self.posts:
            raise PostGone
        return self.posts[post_id]

    def change(self, post_id: str, change: PostChange) -> OwnPost:
        """PATCH /api/posts/{id}."""
        self._open(post_id)
        given = {name: getattr(change, name) for name in change.model_fields_set}
        self._allow(given.get("community_id"))
        if (publish := given.pop("publish", None)) is not None:
            given |= {"state": "draft" if publish == "draft" else "waiting", "problem": None}
        self.update(post_id, **given)
        return self.read(post_id)

    def cancel(self, post_id: str) -> None:
        """DELETE /api/posts/{id}."""
        self._open(post_id)
        self.update(post_id, state="cancelled")

    def update(self, post_id: str, **facts: Any) -> None:  # noqa: ANN401 (fields, each of its own type)
        """Whatever happens to a post."""
        self.posts[post_id] = self.posts[post_id].model_copy(update=facts)

    def deliver(self) -> None:
        """Publish what can be, end what never can."""
        for post in list(self.posts.values()):
            if post.state != "waiting":
                continue
            state = self.state_of(post.video_id or "")
            in_time = post.publish_at is None or post.publish_at <= self.now()
            if state in {None, "cancelled", "error"}:
                problem = VideoProblem(code="video_deleted", message="The video was deleted", action="Upload it again.")
                self.update(post.id, state="not_published", problem=problem)
            elif state == "ready":
                wait = None if self.best_height >= (post.min_height or 0) else "rendition"
                wait = wait if in_time else "time"
                self.update(post.id, state="waiting" if wait else "published", waits_for=wait)

    def _open(self, post_id: str) -> None:
        post = self.read(post_id)
        if post.state == "published":
            raise AlreadyPosted
        if post.state == "cancelled":
            raise PostGone

    def _allow(self, community_id: str | None) -> None:
        if community_id is not None and community_id not in self.communities:
            raise PostRefused("no such community")
