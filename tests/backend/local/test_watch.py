"""The page on which a video plays, by its words and in a real Chromium."""

import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from tests.backend.asking import error_event, new_video, tell
from tests.backend.local.carry import carry, ended
from tests.backend.server import Person, client, serving, signed_in
from tests.media import clips
from tests.needs import need_peer, need_program
from uploader.backend.context import Backend
from uploader.backend.providers.local.signature import LIFE, Signer
from uploader.backend.store.models import Video, now

pytestmark = pytest.mark.one_database("files and pages")

SCRIPT = Path(__file__).with_name("watch_in_browser.mjs")
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def in_browser(url: str, scheme: str, screenshot: Path, *more: str) -> dict[str, Any]:
    """What a real Chromium makes of the page."""
    peers = need_peer("playwright-core")
    command = ["node", str(SCRIPT), need_program("chromium"), url, scheme, str(screenshot), *more]
    done = subprocess.run(command, cwd=peers, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def page(backend: Backend, video_id: str) -> httpx.Response:
    with client(backend) as anybody:
        return anybody.get(f"/watch/{video_id}")


@pytest.mark.slow
@pytest.mark.peer
@pytest.mark.timeout(700)
@pytest.mark.parametrize(("scheme", "window"), [("light", "rgb(246, 247, 249)"), ("dark", "rgb(22, 24, 28)")])
def test_a_real_browser_plays_the_video(cinema: Backend, shown: str, tmp_path: Path, scheme: str, window: str) -> None:
    watch_url = f"{cinema.base_url}/watch/{shown}"
    seen = in_browser(watch_url, scheme, tmp_path / f"watch-{scheme}.png")
    assert seen["status"] == 200
    assert seen["title"] == "Häfen & Möwen · Reelferry"
    assert seen["readyState"] >= 2
    assert seen["advanced"] >= 0.5
    assert seen["size"] == [640, 360]
    assert seen["shades"] > 3  # a picture, not a black rectangle
    assert seen["poster"] > 0
    assert seen["window"] == window
    assert not seen["overflow"]
    assert not seen["overflowWhenNarrow"]
    assert seen["complaints"] == []
    assert seen["hosts"] == [cinema.base_url.removeprefix("http://")]
    if scheme == "dark":
        plain = in_browser(watch_url, scheme, tmp_path / "progressive.png", "without-hls")
        assert plain["source"].endswith("/progressive.mp4")
        assert plain["advanced"] >= 0.5


@pytest.mark.peer
@pytest.mark.timeout(400)
def test_a_real_browser_is_told_that_there_is_no_video(cinema: Backend, tmp_path: Path) -> None:
    seen = in_browser(f"{cinema.base_url}/watch/{UNKNOWN}", "light", tmp_path / "unknown.png")
    assert seen["status"] == 404
    assert "There is no video here" in seen["text"]


def test_the_page_takes_nothing_from_elsewhere_and_runs_no_script(
    cinema: Backend, guest: Person, tmp_path: Path
) -> None:
    video_id = carry(guest, clips.h264(tmp_path / '<script>alert("1").mp4'))
    ended(guest, video_id)
    reply = page(cinema, video_id)
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "<script" not in reply.text
    assert "&lt;script&gt;alert(&quot;1&quot;)" in reply.text
    sources = re.findall(r'(?:src|poster)="([^"]+)"', reply.text)
    assert sources
    assert all(source.startswith(f"/media/{video_id}/") for source in sources)


def test_what_does_not_play_yet_says_so(cinema: Backend, guest: Person) -> None:
    video_id = new_video(guest)
    assert "This video is still being uploaded" in page(cinema, video_id).text
    with cinema.database.write() as session:
        session.execute(update(Video).where(Video.id == video_id).values(status="processing"))
    waiting = page(cinema, video_id)
    assert waiting.status_code == 200
    assert "This video is still being processed" in waiting.text
    assert 'http-equiv="refresh"' in waiting.text


def test_what_failed_says_so_without_details(cinema: Backend, guest: Person) -> None:
    video_id = new_video(guest)
    tell(cinema, error_event(video_id, error_message="secret details"))
    reply = page(cinema, video_id)
    assert "This video could not be processed" in reply.text
    assert "secret details" not in reply.text


@pytest.mark.parametrize("video_id", [UNKNOWN, "x", "..", "%2e%2e", "a'b"])
def test_an_unknown_video_is_a_page_of_its_own(cinema: Backend, video_id: str) -> None:
    reply = page(cinema, video_id)
    assert reply.status_code == 404


def test_a_cancelled_video_is_no_video(cinema: Backend, guest: Person) -> None:
    video_id = new_video(guest)
    guest.api.delete(f"/api/videos/{video_id}")
    assert page(cinema, video_id).status_code == 404


def test_where_playback_is_signed_only_signed_addresses_open(tmp_path: Path) -> None:
    with serving(tmp_path / "server", SIGNED_PLAYBACK="1") as backend, signed_in(backend) as ann:
        video_id = carry(ann, clips.h264(tmp_path / "clip.mp4"))
        status = ended(ann, video_id)
        with client(backend) as anybody:
            assert anybody.get(f"/watch/{video_id}").status_code == 404
            assert anybody.get(f"/media/{video_id}/index.m3u8").status_code == 403
            seen = anybody.get(status["watchUrl"])
            assert seen.status_code == 200
            for source in re.findall(r'(?:src|poster)="([^"]+)"', seen.text):
                assert anybody.get(source).status_code == 200
            playlist = anybody.get(status["playbackUrl"])
            assert playlist.status_code == 200
            below = status["playbackUrl"].rsplit("/", 1)[0]
            names = [line for line in playlist.text.splitlines() if line and not line.startswith("#")]
            assert all(anybody.get(f"{below}/{name}").status_code == 200 for name in names)
            other = Signer("somebody else's key").signed(video_id, now())
            assert anybody.get(f"/media/{video_id}/{other}/index.m3u8").status_code == 403


def test_a_signature_is_for_one_video_and_one_day() -> None:
    signer, moment = Signer("key"), now()
    signed = signer.signed("one", moment)
    assert signer.good("one", signed, moment)
    assert signer.good("one", signed, moment + LIFE - timedelta(seconds=2))
    assert not signer.good("one", signed, moment + LIFE)
    assert not signer.good("two", signed, moment)
    expiry, signature = signed.split(".")
    for forged in (f"{int(expiry) + 1}.{signature}", f"{expiry}.{signature[:-1]}0x", "", ".", f"²{expiry}.{signature}"):
        assert not signer.good("one", forged, moment)


def test_the_files_of_a_video_are_served_in_ranges_with_fixed_types(cinema: Backend, shown: str) -> None:
    with client(cinema) as anybody:
        types = {
            "index.m3u8": "application/vnd.apple.mpegurl",
            "poster.jpg": "image/jpeg",
            "progressive.mp4": "video/mp4",
        }
        for name, kind in types.items():
            reply = anybody.get(f"/media/{shown}/{name}")
            assert reply.status_code == 200
            assert reply.headers["content-type"] == kind
            assert reply.headers["x-content-type-options"] == "nosniff"
        whole = anybody.get(f"/media/{shown}/progressive.mp4")
        part = anybody.get(f"/media/{shown}/progressive.mp4", headers={"Range": "bytes=100-199"})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
        assert part.content == whole.content[100:200]
        tail = anybody.get(f"/media/{shown}/progressive.mp4", headers={"Range": "bytes=-10"})
        assert tail.content == whole.content[-10:]
        beyond = anybody.get(f"/media/{shown}/progressive.mp4", headers={"Range": "bytes=999999999-"})
        assert beyond.status_code == 416
        assert anybody.head(f"/media/{shown}/progressive.mp4").headers["content-length"] == str(len(whole.content))


def test_nothing_but_the_files_of_a_video_is_served(cinema: Backend, shown: str) -> None:
    notes = cinema.config.data / "media" / shown / "notes.txt"
    notes.write_text("private")
    with client(cinema) as anybody:
        for path in (
            f"/media/{shown}/",
            f"/media/{shown}",
            "/media/",
            f"/media/{shown}/notes.txt",
            f"/media/{shown}/..%2f..%2fapp-key",
            f"/media/{shown}/%2e%2e/app-key",
            f"/media/..%2f{shown}/index.m3u8",
            f"/media/{shown}/missing.m3u8",
            f"/media/{UNKNOWN}/index.m3u8",
            f"/media/.{shown}/index.m3u8",
        ):
            reply = anybody.get(path)
            assert reply.status_code in {403, 404}, path
            assert b"private" not in reply.content
        assert anybody.post(f"/media/{shown}/index.m3u8").status_code == 405
    notes.unlink()
