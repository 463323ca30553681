"""The `publish` job: a post whose time has come, or whose video is watched until it has all its renditions."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from uploader.backend import following, publishing
from uploader.backend.jobs import Later, Lease
from uploader.backend.providers.base import Provider, ProviderFailed
from uploader.backend.store.database import Database
from uploader.backend.store.models import PendingPost, Video

log = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Publisher:
    """Does `publish` jobs."""

    database: Database
    providers: Mapping[str, Provider]
    clock: Callable[[], datetime]

    def __call__(self, lease: Lease) -> None:
        """One attempt. A job of a post that was edited since has nothing to do: the edit brought its own."""
        post_id, now = lease.payload["postId"], self.clock()
        with self.database.write() as session:
            if session.get(PendingPost, post_id) is None:
                return
            pending = publishing.attempt(session, post_id, now)
            if pending.state != "waiting" or pending.version != lease.payload["version"]:
                return
            wait = publishing.waits_for(pending, now)
            video = pending.video
        if wait == "time" and pending.publish_at is not None:
            raise Later(pending.publish_at - now)
        if wait == "rendition" and video is not None:
            if not self._complete(video):
                raise Later(LOOK_AGAIN)
            with self.database.write() as session:
                publishing.complete(session, video.id)
                publishing.attempt(session, post_id, now)

    def _complete(self, video: Video) -> bool:
        """Whether the provider says that it makes no more. One that does not answer has not said so, and however many
        posts wait for one video, it is asked as rarely as about any other.
        """
        provider = self.providers.get(video.provider)
        if provider is None or video.provider_upload_id is None:
            return False
        if not following.turns(self.database, provider, [video], self.clock(), states=("ready",)):
            return False
        try:
            sight = provider.look(video.provider_upload_id, video.provider_asset_id)
        except ProviderFailed as error:
            log.log(error.level, "Asking whether a video is complete: %s", error)
            return False
        return sight is not None and sight.state == "ready" and sight.complete
