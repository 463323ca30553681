"""Limits of one person, asked for at once and one after the other."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.backend.asking import ask_upload, new_video, refused
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import Person, serving, signed_in, stopped
from uploader.backend.store.models import now

MIB = 1 << 20


@contextmanager
def person(folder: Path, **environ: str) -> Iterator[Person]:
    """Somebody at a server with these limits, on a day that does not end meanwhile."""
    with (
        serving(folder / "server", {"local": FakeProvider}, stopped(), **environ) as desk,
        signed_in(desk) as somebody,
    ):
        yield somebody


def all_at_once(somebody: Person, count: int, size: int) -> Counter[str]:
    """How so many requests ended, each with a key of its own."""
    with ThreadPoolExecutor(count) as pool:
        replies = list(pool.map(lambda n: ask_upload(somebody, f"key {n}", fileSize=size), range(count)))
    return Counter("granted" if reply.is_success else reply.json()["code"] for reply in replies)


def test_of_eight_uploads_at_once_exactly_as_many_begin_as_may_be_open(tmp_path: Path):
    with person(tmp_path, MAX_OPEN_UPLOADS="3") as somebody:
        assert all_at_once(somebody, 8, 1000) == {"granted": 3, "too_many_uploads": 5}


def test_of_eight_uploads_at_once_exactly_as_many_begin_as_fit_into_a_day(tmp_path: Path):
    with person(tmp_path, MAX_DAILY_UPLOAD_MB="10") as somebody:
        assert all_at_once(somebody, 8, 4 * MIB) == {"granted": 2, "daily_limit": 6}


def test_an_upload_that_ended_makes_room_for_another(tmp_path: Path):
    with person(tmp_path, MAX_OPEN_UPLOADS="1") as somebody:
        video_id = new_video(somebody)
        reply = ask_upload(somebody)
        assert refused(reply) == (429, "too_many_uploads")
        assert reply.json()["error"] == "Unfinished uploads are limited to 1 a person. Finish or cancel one"
        assert int(reply.headers["retry-after"]) == 60
        assert somebody.api.delete(f"/api/videos/{video_id}").status_code == 204
        assert ask_upload(somebody).status_code == 200


def test_asking_again_with_the_same_key_costs_nothing(tmp_path: Path):
    with person(tmp_path, MAX_OPEN_UPLOADS="1", MAX_DAILY_UPLOAD_MB="1") as somebody:
        replies = [ask_upload(somebody, "key", fileSize=MIB) for _ in range(3)]
        assert len({reply.json()["videoId"] for reply in replies}) == 1


def test_what_was_refused_for_a_limit_can_be_asked_for_again_with_the_same_key(tmp_path: Path):
    with person(tmp_path, MAX_OPEN_UPLOADS="1") as somebody:
        first = new_video(somebody)
        assert refused(ask_upload(somebody, "key")) == (429, "too_many_uploads")
        somebody.api.delete(f"/api/videos/{first}")
        assert ask_upload(somebody, "key").status_code == 200


def test_a_day_ends_at_midnight_utc(tmp_path: Path):
    midnight = now().replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight - timedelta(minutes=1)
    with (
        serving(tmp_path / "server", {"local": FakeProvider}, lambda: moment, MAX_DAILY_UPLOAD_MB="1") as desk,
        signed_in(desk) as somebody,
    ):
        new_video(somebody)
        reply = ask_upload(somebody, fileSize=MIB)
        assert refused(reply) == (429, "daily_limit")
        assert int(reply.headers["retry-after"]) == 60
        moment = midnight
        assert ask_upload(somebody, fileSize=MIB).status_code == 200


def test_one_person_s_uploads_do_not_count_for_another(tmp_path: Path):
    with (
        serving(tmp_path / "server", {"local": FakeProvider}, MAX_OPEN_UPLOADS="1") as desk,
        signed_in(desk, "ann") as ann,
        signed_in(desk, "ben") as ben,
    ):
        assert [ask_upload(one).status_code for one in (ann, ben, ann, ben)] == [200, 200, 429, 429]


def test_a_file_that_no_day_could_take_is_too_large_and_the_server_says_so_beforehand(tmp_path: Path):
    with person(tmp_path, MAX_DAILY_UPLOAD_MB="1") as somebody:
        assert somebody.api.get("/api/config").json()["maxBytes"] == MIB
        assert refused(ask_upload(somebody, fileSize=MIB + 1)) == (400, "file_too_large")


@pytest.mark.loud
def test_what_the_provider_refused_counts_for_nothing(tmp_path: Path):
    with (
        serving(tmp_path / "server", {"local": FakeProvider}, MAX_OPEN_UPLOADS="1", MAX_DAILY_UPLOAD_MB="1") as desk,
        signed_in(desk) as somebody,
    ):
        assert isinstance(desk.provider, FakeProvider)
        desk.provider.failure = RuntimeError("no")
        assert ask_upload(somebody, fileSize=MIB).status_code == 500
        desk.provider.failure = None
        assert ask_upload(somebody, fileSize=MIB).status_code == 200
