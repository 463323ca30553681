"""The fake of Mux's upload host, checked with clients that are not ours."""

import io
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from google.resumable_media.common import InvalidResponse
from google.resumable_media.requests import ResumableUpload

from tests.engine.served import served
from tests.fakes.mischief import Mischief
from tests.fakes.mux_upload import MIB, PIECE, MuxUpload
from tests.needs import need_peer, need_program

DATA = random.Random(9).randbytes(2 * MIB + 4321)  # noqa: S311  (any bytes do)
SCRIPT = Path(__file__).with_name("upchunk.mjs")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ä b#1.mp4"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def host() -> MuxUpload:
    return MuxUpload()


@pytest.fixture
def url(host: MuxUpload) -> Iterator[str]:
    with served(host) as port:
        yield f"http://127.0.0.1:{port}"


def googles(url: str, *, chunk: int = 3 * PIECE) -> ResumableUpload:
    """Google's client in the middle of its work: begun elsewhere, as our backend begins uploads."""
    upload = ResumableUpload(url, chunk, checksum=None)
    upload._resumable_url = url
    upload._stream = io.BytesIO(DATA)
    upload._content_type = "video/mp4"
    upload._total_bytes = len(DATA)
    return upload


def test_googles_client_sends_it_in_pieces(host: MuxUpload, url: str):
    target, upload = host.grant()
    with requests.Session() as session:
        client = googles(url + target)
        while not client.finished:
            client.transmit_next_chunk(session)
    assert upload.whole
    assert upload.held == DATA
    assert len(host.seen) == 3


def test_googles_client_asks_where_it_stands_and_goes_on(host: MuxUpload, url: str):
    target, upload = host.grant()
    with requests.Session() as session:
        client = googles(url + target)
        client.recover(session)
        assert client.bytes_uploaded == 0
        host.misbehave("PUT", Mischief(keep=PIECE))
        client.transmit_next_chunk(session)
        assert client.bytes_uploaded == len(upload.held) == PIECE
        again = googles(url + target)
        again.recover(session)
        assert again.bytes_uploaded == PIECE
        while not again.finished:
            again.transmit_next_chunk(session)
    assert upload.held == DATA


def test_googles_client_asks_a_host_that_did_not_say_what_it_took_and_goes_on(host: MuxUpload, url: str):
    target, upload = host.grant()
    with requests.Session() as session:
        client = googles(url + target)
        client.transmit_next_chunk(session)
        host.misbehave("PUT", Mischief(status=308))
        with pytest.raises(InvalidResponse):
            client.transmit_next_chunk(session)
        client.recover(session)
        assert client.bytes_uploaded == len(upload.held) == 3 * PIECE
        while not client.finished:
            client.transmit_next_chunk(session)
    assert upload.held == DATA


def test_googles_client_is_refused_where_the_token_is_not_good(host: MuxUpload, url: str):
    target, upload = host.grant()
    with requests.Session() as session:
        for wrong, status in ((target[:-1], 403), ("/upload/1?token=a", 404)):
            with pytest.raises(InvalidResponse) as caught:
                googles(url + wrong).transmit_next_chunk(session)
            assert caught.value.response.status_code == status
    assert not upload.held


@pytest.mark.peer
@pytest.mark.parametrize("chunk", [256, 768, 4096])
def test_upchunk_sends_it_in_pieces(host: MuxUpload, url: str, file: Path, chunk: int):
    peers = need_peer("@mux/upchunk")
    target, upload = host.grant()
    command = ["node", str(SCRIPT), str(file), url + target, str(chunk)]
    done = subprocess.run(command, cwd=peers, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("complete\n", "")
    assert upload.whole
    assert upload.held == DATA
    assert len(host.seen) == -(-len(DATA) // (chunk * 1024))


@pytest.mark.peer
@pytest.mark.parametrize("trouble", [Mischief(status=503), Mischief(keep=PIECE)], ids=["busy", "takes less"])
def test_upchunk_copes_with_a_host_that_is_not_well(host: MuxUpload, url: str, file: Path, trouble: Mischief):
    peers = need_peer("@mux/upchunk")
    host.overlaps = True
    target, upload = host.grant()
    host.misbehave("PUT", Mischief(), trouble)
    command = ["node", str(SCRIPT), str(file), url + target, "768"]
    done = subprocess.run(command, cwd=peers, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("complete\n", "")
    assert upload.held == DATA


def put(url: str, file: Path, *headers: str) -> int:
    program = need_program("curl")
    named = [argument for header in headers for argument in ("-H", header)]
    command = [program, "-sS", "-o", "/dev/null", "-w", "%{http_code}", *named, "-T", str(file), url]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_curl_sends_it_in_one(host: MuxUpload, url: str, file: Path):
    target, upload = host.grant()
    assert put(url + target, file) == 200
    assert upload.held == DATA


def test_curl_is_refused_what_is_against_the_rules(host: MuxUpload, url: str, file: Path):
    target, upload = host.grant()
    size = len(DATA)
    for wrong in (
        f"bytes 0-{size - 1}/{size + 1}",  # not the last, and no multiple
        f"bytes 1-{size}/{size + 1}",  # not where it stands
        f"bytes 0-{size}/{size + 1}",  # not as long as it says
        f"bytes 0-{size - 1}/{size - 1}",  # longer than the file
        f"bytes */{size}",  # a question has no body
        f"bytes=0-{size - 1}/{size}",
    ):
        assert put(url + target, file, f"Content-Range: {wrong}") == 400, wrong
    assert put(url + target, file, "Authorization: Bearer leaked") == 400
    assert not upload.held
    upload.expired = True
    assert put(url + target, file) == 403
