"""One more file of authorities: looked at when it is chosen, believed while it is there, missed in words."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse

from tests.engine.certificates import certificates
from tests.engine.served import served
from uploader.engine import trust
from uploader.engine.http import api_client, translated, upload_client
from uploader.engine.way_out import Way, WayOut
from uploader.errors import CertificatesUnusable, Untrusted

Files = tuple[Path, Path, Path]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return certificates(tmp_path)


@pytest.fixture
def url(files: Files) -> Iterator[str]:
    with served(PlainTextResponse("here"), tls=files[1:]) as port:
        yield f"https://127.0.0.1:{port}/"


def test_a_file_of_certificates_is_taken(files: Files) -> None:
    trust.check(files[0])


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (b"", "This file holds no certificates"),
        (b"\x30\x82\x03\x1f binary", "This file holds no certificates"),
        (b"-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n", "This file holds no certificates"),
        (None, "The certificate file is not there"),
    ],
)
def test_what_holds_no_certificate_is_refused_in_words(tmp_path: Path, content: bytes | None, title: str) -> None:
    file = tmp_path / "chosen.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CertificatesUnusable) as caught:
        trust.check(file)
    assert caught.value.title == title


def test_a_folder_is_no_file_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(CertificatesUnusable):
        trust.check(tmp_path)


@pytest.mark.anyio
@pytest.mark.parametrize("which", ["api", "upload"])
async def test_both_clients_believe_whom_the_file_vouches_for(files: Files, url: str, which: str) -> None:
    way_out = WayOut(Way(certificates=files[0]))
    async with api_client(url, way_out) if which == "api" else upload_client(way_out) as http:
        assert (await http.get(url)).text == "here"


@pytest.mark.anyio
async def test_a_file_that_vanishes_is_said_and_one_that_comes_back_is_believed_again(files: Files, url: str) -> None:
    kept = files[0].read_bytes()
    way_out = WayOut(Way(certificates=files[0]))
    async with api_client(url, way_out) as http:
        assert (await http.get(url)).text == "here"
        files[0].unlink()
        with pytest.raises(Untrusted) as caught, translated():
            await http.get(url)
        assert caught.value.hint == f"The certificate file {files[0]} cannot be read: put it back, or choose another."
        files[0].write_bytes(b"torn")
        with pytest.raises(Untrusted, match="CERTIFICATE_VERIFY_FAILED"), translated():
            await http.get(url)
        files[0].write_bytes(kept)
        assert (await http.get(url)).text == "here"


@pytest.mark.anyio
async def test_the_systems_authorities_stay_believed_beside_it(
    files: Files, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    (tmp_path / "other").mkdir()
    other = certificates(tmp_path / "other")[0]
    async with api_client(url, WayOut(Way(certificates=other))) as http:
        assert (await http.get(url)).text == "here"
