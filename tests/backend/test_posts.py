import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.backend.asking import ask_post, error_event, new_video, ready_video, refused, tell, use_up
from tests.backend.server import Person, client
from uploader.backend.context import Backend
from uploader.backend.store.models import Community, CommunityMember, IdempotencyKey, Post


def count_posts(backend: Backend) -> int:
    with backend.database.read() as session:
        return session.scalar(select(func.count()).select_from(Post)) or 0


def new_community(backend: Backend, name: str, *members: Person) -> str:
    with backend.database.write() as session:
        community = Community(name=name)
        session.add(community)
        session.flush()
        session.add_all(CommunityMember(community_id=community.id, user_id=one.user.id) for one in members)
        return community.id


def test_a_post_with_a_video_has_the_seeds_shape(carol: Person, desk: Backend):
    video_id = ready_video(carol, desk)
    post = ask_post(carol, content="First take", videoId=video_id, communityId="general", type="video").json()
    assert abs(datetime.fromisoformat(post.pop("timestamp")) - datetime.now(UTC)) < timedelta(minutes=1)
    assert post.pop("id")
    assert post == {
        "content": "First take",
        "type": "video",
        "author": {"id": carol.user.id, "name": "Carol", "username": "carol", "avatar": None, "verified": False},
        "media": {
            "type": "video",
            "videoId": video_id,
            "url": "https://cdn.example/v.m3u8",
            "thumbnail": "https://cdn.example/v.jpg",
            "duration": 13,
            "watchUrl": f"{desk.base_url}/watch/{video_id}",
        },
        "community": {"id": "general", "name": "General"},
        "likes": 0,
        "comments": 0,
        "shares": 0,
        "views": 0,
        "isLiked": False,
        "isSaved": False,
    }


def test_a_post_may_be_text_alone(carol: Person):
    post = ask_post(carol, content="Hello", type="video").json()
    assert (post["type"], post["media"], post["community"]) == ("text", None, None)


def test_a_post_may_be_a_video_alone_and_a_video_may_be_in_many_posts(carol: Person, desk: Backend):
    video_id = ready_video(carol, desk)
    first, second = (ask_post(carol, videoId=video_id).json() for _ in range(2))
    assert first["content"] == ""
    assert first["id"] != second["id"]


@pytest.mark.parametrize("body", [{}, {"content": ""}, {"content": " \n\t"}, {"content": "\0"}])
def test_a_post_of_nothing_is_refused(body: dict[str, str], carol: Person, desk: Backend):
    assert refused(ask_post(carol, **body)) == (400, "empty_post")
    assert count_posts(desk) == 0


@pytest.mark.parametrize(
    "body",
    [{"content": "x" * 5001}, {"content": 5}, {"content": "x", "type": "poem"}, {"content": "x", "videoId": "v" * 256}],
)
def test_a_post_that_makes_no_sense_is_refused(body: dict[str, Any], carol: Person):
    assert refused(ask_post(carol, **body)) == (400, "invalid_request")


def test_a_video_that_is_not_ready_cannot_be_posted_and_the_code_says_whether_waiting_helps(
    carol: Person, desk: Backend
):
    video_id = new_video(carol)
    waiting = ask_post(carol, videoId=video_id)
    assert refused(waiting) == (409, "video_processing")
    assert waiting.json()["error"] == "Video is still processing"
    tell(desk, error_event(video_id))
    assert refused(ask_post(carol, videoId=video_id)) == (409, "video_failed")
    assert count_posts(desk) == 0


def test_only_ones_own_videos_can_be_posted(carol: Person, dave: Person, desk: Backend):
    video_id = ready_video(carol, desk)
    assert refused(ask_post(dave, videoId=video_id)) == (404, "video_not_found")
    assert refused(ask_post(dave, videoId="unknown")) == (404, "video_not_found")


def test_only_members_post_in_a_community(carol: Person, dave: Person, desk: Backend):
    club = new_community(desk, "Club", carol)
    assert ask_post(carol, content="hi", communityId=club).status_code == 200
    assert refused(ask_post(dave, content="hi", communityId=club)) == (403, "access_denied")
    assert refused(ask_post(dave, content="hi", communityId="nowhere")) == (404, "community_not_found")
    assert count_posts(desk) == 1


def test_a_refused_post_leaves_its_key_free(carol: Person, desk: Backend):
    video_id = new_video(carol)
    assert refused(ask_post(carol, "key", videoId=video_id)) == (409, "video_processing")
    with desk.database.read() as session:
        assert session.get(IdempotencyKey, (carol.user.id, "key")) is None


def test_the_same_key_gives_the_same_post_even_a_week_later(carol: Person, desk: Backend):
    first = ask_post(carol, "key", content="once").json()
    with desk.database.write() as session:
        session.get_one(IdempotencyKey, (carol.user.id, "key")).created_at -= timedelta(days=8)
    assert ask_post(carol, "key", content="once").json() == first
    assert count_posts(desk) == 1


def test_a_key_used_for_another_post_is_refused(carol: Person, desk: Backend):
    ask_post(carol, "key", content="once")
    assert refused(ask_post(carol, "key", content="twice")) == (422, "idempotency_mismatch")
    assert count_posts(desk) == 1


def test_twenty_equal_posts_at_once_are_one_post(carol: Person, desk: Backend):
    replies = []
    threads = [
        threading.Thread(target=lambda: replies.append(ask_post(carol, "key", content="once"))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.status_code for reply in replies] == [200] * 20
    assert len({reply.text for reply in replies}) == 1
    assert count_posts(desk) == 1


def test_posts_are_read_newest_first_in_pages_that_new_posts_do_not_shift(carol: Person):
    for number in range(5):
        ask_post(carol, content=str(number))
    first = carol.api.get("/api/posts", params={"limit": 2}).json()
    ask_post(carol, content="late")
    second = carol.api.get("/api/posts", params={"limit": 2, "cursor": first["nextCursor"]}).json()
    third = carol.api.get("/api/posts", params={"limit": 2, "cursor": second["nextCursor"]}).json()
    pages = [[post["content"] for post in page["posts"]] for page in (first, second, third)]
    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    assert third["nextCursor"] is None


def test_posts_of_the_same_moment_are_all_read_once(carol: Person, desk: Backend):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with desk.database.write() as session:
        session.add_all(Post(user_id=carol.user.id, content=str(n), created_at=moment) for n in range(7))
    seen: list[str] = []
    cursor = None
    while len(seen) < 100:
        page = carol.api.get("/api/posts", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [post["content"] for post in page["posts"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert sorted(seen) == [str(n) for n in range(7)]


def test_posts_of_a_community_are_for_its_members(carol: Person, dave: Person, desk: Backend):
    club = new_community(desk, "Club", carol)
    ask_post(carol, content="inside", communityId=club)
    ask_post(carol, content="outside", communityId="general")

    def contents(person: Person, **params: str) -> list[str]:
        return [post["content"] for post in person.api.get("/api/posts", params=params).json()["posts"]]

    assert contents(carol) == ["outside", "inside"]
    assert contents(carol, communityId=club) == ["inside"]
    assert contents(dave) == ["outside"]
    assert refused(dave.api.get("/api/posts", params={"communityId": club})) == (403, "access_denied")
    assert refused(dave.api.get("/api/posts", params={"communityId": "x"})) == (404, "community_not_found")


@pytest.mark.parametrize("cursor", ["x", "AAAA", "MjAyNi0wMS0wMXxpZA", "ü", "MDAwMS0wMS0wMVQwMDowMDowMCsyMzo1OXxpZA=="])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str, carol: Person):
    assert refused(carol.api.get("/api/posts", params={"cursor": cursor})) == (400, "invalid_request")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many"])
def test_a_page_has_one_to_a_hundred_posts(limit: str, carol: Person):
    assert refused(carol.api.get("/api/posts", params={"limit": limit})) == (400, "invalid_request")


def test_posts_need_a_sign_in(desk: Backend):
    with client(desk) as anybody:
        assert refused(anybody.get("/api/posts")) == (401, "unauthorized")
        assert refused(anybody.post("/api/posts", json={"content": "hi"})) == (401, "unauthorized")


def test_too_many_posts_in_a_minute_are_told_when_to_come_back(carol: Person, desk: Backend):
    use_up(desk, f"posts:{carol.user.id}", 120)
    reply = ask_post(carol, content="spam")
    assert refused(reply) == (429, "rate_limited")
    assert 1 <= int(reply.headers["retry-after"]) <= 60
