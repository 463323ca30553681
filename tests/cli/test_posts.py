"""`reelferry posts`: what the server holds is seen, changed and cancelled, with and without an engine that is open."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from anyio.from_thread import start_blocking_portal

from tests.cli.terminal import Server, Terminal
from tests.flow.stage import wait_for
from tests.media import clips
from uploader import settings
from uploader.cli import posts, words
from uploader.engine.commands import Commands
from uploader.engine.engine import Engine
from uploader.engine.instance import Owner
from uploader.engine.job import Draft
from uploader.engine.session import MemoryVault
from uploader.paths import Paths

TOMORROW = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=1)


@pytest.fixture
def api(account: Server) -> Iterator[httpx.Client]:
    """Another program of the same person; what it leaves behind is gone."""
    with account.api() as api:
        yield api
        for post in api.get("/api/posts/pending").json()["posts"]:
            api.delete(f"/api/posts/{post['id']}")


def held(api: httpx.Client, **body: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    reply = api.post("/api/posts", json=body)
    assert reply.status_code == 202, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_what_was_written_elsewhere_is_seen_changed_and_cancelled(signed_in: Terminal, api: httpx.Client):
    post = held(api, content="Harbour at dawn\nSix in the morning", publishAt=TOMORROW.isoformat())
    short, when = post["id"][:8], f"{TOMORROW.astimezone():%Y-%m-%d at %H:%M}"
    assert signed_in.run("posts").stdout == f"{short}  To be posted on {when}  Harbour at dawn\n"

    (edited,) = signed_in.objects("posts", "edit", short, "--draft", "--text", "Later", "--community", "film club")
    assert (edited["state"], edited["text"], edited["community"]) == ("draft", "Later", "c0ffee")
    cancelled = signed_in.run("posts", "cancel", short)
    assert (cancelled.returncode, cancelled.stderr) == (0, "")
    assert cancelled.stdout == "Cancelled. The server will not publish it; its video stays there.\n"
    assert api.get(f"/api/posts/{post['id']}").json()["state"] == "cancelled"
    empty = signed_in.run("posts")
    assert (empty.returncode, empty.stderr) == (0, "")
    assert empty.stdout.startswith("The server holds no posts")


def test_an_engine_that_is_open_is_asked_and_its_job_hears_of_it(
    at_terminal: Terminal, account: Server, api: httpx.Client, tmp_path: Path
):
    clip = clips.h264(tmp_path / "Harbour.mp4", seconds=1, size=(320, 180))
    paths, vault = Paths.of_user().make(), MemoryVault()
    vault.tokens[account.url] = account.refresh_token()
    with closing(Owner.claim(paths)) as owner, start_blocking_portal() as portal:
        opening = Engine.open(paths=paths, server=account.url, vault=vault, emit=lambda _: None)
        with portal.wrap_async_context_manager(opening) as engine:
            owner.serve(portal.call(asyncio.get_running_loop), Commands(engine).answer)
            portal.call(engine.queue.add, [clip], Draft("Tomorrow", approved=True, publish_at=TOMORROW))
            wait_for(lambda: engine.queue.jobs[0].entrusted)
            (post,) = at_terminal.objects("posts", "edit", engine.queue.jobs[0].pending_post_id or "", "--text", "Then")
            assert (post["file"], post["job"]) == ("Harbour.mp4", engine.queue.jobs[0].id)
            assert engine.queue.jobs[0].draft == Draft("Then", approved=True, publish_at=TOMORROW)
            at_terminal.objects("posts", "cancel", post["id"][:8])
            assert (engine.queue.jobs[0].handover, engine.queue.jobs[0].draft.approved) == (None, False)
            owner.close()
    assert [one["content"] for one in api.get("/api/posts/pending").json()["posts"]] == []


def test_a_post_that_is_out_or_that_nobody_has_is_said(signed_in: Terminal, api: httpx.Client):
    out = held(api, content="x", publish="when_ready")
    done = signed_in.run("posts", "cancel", out["id"])
    assert done.returncode == 1
    assert done.stderr == "It was already posted. The post is as the server had it. [already_posted]\n"
    done = signed_in.run("posts", "edit", "f00", "--publish", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == "unknown_post"


def test_where_nobody_is_signed_in_one_is_asked_to(at_terminal: Terminal):
    settings.save(Paths.of_user().make().settings, settings.Settings(server="http://127.0.0.1:9"))
    done = at_terminal.run("posts")
    assert (done.returncode, done.stdout) == (3, "")
    assert "[sign_in_needed]" in done.stderr


def change(**given: Any) -> dict[str, Any]:  # noqa: ANN401 (options of `edit`, each of its own type)
    nothing = {"text": None, "community": None, "at": None, "min_height": None, "draft": None, "no_community": False}
    return posts.changed(**{**nothing, **given})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"text": ""}, {"text": ""}),
        ({"draft": True}, {"publish": "draft"}),
        ({"draft": False}, {"publish": "when_ready"}),
        ({"at": "now"}, {"publishAt": None, "publish": "when_ready"}),
        ({"at": "now", "draft": True}, {"publishAt": None, "publish": "draft"}),
        ({"min_height": "any"}, {"minHeight": None}),
        ({"community": "Films"}, {"community": "Films"}),
        ({"no_community": True}, {"community": None}),
    ],
)
def test_what_is_given_is_changed_and_a_time_lets_it_go(given: dict[str, Any], expected: dict[str, Any]):
    assert change(**given) == expected


@pytest.mark.parametrize(
    ("given", "why"),
    [({}, "Say what to change"), ({"community": "Films", "no_community": True}, "contradict each other")],
)
def test_a_change_has_to_say_what_and_not_twice(given: dict[str, Any], why: str):
    with pytest.raises(typer.BadParameter, match=why):
        change(**given)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"state": "draft"}, "Draft"),
        ({"state": "draft", "publishAt": "2999-11-24T18:00:00Z"}, f"Draft, for {words.day('2999-11-24T18:00:00Z')}"),
        ({"waitsFor": "video"}, "To be posted when its video is ready"),
        ({"waitsFor": "rendition", "minHeight": 720}, "To be posted once it plays in 720p"),
        ({"publishAt": "2020-11-24T18:00:00Z"}, "To be posted now"),
        (
            {"waitsFor": "video", "publishAt": "2999-11-24T18:00:00Z"},
            f"To be posted on {words.day('2999-11-24T18:00:00Z')}, or when its video is ready if that is later",
        ),
        (
            {"state": "not_published", "problem": {"error": "The video was deleted", "hint": "Upload it again."}},
            "Not posted: The video was deleted. Upload it again.",
        ),
    ],
)
def test_a_post_says_what_it_waits_for_or_why_it_is_not_out(facts: dict[str, Any], expected: str):
    plain = {"state": "waiting", "waitsFor": None, "publishAt": None, "minHeight": None, "problem": None}
    assert words.post({**plain, **facts}) == expected


@pytest.mark.parametrize(
    ("text", "file", "expected"),
    [
        ("Hello\nyou", None, "Hello"),
        ("", "a.mp4", "a.mp4"),
        ("Hello", "a.mp4", "Hello (a.mp4)"),
        ("", None, "No text"),
        ("x" * 61, None, "x" * 59 + "…"),
    ],
)
def test_a_post_is_known_by_its_first_words_and_its_file(text: str, file: str | None, expected: str):
    assert words.post_name({"text": text, "file": file}) == expected
