"""The fake of Cloudflare's upload host, checked with clients that are not ours."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusUploadFailed

from tests.engine.served import served
from tests.fakes.cloudflare_upload import MIB, CloudflareUpload
from tests.fakes.mischief import Mischief
from tests.needs import need_peer, need_program

DATA = random.Random(8).randbytes(11 * MIB + 4321)  # noqa: S311  (any bytes do)
SCRIPT = Path(__file__).with_name("tus_js.mjs")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ä b#1.mp4"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def host() -> CloudflareUpload:
    return CloudflareUpload(largest_form=len(DATA))


@pytest.fixture
def url(host: CloudflareUpload) -> Iterator[str]:
    with served(host) as port:
        yield f"http://127.0.0.1:{port}"


def tus_js(file: Path, url: str, chunk: int, *more: int) -> str:
    command = ["node", str(SCRIPT), str(file), url, str(chunk), *map(str, more)]
    peers = need_peer("tus-js-client")
    done = subprocess.run(command, cwd=peers, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def curl(url: str, *arguments: str) -> int:
    """The status of a POST."""
    program = need_program("curl")
    command = [program, "-sS", "-o", "/dev/null", "-w", "%{http_code}", *arguments, url]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.peer
def test_tus_js_client_stops_and_goes_on(host: CloudflareUpload, url: str, file: Path):
    target, upload = host.grant_tus(len(DATA))
    assert tus_js(file, url + target, 5 * MIB, 5 * MIB) == f"aborted {5 * MIB}"
    assert tus_js(file, url + target, 6 * MIB) == "complete"
    assert upload.whole
    assert upload.held == DATA


@pytest.mark.peer
def test_tus_js_client_copes_with_a_host_that_is_not_well(host: CloudflareUpload, url: str, file: Path):
    target, upload = host.grant_tus(len(DATA))
    host.misbehave("PATCH", Mischief(keep=MIB), Mischief(status=423), Mischief(status=409), Mischief(status=503))
    assert tus_js(file, url + target, 5 * MIB, 0, 3) == "complete"
    assert upload.held == DATA
    offsets = [int(seen.headers["upload-offset"]) for seen in host.seen if seen.method == "PATCH"]
    assert offsets == [0, *[MIB] * 4, 6 * MIB, 11 * MIB]


@pytest.mark.peer
@pytest.mark.parametrize("chunk", [4 * MIB, 5 * MIB + 1], ids=["too short", "no multiple"])
def test_tus_js_client_is_refused_pieces_against_the_rules(host: CloudflareUpload, url: str, file: Path, chunk: int):
    target, upload = host.grant_tus(len(DATA))
    assert tus_js(file, url + target, chunk) == "refused 400"
    assert not upload.held


def test_tuspy_is_cut_short_and_goes_on(host: CloudflareUpload, url: str, file: Path):
    target, upload = host.grant_tus(len(DATA))
    host.misbehave("PATCH", Mischief(keep=MIB))
    client = TusClient(url)
    with file.open("rb") as stream:
        uploader = client.uploader(file_stream=stream, url=url + target, chunk_size=5 * MIB)
        uploader.upload_chunk()
        assert uploader.offset == len(upload.held) == MIB
        uploader.upload()
    assert upload.held == DATA


def test_tuspy_comes_again_where_the_host_is_busy(host: CloudflareUpload, url: str, file: Path):
    target, upload = host.grant_tus(len(DATA))
    host.misbehave("PATCH", Mischief(), Mischief(status=503))
    with file.open("rb") as stream:
        TusClient(url).uploader(
            file_stream=stream, url=url + target, chunk_size=5 * MIB, retries=1, retry_delay=0
        ).upload()
    assert upload.held == DATA


def test_tuspy_is_refused_where_the_address_is_gone(host: CloudflareUpload, url: str, file: Path):
    target, upload = host.grant_tus(len(DATA))
    with file.open("rb") as stream:
        uploader = TusClient(url).uploader(file_stream=stream, url=url + target, chunk_size=5 * MIB)
        upload.expired = True
        with pytest.raises(TusUploadFailed) as caught:
            uploader.upload()
    assert caught.value.status_code == 410


def test_curl_sends_a_form_once(host: CloudflareUpload, url: str, file: Path):
    target, upload = host.grant_form()
    form = ("-F", f"file=@{file}")
    assert curl(url + target, *form) == 200
    assert upload.held == DATA
    assert curl(url + target, *form) == 400, "an address is good for one file"


def test_curl_sends_the_whole_form_again_where_the_host_was_busy(host: CloudflareUpload, url: str, file: Path):
    target, upload = host.grant_form()
    host.misbehave("POST", Mischief(status=503))
    assert curl(url + target, "-F", f"file=@{file}", "--retry", "1", "--retry-delay", "1") == 200
    assert upload.held == DATA
    assert [seen.method for seen in host.seen] == ["POST", "POST"]


def test_curl_is_refused_what_is_no_such_form(host: CloudflareUpload, url: str, file: Path, tmp_path: Path):
    target, upload = host.grant_form()
    assert curl(url + target, "-F", f"video=@{file}") == 400
    assert curl(url + target, "-F", "file=not a file") == 400
    assert curl(url + target, "-F", f"file=@{file}", "-H", "Authorization: Bearer leaked") == 400
    assert curl(url + target, "-F", f"file=@{file}", "-H", "Transfer-Encoding: chunked") == 411
    assert curl(url + target, "--data-binary", "x") == 415
    larger = tmp_path / "larger.mp4"
    larger.write_bytes(DATA + b"!")
    assert curl(url + target, "-F", f"file=@{larger}") == 413
    assert curl(url + target + "?", "-F", f"file=@{file}") == 200, "an empty query is none"
    assert upload.held == DATA
    upload.expired = True
    assert curl(url + target, "-F", f"file=@{file}") == 410
    assert curl(url + target + "0", "-F", f"file=@{file}") == 404
