"""The server publishes by itself: once, when everything is there, or says why not."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from tests.backend.asking import (
    ask_post,
    error_event,
    eventually,
    new_video,
    ready_event,
    ready_video,
    refused,
    tell,
    use_up,
)
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import Person
from tests.backend.test_posts import new_community
from uploader.backend import publishing, videos
from uploader.backend.context import Backend
from uploader.backend.store.models import (
    Community,
    CommunityMember,
    JobRow,
    PendingPost,
    Post,
    RateLimit,
    User,
    Video,
    now,
)
from uploader.backend.videos import Sight

SOON = timedelta(hours=1)


def ask(person: Person, key: str | None = None, **body: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    """A post that the server takes for later."""
    reply = ask_post(person, key, **body)
    assert reply.status_code == 202, reply.text
    found: dict[str, Any] = reply.json()
    return found


def own(person: Person, post: dict[str, Any]) -> dict[str, Any]:
    reply = person.api.get(f"/api/posts/{post['id']}")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def change(person: Person, post: dict[str, Any], **body: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    reply = person.api.patch(f"/api/posts/{post['id']}", json=body)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def published(desk: Backend) -> list[Post]:
    with desk.database.read() as session:
        return list(session.scalars(select(Post)))


def at(moment: datetime) -> str:
    return moment.isoformat()


def test_the_server_offers_it(carol: Person):
    assert carol.api.get("/api/config").json()["publishing"] == ["now", "when_ready", "at", "draft"]


def test_a_post_goes_out_with_the_news_that_its_video_is_ready(carol: Person, desk: Backend):
    video_id = new_video(carol)
    post = ask(carol, content="First take", videoId=video_id, communityId="general", publish="when_ready")
    assert (post["state"], post["waitsFor"], post["post"]) == ("waiting", "video", None)
    assert published(desk) == []
    tell(desk, ready_event(video_id))
    after = own(carol, post)
    assert (after["state"], after["waitsFor"], after["problem"]) == ("published", None, None)
    assert after["post"] == carol.api.get("/api/posts").json()["posts"][0]
    assert after["post"]["id"] == post["id"]
    assert after["post"]["content"] == "First take"
    assert after["post"]["community"]["id"] == "general"
    assert after["post"]["media"]["videoId"] == video_id


def test_what_is_ready_is_published_at_once(carol: Person, desk: Backend):
    post = ask(carol, videoId=ready_video(carol, desk), publish="when_ready")
    assert post["state"] == "published"
    assert [one.id for one in published(desk)] == [post["id"]]


def test_words_alone_can_wait_for_their_time(carol: Person, desk: Backend):
    post = ask(carol, content="Good morning", publishAt=at(now() + SOON))
    assert (post["state"], post["waitsFor"], post["type"]) == ("waiting", "time", "text")
    assert published(desk) == []


def test_a_time_that_is_over_means_as_soon_as_it_is_ready(carol: Person, desk: Backend):
    video_id = new_video(carol)
    post = ask(carol, videoId=video_id, publishAt="2020-01-01T12:00:00+02:00")
    assert (post["waitsFor"], post["publishAt"]) == ("video", "2020-01-01T10:00:00Z")
    tell(desk, ready_event(video_id))
    assert own(carol, post)["state"] == "published"


def test_at_its_time_it_goes_out_by_itself_and_not_before(carol: Person, desk: Backend):
    moment = now() + timedelta(seconds=1)
    post = ask(carol, videoId=ready_video(carol, desk), publishAt=at(moment))
    eventually(lambda: own(carol, post)["state"] == "published", within=60)
    [only] = published(desk)
    assert only.created_at >= moment


def test_a_video_that_is_late_for_its_time_is_posted_when_it_is_ready(carol: Person, desk: Backend):
    video_id = new_video(carol)
    post = ask(carol, videoId=video_id, publishAt=at(now() + SOON))
    with desk.database.write() as session:
        assert publishing.attempt(session, post["id"], now() + 2 * SOON).state == "waiting"
        assert videos.ready(session, video_id, Sight("ready"), now() + 2 * SOON)
    assert own(carol, post)["state"] == "published"


def test_the_job_of_an_earlier_time_does_not_publish(carol: Person, desk: Backend):
    post = ask(carol, content="x", publishAt=at(now() + SOON))
    changed = change(carol, post, publishAt=at(now() + 5 * SOON))
    with desk.database.write() as session:
        session.execute(update(JobRow).where(JobRow.key == f"publish:{post['id']}:0:time").values(run_at=now()))

    def done() -> bool:
        with desk.database.read() as session:
            return (
                session.scalar(select(JobRow.done_at).where(JobRow.key == f"publish:{post['id']}:0:time")) is not None
            )

    eventually(done, within=60)
    assert own(carol, post) == changed


@pytest.mark.parametrize(
    "body",
    [
        {"publishAt": "2030-01-01T12:00:00"},
        {"publishAt": 1_900_000_000},
        {"publishAt": "1900000000"},
        {"publishAt": "0001-01-01T00:00:00+23:59"},
        {"publish": "tomorrow"},
        {"publish": "now", "publishAt": "2026-01-01T00:00:00Z"},
        {"minHeight": 720},
        {"publish": "when_ready", "minHeight": 0},
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(body: dict[str, Any], carol: Person, desk: Backend):
    assert refused(ask_post(carol, content="x", **body)) == (400, "invalid_request")
    assert published(desk) == []


def test_nobody_plans_further_than_a_year(carol: Person):
    far = at(now() + timedelta(days=400))
    assert refused(ask_post(carol, content="x", publishAt=far)) == (400, "publish_at_too_far")
    post = ask(carol, content="x", publish="draft")
    assert refused(carol.api.patch(f"/api/posts/{post['id']}", json={"publishAt": far})) == (400, "publish_at_too_far")


def test_what_cannot_be_posted_is_refused_when_it_is_asked(carol: Person, dave: Person, desk: Backend):
    video_id = new_video(carol)
    club = new_community(desk, "Club", carol)
    later = {"publish": "when_ready"}
    assert refused(ask_post(dave, videoId=video_id, **later)) == (404, "video_not_found")
    assert refused(ask_post(dave, content="x", communityId=club, **later)) == (403, "access_denied")
    assert refused(ask_post(carol, content="x", communityId="nowhere", **later)) == (404, "community_not_found")
    assert refused(ask_post(carol, **later)) == (400, "empty_post")
    tell(desk, error_event(video_id))
    assert refused(ask_post(carol, videoId=video_id, **later)) == (409, "video_failed")


def test_a_video_that_fails_says_why_nothing_was_published(carol: Person, desk: Backend):
    video_id = new_video(carol)
    post = ask(carol, videoId=video_id, publish="when_ready")
    tell(desk, error_event(video_id))
    after = own(carol, post)
    assert after["state"] == "not_published"
    assert (after["problem"]["code"], after["problem"]["message"]) == ("not_a_video", "This is not a video")
    assert after["problem"]["action"]
    assert published(desk) == []


def test_a_video_that_is_deleted_says_so(carol: Person, desk: Backend):
    video_id = new_video(carol)
    post = ask(carol, videoId=video_id, publish="when_ready")
    assert carol.api.delete(f"/api/videos/{video_id}").status_code == 204
    after = own(carol, post)
    assert (after["state"], after["problem"]["code"]) == ("not_published", "video_deleted")
    assert published(desk) == []


@pytest.mark.parametrize("gone", ["not_a_member", "community_gone", "account_disabled"])
def test_whether_the_author_may_post_there_is_asked_again(gone: str, carol: Person, desk: Backend):
    club = new_community(desk, "Club", carol)
    video_id = new_video(carol)
    post = ask(carol, videoId=video_id, communityId=club, publish="when_ready")
    with desk.database.write() as session:
        match gone:
            case "not_a_member":
                session.execute(delete(CommunityMember).where(CommunityMember.community_id == club))
            case "community_gone":
                session.execute(delete(Community).where(Community.id == club))
            case _:
                session.execute(update(User).where(User.id == carol.user.id).values(disabled_at=now()))
    tell(desk, ready_event(video_id))
    with desk.database.read() as session:
        after = session.get_one(PendingPost, post["id"])
        assert (after.state, after.problem) == ("not_published", gone)
    assert published(desk) == []
    if gone != "account_disabled":
        assert own(carol, post)["problem"]["action"] == "Choose another one, then post again."
        assert change(carol, post, communityId="general", publish="when_ready")["state"] == "published"


def test_who_changes_posts_without_end_is_told_when_to_come_back(carol: Person, desk: Backend):
    post = ask(carol, content="x", publish="draft")
    with desk.database.write() as session:
        session.execute(delete(RateLimit))
    use_up(desk, f"posts:{carol.user.id}", 120)
    assert refused(carol.api.patch(f"/api/posts/{post['id']}", json={"content": "y"})) == (429, "rate_limited")
    assert own(carol, post)["content"] == "x"


def test_the_same_key_gives_the_same_post_as_it_is_now(carol: Person, desk: Backend):
    video_id = new_video(carol)
    body = {"content": "once", "videoId": video_id, "publish": "when_ready"}
    first = ask(carol, "key", **body)
    assert ask(carol, "key", **body) == first
    tell(desk, ready_event(video_id))
    again = ask(carol, "key", **body)
    assert (again["id"], again["state"]) == (first["id"], "published")
    assert refused(ask_post(carol, "key", content="once", videoId=video_id)) == (422, "idempotency_mismatch")
    assert len(published(desk)) == 1


def test_the_key_of_a_post_of_now_is_what_it_was(carol: Person):
    first = ask_post(carol, "key", content="once").json()
    assert ask_post(carol, "key", content="once", publish="now").json() == first


def test_a_draft_waits_for_nothing_but_a_word(carol: Person, desk: Backend):
    video_id = new_video(carol)
    post = ask(carol, videoId=video_id, content="draft", publish="draft")
    assert (post["state"], post["waitsFor"]) == ("draft", None)
    tell(desk, ready_event(video_id))
    assert own(carol, post)["state"] == "draft"
    assert change(carol, post, content="second draft")["state"] == "draft"
    assert published(desk) == []
    assert change(carol, post, content="final", publish="when_ready")["state"] == "published"
    assert [one.content for one in published(desk)] == ["final"]


def test_what_is_changed_before_it_is_out_is_what_comes_out(carol: Person, desk: Backend):
    club = new_community(desk, "Club", carol)
    video_id = new_video(carol)
    post = ask(carol, videoId=video_id, content="one", communityId=club, publish="when_ready")
    assert change(carol, post, content="two")["communityId"] == club
    assert change(carol, post, communityId=None)["content"] == "two"
    tell(desk, ready_event(video_id))
    [only] = published(desk)
    assert (only.content, only.community_id) == ("two", None)


def test_taken_back_and_let_go_again_it_is_still_one_post(carol: Person, desk: Backend):
    video_id = new_video(carol)
    post = ask(carol, videoId=video_id, publish="when_ready")
    assert change(carol, post, publish="draft")["state"] == "draft"
    tell(desk, ready_event(video_id))
    assert published(desk) == []
    assert change(carol, post, publish="when_ready")["state"] == "published"
    assert len(published(desk)) == 1


def test_a_change_that_is_not_allowed_changes_nothing(carol: Person, desk: Backend):
    post = ask(carol, content="one", publish="draft")
    address = f"/api/posts/{post['id']}"
    assert refused(carol.api.patch(address, json={"content": " "})) == (400, "empty_post")
    assert refused(carol.api.patch(address, json={"communityId": "nowhere"})) == (404, "community_not_found")
    assert refused(carol.api.patch(address, json={"publishAt": "soon"})) == (400, "invalid_request")
    assert own(carol, post) == post


def test_once_it_is_out_it_is_too_late(carol: Person, desk: Backend):
    video_id = ready_video(carol, desk)
    for post in (ask(carol, videoId=video_id, publish="when_ready"), ask_post(carol, content="at once").json()):
        address = f"/api/posts/{post['id']}"
        assert own(carol, post)["state"] == "published"
        assert refused(carol.api.patch(address, json={"content": "late"})) == (409, "already_published")
        assert refused(carol.api.delete(address)) == (409, "already_published")
    assert sorted(one.content or "" for one in published(desk)) == ["", "at once"]


def test_a_cancelled_post_never_comes_out(carol: Person, desk: Backend):
    video_id = new_video(carol)
    post = ask(carol, videoId=video_id, publish="when_ready")
    address = f"/api/posts/{post['id']}"
    assert [carol.api.delete(address).status_code for _ in range(2)] == [204, 204]
    tell(desk, ready_event(video_id))
    assert own(carol, post)["state"] == "cancelled"
    assert refused(carol.api.patch(address, json={"publish": "when_ready"})) == (409, "post_cancelled")
    assert published(desk) == []


def test_what_is_not_out_is_its_authors_alone(carol: Person, dave: Person):
    post = ask(carol, content="secret", publish="draft")
    address = f"/api/posts/{post['id']}"
    for reply in (dave.api.get(address), dave.api.patch(address, json={"content": "x"}), dave.api.delete(address)):
        assert refused(reply) == (404, "post_not_found")
    assert dave.api.get("/api/posts/pending").json() == {"posts": [], "nextCursor": None}
    assert [person.api.get("/api/posts").json()["posts"] for person in (carol, dave)] == [[], []]


def test_ones_own_are_listed_newest_first_in_pages(carol: Person):
    made = [ask(carol, content=str(number), publish="draft") for number in range(3)]
    carol.api.delete(f"/api/posts/{made[1]['id']}")
    first = carol.api.get("/api/posts/pending", params={"limit": 1}).json()
    second = carol.api.get("/api/posts/pending", params={"limit": 1, "cursor": first["nextCursor"]}).json()
    assert [page["posts"] for page in (first, second)] == [[made[2]], [made[0]]]
    assert second["nextCursor"] is None


def test_a_video_is_not_deleted_from_under_its_post(carol: Person, desk: Backend):
    posted, waiting = ready_video(carol, desk), new_video(carol)
    ask(carol, videoId=posted, publish="when_ready")
    post = ask(carol, videoId=waiting, publish="when_ready")
    unless = {"unless": "posted"}
    assert refused(carol.api.delete(f"/api/videos/{posted}", params=unless)) == (409, "video_posted")
    assert carol.api.delete(f"/api/videos/{waiting}", params=unless).status_code == 204
    assert own(carol, post)["problem"]["code"] == "video_deleted"
    assert carol.api.delete(f"/api/videos/{posted}").status_code == 204, "as before, without the condition"


class TestTheGate:
    """`minHeight`."""

    @pytest.fixture
    def video_id(self, carol: Person) -> str:
        return new_video(carol)

    def ready(self, desk: Backend, video_id: str, best: int | None, *, complete: bool = True) -> None:
        with desk.database.write() as session:
            assert videos.ready(session, video_id, Sight("ready", best_height=best, complete=complete), now())

    @pytest.mark.parametrize(("best", "met"), [(1080, True), (720, True), (480, False), (None, None)])
    def test_what_is_all_there_is_published_and_says_whether_it_is_high_enough(
        self, best: int | None, met: bool | None, video_id: str, carol: Person, desk: Backend
    ):
        post = ask(carol, videoId=video_id, publish="when_ready", minHeight=720)
        self.ready(desk, video_id, best)
        after = own(carol, post)
        assert (after["state"], after["minHeightMet"]) == ("published", met)

    def test_a_rendition_that_is_high_enough_is_not_kept_waiting_by_higher_ones(
        self, video_id: str, carol: Person, desk: Backend
    ):
        post = ask(carol, videoId=video_id, publish="when_ready", minHeight=720)
        self.ready(desk, video_id, 720, complete=False)
        assert own(carol, post)["state"] == "published"

    def test_while_more_are_made_it_waits_and_without_a_gate_it_does_not(
        self, video_id: str, carol: Person, desk: Backend
    ):
        gated = ask(carol, videoId=video_id, publish="when_ready", minHeight=720)
        free = ask(carol, videoId=video_id, publish="when_ready")
        self.ready(desk, video_id, 360, complete=False)
        assert own(carol, free)["state"] == "published"
        assert (own(carol, gated)["state"], own(carol, gated)["waitsFor"]) == ("waiting", "rendition")

    def test_it_asks_until_the_provider_makes_no_more(
        self, video_id: str, carol: Person, desk: Backend, provider: FakeProvider
    ):
        provider.sight = Sight("ready")
        post = ask(carol, videoId=video_id, publish="when_ready", minHeight=720)
        self.ready(desk, video_id, None, complete=False)
        eventually(lambda: own(carol, post)["state"] == "published", within=60)
        with desk.database.read() as session:
            assert session.get_one(Video, video_id).complete

    def test_it_does_not_wait_for_ever(self, video_id: str, carol: Person, desk: Backend):
        post = ask(carol, videoId=video_id, publish="when_ready", minHeight=720)
        self.ready(desk, video_id, 360, complete=False)
        with desk.database.write() as session:
            assert publishing.attempt(session, post["id"], now() + timedelta(hours=25)).state == "published"
        assert own(carol, post)["minHeightMet"] is False


def test_of_all_who_publish_at_once_one_does(carol: Person, desk: Backend):
    """Webhooks that come twice at once, requests, changes and jobs, in every order."""
    for number in range(6):
        video_id = new_video(carol)
        body = {"content": str(number), "videoId": video_id, "publish": "when_ready"}
        first = ask(carol, f"key {number}", **body) if number % 2 else None
        go = threading.Barrier(6)

        def at_once(deed: Any, go: threading.Barrier = go) -> threading.Thread:  # noqa: ANN401 (any callable)
            def run() -> None:
                go.wait(60)
                deed()

            thread = threading.Thread(target=run)
            thread.start()
            return thread

        def poke(first: dict[str, Any] | None = first) -> None:
            if first is not None:
                carol.api.patch(f"/api/posts/{first['id']}", json={"publish": "when_ready"})

        deeds = [
            *(lambda v=video_id, n=n: tell(desk, ready_event(v, f"event {v} {n}")) for n in range(2)),
            *(lambda b=body, n=number: ask(carol, f"key {n}", **b) for _ in range(2)),
            poke,
            poke,
        ]
        for thread in [at_once(deed) for deed in deeds]:
            thread.join()
    with desk.database.read() as session:
        counts = session.execute(select(Post.content, func.count()).group_by(Post.content)).all()
        states = set(session.scalars(select(PendingPost.state)))
    assert sorted((content, count) for content, count in counts) == [(str(number), 1) for number in range(6)]
    assert states == {"published"}


def test_times_are_kept_exactly(carol: Person):
    moment = datetime(2026, 12, 24, 18, 30, tzinfo=UTC) if now().year == 2026 else now() + SOON
    post = ask(carol, content="x", publishAt=at(moment), publish="draft")
    assert datetime.fromisoformat(own(carol, post)["publishAt"]) == moment
