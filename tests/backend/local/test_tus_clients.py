"""Third-party tus clients against our server: the bytes must be identical."""

import json
import random
import subprocess
from pathlib import Path

import pytest
from tusclient.client import TusClient

from tests.backend.local.stage import OCTETS, Stage
from tests.needs import need_peer, need_program

pytestmark = pytest.mark.one_database("bytes on disk: the rows are as for test_videos")

DATA = random.Random(3).randbytes(5_000_001)  # noqa: S311
SCRIPT = Path(__file__).with_name("tus_client.mjs")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ä b#1.mp4"
    path.write_bytes(DATA)
    return path


@pytest.mark.peer
def test_tus_js_client_uploads_aborts_resumes_and_terminates(stage: Stage, file: Path) -> None:
    peers = need_peer("tus-js-client")
    uploads = [stage.grant(len(DATA)) for _ in range(3)]
    urls = [f"{stage.url}/files/{upload}" for upload in uploads]
    command = ["node", str(SCRIPT), str(file), *urls]
    done = subprocess.run(command, cwd=peers, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["aborted", "complete", "complete", "aborted", 410]
    assert stage.bytes_of(uploads[0]) == DATA
    assert stage.bytes_of(uploads[1]) == DATA
    assert [stage.state(upload) for upload in uploads] == ["processing", "processing", "cancelled"]


def test_tuspy_uploads_and_resumes(stage: Stage, file: Path) -> None:
    upload = stage.grant(len(DATA))
    client = TusClient(f"{stage.url}/files")
    url = f"{stage.url}/files/{upload}"
    with file.open("rb") as stream:
        client.uploader(file_stream=stream, url=url, chunk_size=1_000_000).upload_chunk()
        again = client.uploader(file_stream=stream, url=url, chunk_size=1_500_000)
        assert again.offset == 1_000_000
        again.upload()
    assert stage.bytes_of(upload) == DATA
    assert stage.state(upload) == "processing"


def test_tuspy_with_checksums(stage: Stage, file: Path) -> None:
    upload = stage.grant(len(DATA))
    client = TusClient(f"{stage.url}/files")
    url = f"{stage.url}/files/{upload}"
    with file.open("rb") as stream:
        client.uploader(file_stream=stream, url=url, chunk_size=1_000_000, upload_checksum=True).upload()
    assert stage.bytes_of(upload) == DATA


def test_curl_uploads_in_one_request(stage: Stage, file: Path) -> None:
    curl = need_program("curl")
    upload = stage.grant(len(DATA))
    headers = ["Tus-Resumable: 1.0.0", "Upload-Offset: 0", f"Content-Type: {OCTETS}"]
    command = [curl, "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PATCH", "--data-binary", f"@{file}"]
    for header in headers:
        command += ["-H", header]
    done = subprocess.run([*command, f"{stage.url}/files/{upload}"], capture_output=True, text=True, check=True)
    assert done.stdout == "204"
    assert stage.bytes_of(upload) == DATA
