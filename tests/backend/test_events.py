"""The event stream: what is told, when, to whom, and how it ends."""

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from httpx_sse import EventSource
from starlette.types import Message

from tests.backend.asking import error_event, eventually, new_video, ready_event, ready_video, refused, status_of, tell
from tests.backend.databases import databases
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import Person, client, make_token, make_user, serving
from uploader.backend import videos
from uploader.backend.accounts import tokens
from uploader.backend.context import Backend
from uploader.backend.routes.events import EventStream
from uploader.backend.store.models import now
from uploader.backend.store.sign_in_models import OAuthToken
from uploader.backend.streams import A_USERS, Streams
from uploader.wire import VideoStatus

PATIENCE = 60


class Reader(threading.Thread):
    """Reads a stream to its end. `told` is every video event; `began` once the first event of all has come."""

    def __init__(self, api: httpx.Client) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []
        self.began = threading.Event()
        self._api = api

    def run(self) -> None:
        with self._api.stream("GET", "/api/videos/events", timeout=PATIENCE) as reply:
            assert reply.status_code == 200, reply.read()
            assert reply.headers["x-accel-buffering"] == "no"
            assert reply.headers["cache-control"] == "no-store"
            for event in EventSource(reply).iter_sse():
                self.began.set()
                if event.event == "video":
                    self.told.append(event.json())

    def knows(self, video_id: str, status: str) -> None:
        """Waits until the last word about this video is that state."""
        eventually(lambda: self.last(video_id).get("status") == status, PATIENCE)

    def last(self, video_id: str) -> dict[str, Any]:
        return next((one for one in reversed(self.told) if one["videoId"] == video_id), {})

    def end(self) -> None:
        self.join(PATIENCE)
        assert not self.is_alive()


@contextmanager
def reading(backend: Backend, person: Person) -> Iterator[Reader]:
    """A stream that has begun. At the end its token is revoked, and the server has to notice."""
    backend.streams.heartbeat = 0.1
    token = make_token(backend.database, person.user)
    with client(backend, token) as api:
        reader = Reader(api)
        reader.start()
        try:
            assert reader.began.wait(PATIENCE)
            yield reader
        finally:
            with backend.database.write() as session:
                session.get_one(OAuthToken, tokens.digest(token)).revoked_at = now()
            reader.end()


def test_the_state_of_every_unfinished_video_is_told_at_once_and_whatever_becomes_of_it(desk: Backend, carol: Person):
    one, other = new_video(carol), new_video(carol)
    with reading(desk, carol) as reader:
        reader.knows(one, "uploading")
        reader.knows(other, "uploading")
        with desk.database.write() as session:
            videos.received(session, one, now())
            videos.progressed(session, one, "transcoding", 12.5)
        reader.knows(one, "processing")
        assert reader.last(one) == status_of(carol, one)
        assert tell(desk, ready_event(one)).status_code == 200
        reader.knows(one, "ready")
        assert tell(desk, error_event(other)).status_code == 200
        reader.knows(other, "error")
        assert [reader.last(one), reader.last(other)] == [status_of(carol, one), status_of(carol, other)]
        new = new_video(carol)
        reader.knows(new, "uploading")
        carol.api.delete(f"/api/videos/{new}")
        reader.knows(new, "cancelled")


def test_a_change_is_told_without_waiting_for_the_next_sign_of_life(desk: Backend, carol: Person):
    video_id = new_video(carol)
    with reading(desk, carol) as reader:
        reader.knows(video_id, "uploading")
        desk.streams.heartbeat = 3600
        for _ in range(2):  # the first may end the wait that had begun
            with desk.database.write() as session:
                videos.received(session, video_id, now())
                videos.progressed(session, video_id, "transcoding", 1)
        assert tell(desk, ready_event(video_id)).status_code == 200
        reader.knows(video_id, "ready")
        desk.streams.heartbeat = 0.1
        new = new_video(carol)
        carol.api.delete(f"/api/videos/{new}")  # ends the long wait


def test_nobody_hears_of_other_peoples_videos(desk: Backend, carol: Person, dave: Person):
    with reading(desk, carol) as reader:
        ready_video(dave, desk)
        mine = ready_video(carol, desk)
        reader.knows(mine, "ready")
        assert {one["videoId"] for one in reader.told} == {mine}


def test_without_sign_in_there_is_no_stream_and_a_token_in_the_address_is_none(desk: Backend, carol: Person):
    with client(desk) as anybody:
        for query in ("", f"?access_token={carol.token}"):
            assert refused(anybody.get("/api/videos/events" + query)) == (401, "unauthorized")


def test_signing_out_everywhere_ends_open_streams_without_waiting_for_a_sign_of_life(desk: Backend, carol: Person):
    desk.streams.heartbeat = 3600
    with client(desk, make_token(desk.database, carol.user)) as api:
        reader = Reader(api)
        reader.start()
        assert reader.began.wait(PATIENCE)
        assert carol.api.post("/api/me/sign-out-everywhere").status_code == 204
        reader.end()


def test_one_person_may_have_so_many_streams_and_no_more_and_others_have_theirs(
    desk: Backend, carol: Person, dave: Person
):
    open_ones = [reading(desk, carol) for _ in range(A_USERS)]
    for one in open_ones:
        one.__enter__()
    reply = carol.api.get("/api/videos/events")
    assert refused(reply) == (429, "rate_limited")
    assert int(reply.headers["retry-after"]) > 0
    with reading(desk, dave):
        pass
    for one in open_ones:
        one.__exit__(None, None, None)
    with reading(desk, carol):
        pass


@pytest.mark.one_database("how a server ends")
def test_a_stopping_server_ends_its_streams_by_itself(tmp_path: Path):
    with ExitStack() as api:
        with serving(tmp_path, {"local": FakeProvider}) as backend:
            token = make_token(backend.database, make_user(backend.database))
            reader = Reader(api.enter_context(client(backend, token)))
            reader.start()
            assert reader.began.wait(PATIENCE)
        reader.end()  # not cut off: the thread would have raised


@pytest.mark.one_database("SQLite is one server's", on="postgresql")
@pytest.mark.loud
def test_what_one_server_changes_is_told_by_the_other_also_after_their_database_hung_up(desk: Backend, carol: Person):
    with (
        serving(desk.config.data, {"local": FakeProvider}) as other,
        reading(other, carol) as reader,
    ):
        for _ in range(2):
            video_id = new_video(carol)
            reader.knows(video_id, "uploading")
            other.streams.heartbeat = 3600
            with other.database.write() as session:
                videos.received(session, video_id, now())
            reader.knows(video_id, "processing")  # and waits for nothing but news of the other server from now on
            assert tell(desk, ready_event(video_id)).status_code == 200
            reader.knows(video_id, "ready")
            other.streams.heartbeat = 0.1
            databases.cluster.hang_up(desk.database.engine.url.database or "")


@pytest.mark.anyio
@pytest.mark.one_database("what a slow reader costs")
async def test_a_slow_reader_is_told_the_latest_state_only_and_one_that_does_not_read_is_left(desk: Backend):
    backend = dataclasses.replace(desk, streams=Streams(heartbeat=0.001, patience=3600))
    percent = 0.0
    heard: list[str] = []
    coming, taken = anyio.Event(), anyio.Event()

    def look() -> dict[str, VideoStatus]:
        return {"v": VideoStatus(video_id="v", status="processing", provider="local", percent=percent)}

    async def send(message: Message) -> None:
        nonlocal coming, taken
        body = message.get("body", b"").decode()
        if "video" in body:
            heard.append(body)
            coming.set()
            await taken.wait()
            coming, taken = anyio.Event(), anyio.Event()

    async def never() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            group.start_soon(EventStream(backend, "u", look), {}, never, send)
            await coming.wait()
            percent = 10.0
            percent = 30.0
            taken.set()
            while len(heard) < 2:  # noqa: ASYNC110 (the event is another one each time)
                await anyio.sleep(0.001)
            backend.streams.patience = 0.01
            percent = 40.0
            taken.set()
    assert ['"percent":0.0' in heard[0], '"percent":30.0' in heard[1], '"percent":40.0' in heard[2]] == [True] * 3
    assert len(heard) == 3, "it ended by itself, in the middle of what nobody took"
