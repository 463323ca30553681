from collections.abc import Callable
from typing import Any

import pytest

from tests.backend.asking import (
    ask_post,
    ask_upload,
    error_event,
    eventually,
    new_video,
    ready_event,
    ready_video,
    refused,
    status_of,
    tell,
)
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import Person
from uploader.backend import videos
from uploader.backend.context import Backend
from uploader.backend.store.models import now


def delete(person: Person, video_id: str) -> int:
    return person.api.delete(f"/api/videos/{video_id}").status_code


def test_deleting_ends_the_upload_and_has_the_provider_forget_it(carol: Person, provider: FakeProvider):
    video_id = new_video(carol)
    assert delete(carol, video_id) == 204
    assert status_of(carol, video_id)["status"] == "cancelled"
    eventually(lambda: provider.forgotten == [f"upload-of-{video_id}"])


def test_deleting_twice_is_no_error_and_forgets_once(carol: Person, provider: FakeProvider):
    video_id, other = new_video(carol), new_video(carol)
    assert [delete(carol, video_id), delete(carol, video_id), delete(carol, other)] == [204, 204, 204]
    eventually(lambda: f"upload-of-{other}" in provider.forgotten)
    assert provider.forgotten.count(f"upload-of-{video_id}") == 1


@pytest.mark.parametrize("event", [ready_event, error_event])
def test_a_finished_video_can_be_deleted_too(
    event: Callable[[str], dict[str, Any]], carol: Person, desk: Backend, provider: FakeProvider
):
    video_id = new_video(carol)
    tell(desk, event(video_id))
    assert delete(carol, video_id) == 204
    shown = status_of(carol, video_id)
    assert (shown["status"], shown["playbackUrl"], shown["error"]) == ("cancelled", None, None)
    eventually(lambda: provider.forgotten == [f"upload-of-{video_id}"])


def test_a_post_outlives_its_video(carol: Person, desk: Backend):
    video_id = ready_video(carol, desk)
    assert ask_post(carol, content="Look", videoId=video_id).json()["media"]["videoId"] == video_id
    delete(carol, video_id)
    [post] = carol.api.get("/api/posts").json()["posts"]
    assert (post["content"], post["media"]) == ("Look", None)


def test_good_news_about_a_cancelled_video_has_it_forgotten_again(carol: Person, desk: Backend, provider: FakeProvider):
    video_id = new_video(carol)
    delete(carol, video_id)
    eventually(lambda: len(provider.forgotten) == 1)
    tell(desk, ready_event(video_id))
    eventually(lambda: len(provider.forgotten) == 2)
    assert status_of(carol, video_id)["status"] == "cancelled"


def test_what_the_uploader_cancels_is_forgotten_as_well(carol: Person, desk: Backend, provider: FakeProvider):
    video_id = new_video(carol)
    with desk.database.write() as session:
        assert videos.cancelled(session, video_id, now())
    eventually(lambda: provider.forgotten == [f"upload-of-{video_id}"])


def test_somebody_elses_video_and_an_unknown_one_cannot_be_told_apart(carol: Person, dave: Person):
    video_id = new_video(carol)
    assert refused(dave.api.delete(f"/api/videos/{video_id}")) == (404, "video_not_found")
    assert refused(dave.api.delete("/api/videos/unknown")) == (404, "video_not_found")
    assert status_of(carol, video_id)["status"] == "uploading"


def test_a_deleted_video_cannot_be_posted(carol: Person):
    video_id = ask_upload(carol).json()["videoId"]
    delete(carol, video_id)
    assert refused(ask_post(carol, videoId=video_id)) == (409, "video_cancelled")
