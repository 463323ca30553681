"""A data folder that the first version left, whole: this version starts in it, and goes on where that one was."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from alembic import command

from tests.backend.asking import status_of
from tests.backend.databases import databases
from tests.backend.local.stage import OCTETS, VERSION
from tests.backend.server import Person, client, serving
from tests.backend.test_migrations import write
from uploader.backend.accounts import tokens
from uploader.backend.store.database import Database
from uploader.backend.store.migrate import alembic_config
from uploader.backend.store.models import User, now

FIRST = "0001"
UPLOAD = "0123456789abcdef" * 2
PLAYLIST = b"#EXTM3U\n"


def test_who_was_signed_in_still_is_what_played_still_plays_and_an_upload_goes_on(tmp_path: Path):
    folder, token = tmp_path / "server", tokens.new_secret(tokens.ACCESS_PREFIX)
    ready, waiting = left_behind(folder, token)
    with serving(folder) as backend, client(backend, token) as api:
        person = Person(User(id="x"), token, api)
        shown = status_of(person, ready)
        assert (shown["status"], shown["duration"]) == ("ready", 6)
        assert api.get(shown["playbackUrl"]).content == PLAYLIST
        [post] = api.get("/api/posts").json()["posts"]
        assert (post["content"], post["media"]["videoId"]) == ("Hi", ready)

        assert status_of(person, waiting)["status"] == "uploading"
        ticket = api.post(f"/api/videos/{waiting}/upload-url").json()
        assert ticket["uploadUrl"].endswith(f"/files/{UPLOAD}")
        assert api.head(ticket["uploadUrl"], headers=VERSION).headers["upload-offset"] == "3"
        more = {**VERSION, "Content-Type": OCTETS, "Upload-Offset": "3"}
        assert api.patch(ticket["uploadUrl"], content=b"de", headers=more).headers["upload-offset"] == "5"
    assert (folder / "uploads" / UPLOAD).read_bytes() == b"abcde"


def left_behind(folder: Path, token: str) -> tuple[str, str]:
    """A person, a film that plays and is posted, and half of another one; the ids of the two."""
    ready, waiting, when = str(uuid4()), str(uuid4()), now()
    database = Database(databases.empty(folder))
    command.upgrade(alembic_config(database), FIRST)
    write(database, "users", id="x", username="ann", name="Ann", verified=False, created_at=when)
    times = {"created_at": when, "updated_at": when}
    about = {"user_id": "x", "filename": "a.mp4", "file_size": 6, "mime_type": "video/mp4", "provider": "local"}
    write(database, "videos", id=ready, status="ready", duration=6, version=3, processed_at=when, **about, **times)
    write(database, "videos", id=waiting, status="uploading", provider_upload_id=UPLOAD, version=0, **about, **times)
    url, end = f"http://127.0.0.1:1/files/{UPLOAD}", when + timedelta(days=1)
    upload = {"status": "uploading", "upload_url": url, "expires_at": end, "created_at": when}
    write(database, "video_uploads", id=waiting, **about, **upload)
    counts = dict.fromkeys(("likes_count", "comments_count", "shares_count", "views_count"), 0)
    post = {"user_id": "x", "video_id": ready, "content": "Hi", "type": "video"}
    write(database, "posts", id="p", **post, **counts, **times)
    write(
        database,
        "oauth_tokens",
        access_hash=tokens.digest(token),
        refresh_hash=tokens.digest("r"),
        family="f",
        client_id="reelferry-desktop",
        user_id="x",
        scope="upload",
        family_created_at=when,
        access_expires_at=when + timedelta(hours=1),
        refresh_expires_at=when + timedelta(days=1),
    )
    database.close()
    for path, content in ((f"uploads/{UPLOAD}", b"abc"), (f"media/{ready}/index.m3u8", PLAYLIST)):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(content)
    return ready, waiting
