"""Posts that the server holds and has not published: listed, changed, cancelled, wherever they were written."""

from collections.abc import Iterator
from contextlib import contextmanager

from uploader.engine.client import Client
from uploader.engine.queue import Queue
from uploader.errors import Interrupted, Offline, PostRefused, ServerBusy, Stalled
from uploader.wire import OwnPost, PostChange


class PendingPosts:
    """Asks the server each time; a job of this queue hears what is done here to its post. Lives on the engine's loop.

    Nothing is tried again by itself, and the words of what is raised say so.
    """

    def __init__(self, client: Client, queue: Queue) -> None:
        self._client = client
        self._queue = queue

    async def all(self) -> tuple[OwnPost, ...]:
        """Drafts, posts that wait and posts that were not published; newest first."""
        with _once("Nothing was changed. Try again when it can be reached."):
            return await self._client.pending_posts()

    async def change(self, post_id: str, change: PostChange) -> OwnPost:
        """Change what is given. AlreadyPosted, PostGone; PostRefused when the server keeps what it had."""
        with _once("It may have taken the change all the same: look again when it can be reached."):
            try:
                said = await self._client.change_post(post_id, change)
            except PostRefused as error:
                raise PostRefused(
                    error.detail,
                    title="The server did not accept the change",
                    hint="It still has the post as it was before. Change it again.",
                ) from error
        self._queue.heard(post_id, said)
        return said

    async def cancel(self, post_id: str) -> None:
        """Never publish it. Its video stays. AlreadyPosted, PostGone."""
        with _once("It may have cancelled the post all the same: look again when it can be reached."):
            await self._client.cancel_post(post_id)
        self._queue.heard(post_id, None)


@contextmanager
def _once(hint: str) -> Iterator[None]:
    """`hint` in the place of words that promise another try. Where no connection was made nothing was changed."""
    try:
        yield
    except Offline as error:
        hint = "Nothing was changed. Try again when it can be reached."
        title = "The server cannot be reached" if type(error) is Offline else None
        raise type(error)(error.detail, title=title, hint=hint) from error
    except (Interrupted, Stalled, ServerBusy) as error:
        raise type(error)(error.detail, hint=hint, retry_after=error.retry_after) from error
