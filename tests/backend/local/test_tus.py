"""The tus server: what the protocol says, one sentence at a time."""

from datetime import timedelta

import httpx
import pytest

from tests.backend.local.stage import MAX_BYTES, OCTETS, VERSION, Stage, Wire
from uploader.backend.providers.local.files import Append
from uploader.backend.providers.local.turns import Taken
from uploader.backend.providers.local.uploads import LIFE

pytestmark = pytest.mark.one_database("bytes on disk: the rows are as for test_videos")

UNKNOWN = "0" * 32


def test_options_names_version_extensions_and_limit(wire: Wire) -> None:
    reply = wire.http.options("/files/" + UNKNOWN)
    assert reply.status_code == 204
    assert reply.headers["tus-version"] == "1.0.0"
    assert reply.headers["tus-extension"] == "expiration,termination,checksum"
    assert reply.headers["tus-checksum-algorithm"] == "sha1,sha256"
    assert reply.headers["tus-max-size"] == str(MAX_BYTES)


def test_creation_belongs_to_the_api(wire: Wire) -> None:
    reply = wire.http.post("/files", headers={**VERSION, "Upload-Length": "10"})
    assert reply.status_code == 405
    assert reply.json() == {"error": "Uploads are created with POST /api/videos/upload-url", "code": "creation_by_api"}


def test_an_upload_in_two_pieces_arrives_whole_and_is_handed_on_once(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(10)
    assert wire.offset(upload) == 0
    first = wire.patch(upload, 0, b"01234")
    assert (first.status_code, first.headers["upload-offset"]) == (204, "5")
    assert "upload-expires" in first.headers
    assert stage.state(upload) == "uploading"
    second = wire.patch(upload, 5, b"56789")
    assert (second.status_code, second.headers["upload-offset"]) == (204, "10")
    assert stage.bytes_of(upload) == b"0123456789"
    assert stage.state(upload) == "processing"
    assert stage.jobs() == ["transcode"]


def test_head_of_a_complete_upload_confirms_it_after_a_lost_reply(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(4)
    wire.patch(upload, 0, b"0123")
    reply = wire.head(upload)
    assert reply.status_code == 200
    assert (reply.headers["upload-offset"], reply.headers["upload-length"]) == ("4", "4")
    assert reply.headers["cache-control"] == "no-store"
    assert stage.jobs() == ["transcode"]


def test_head_hands_on_what_a_crash_left_complete_on_disk(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(4)
    stage.files.path(upload).write_bytes(b"0123")
    assert wire.offset(upload) == 4
    assert stage.state(upload) == "processing"


def test_the_complete_upload_stays_confirmed_when_the_original_is_gone(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(4)
    wire.patch(upload, 0, b"0123")
    stage.files.remove(upload)
    assert wire.offset(upload) == 4


def test_an_empty_patch_at_the_end_is_welcome(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(4)
    wire.patch(upload, 0, b"0123")
    assert wire.patch(upload, 4, b"").status_code == 204
    assert stage.jobs() == ["transcode"]


def test_a_client_without_patch_may_say_so(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(4)
    headers = {**VERSION, "X-HTTP-Method-Override": "PATCH", "Content-Type": OCTETS, "Upload-Offset": "0"}
    reply = wire.http.post(f"/files/{upload}", headers=headers, content=b"0123")
    assert reply.status_code == 204
    assert stage.bytes_of(upload) == b"0123"
    headers["X-HTTP-Method-Override"] = "GET"
    assert wire.http.post(f"/files/{upload}", headers=headers).status_code == 405


def test_a_body_without_a_length_is_taken(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(6)
    headers = {**VERSION, "Content-Type": OCTETS, "Upload-Offset": "0"}
    reply = wire.http.patch(f"/files/{upload}", headers=headers, content=iter([b"012", b"345"]))
    assert reply.status_code == 204
    assert stage.bytes_of(upload) == b"012345"


def test_termination_frees_the_disk_and_cancels_the_video(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(10)
    wire.patch(upload, 0, b"01234")
    assert wire.delete(upload).status_code == 204
    assert not stage.files.path(upload).exists()
    assert stage.state(upload) == "cancelled"
    assert wire.head(upload).status_code == 410
    assert wire.patch(upload, 5, b"56789").json()["code"] == "upload_gone"


def test_a_complete_upload_is_not_terminated_by_its_address(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(4)
    wire.patch(upload, 0, b"0123")
    assert wire.delete(upload).status_code == 403
    assert stage.bytes_of(upload) == b"0123"


def test_an_upload_past_its_time_is_gone(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(10)
    stage.clock.ahead = timedelta(days=2)
    reply = wire.patch(upload, 0, b"01234")
    assert (reply.status_code, reply.json()["code"]) == (410, "upload_expired")
    assert wire.head(upload).status_code == 410


def test_every_piece_buys_another_week(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(10)
    wire.patch(upload, 0, b"01234")
    stage.clock.ahead = LIFE - timedelta(hours=1)
    assert wire.patch(upload, 5, b"567").status_code == 204
    stage.clock.ahead = 2 * LIFE - timedelta(hours=2)
    assert wire.offset(upload) == 8


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Tus-Resumable": "0.2.2"}, 412, "unsupported_version"),
        ({"Tus-Resumable": ""}, 412, "unsupported_version"),
        ({"Content-Type": "text/plain"}, 415, "invalid_content_type"),
        ({"Upload-Offset": "3"}, 409, "offset_mismatch"),
        ({"Upload-Offset": "-1"}, 400, "invalid_request"),
        ({"Upload-Offset": "nine"}, 400, "invalid_request"),
        ({"Upload-Offset": "9" * 5000}, 400, "invalid_request"),
        ({"Upload-Offset": "²"}, 400, "invalid_request"),
        ({"Upload-Checksum": "md5 AAAA"}, 400, "unsupported_checksum"),
        ({"Upload-Checksum": "sha1 ===="}, 400, "invalid_request"),
    ],
)
def test_a_wrong_patch_is_refused_before_the_first_byte(
    stage: Stage, wire: Wire, headers: dict[str, str], status: int, code: str
) -> None:
    upload = stage.grant(10)
    given = httpx.Headers({**VERSION, "Content-Type": OCTETS, "Upload-Offset": "0", **headers}, encoding="latin-1")
    reply = wire.http.patch(f"/files/{upload}", headers=given, content=b"01234")
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert not stage.files.path(upload).exists()
    assert wire.offset(upload) == 0


def test_a_mismatch_names_the_true_offset(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(10)
    wire.patch(upload, 0, b"01234")
    reply = wire.patch(upload, 0, b"01234")
    assert (reply.status_code, reply.headers["upload-offset"]) == (409, "5")


def test_a_body_beyond_the_length_is_refused_and_nothing_spoiled(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(10)
    assert wire.patch(upload, 0, b"x" * 20).status_code == 413
    assert wire.offset(upload) == 0
    endless = {**VERSION, "Content-Type": OCTETS, "Upload-Offset": "0"}
    reply = wire.http.patch(f"/files/{upload}", headers=endless, content=iter([b"01234", b"5" * 100]))
    assert reply.status_code == 413
    offset = wire.offset(upload)
    assert wire.patch(upload, offset, b"0123456789"[offset:]).status_code == 204
    assert stage.bytes_of(upload) == b"0123456789"


@pytest.mark.parametrize("name", [UNKNOWN, "abc", "..%2fstage.sqlite3", "A" * 32, "0" * 31 + "g"])
def test_an_address_that_was_never_given_out_is_not_found(wire: Wire, name: str) -> None:
    assert wire.head(name).status_code == 404
    assert wire.patch(name, 0, b"x").status_code == 404
    assert wire.delete(name).status_code == 404


def test_a_deleted_video_takes_no_more_bytes(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(10)
    found = stage.uploads.find(upload)
    assert found is not None
    stage.uploads.cancel(found)
    assert wire.patch(upload, 0, b"01234").status_code == 410
    assert wire.head(upload).status_code == 410


def test_the_address_of_an_upload_is_never_a_path(stage: Stage) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "a" * 33, "", "a" * 31 + "\n"):
        with pytest.raises(ValueError, match="not an upload id"):
            stage.files.path(name)


def test_another_process_that_writes_is_respected(stage: Stage, wire: Wire) -> None:
    upload = stage.grant(10)
    other = Append(stage.files.path(upload))  # a lock belongs to the open file, so this stands for another process
    reply = wire.patch(upload, 0, b"01234")
    assert (reply.status_code, reply.headers["retry-after"]) == (423, "1")
    with pytest.raises(Taken):
        Append(stage.files.path(upload))
    other.close()
    assert wire.patch(upload, 0, b"01234").status_code == 204
