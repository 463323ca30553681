"""The site for nginx that docs/operate.md hands out, in a real nginx before the real server."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.backend.asking import eventually, refused, use_up
from tests.backend.local.stage import OCTETS, VERSION
from tests.backend.server import config_in, make_token, make_user
from tests.engine.certificates import certificates
from tests.needs import need
from uploader.backend.accounts.limits import TOKENS_PER_ADDRESS
from uploader.backend.context import Backend
from uploader.backend.server import address, prepared

pytestmark = pytest.mark.one_database("what nginx does")

SITE = Path(__file__).parent.parent.parent / "docs" / "deploy" / "nginx.conf"
AROUND = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""
NO_CHECK = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the site is on trial here, not its certificate
NO_CHECK.check_hostname = False
NO_CHECK.verify_mode = ssl.CERT_NONE
MIB = 1 << 20


class Cut(Exception):
    """The line broke."""


@dataclass(frozen=True)
class Front:
    """What is reached from outside: the site, by TLS and without; and the server behind it."""

    backend: Backend
    api: httpx.Client
    plain: httpx.Client


@contextmanager
def nginx(upstream: str) -> Iterator[Path]:
    """nginx with our site before `upstream`; in the folder given it listens on the sockets `tls` and `plain`."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    need(program is not None, "nginx")
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, site=site(folder, upstream)), encoding="utf-8")
        command = [str(program), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        with subprocess.Popen(command) as process:
            try:
                eventually(lambda: process.poll() is not None or listens(folder / "tls"), within=60)
                assert process.poll() is None, (folder / "error.log").read_text()
                yield folder
            finally:
                process.terminate()


def site(folder: Path, upstream: str) -> str:
    """The site as we hand it out, but for what an operator replaces, and on sockets instead of ports."""
    text = SITE.read_text(encoding="utf-8")
    _, certificate, key = certificates(folder)
    for old, new in {
        r"server 127\.0\.0\.1:8000;": f"server {upstream};",
        r"listen \[::\].*": "",
        r"listen 80;": f"listen unix:{folder}/plain;",
        r"listen 443 ssl;": f"listen unix:{folder}/tls ssl;",
        r"/etc/letsencrypt\S*fullchain.pem": str(certificate),
        r"/etc/letsencrypt\S*privkey.pem": str(key),
        r"/var/log/nginx/error.log": f"{folder}/error.log",
    }.items():
        text, found = re.subn(old, new, text)
        assert found, f"the site has changed: {old}"
    return text


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    config = config_in(tmp_path / "server", NEXT_PUBLIC_APP_URL="https://videos.example")
    with prepared(config) as ready, nginx(address(ready.socket).removeprefix("http://")) as folder:
        thread = threading.Thread(target=ready.run)
        thread.start()
        database = ready.backend.database
        headers = {"Authorization": f"Bearer {make_token(database, make_user(database))}"}
        tls = httpx.HTTPTransport(uds=str(folder / "tls"), verify=NO_CHECK)
        plain = httpx.HTTPTransport(uds=str(folder / "plain"))
        try:
            with (
                httpx.Client(base_url="https://videos.example", transport=tls, headers=headers, timeout=60) as api,
                httpx.Client(base_url="http://videos.example", transport=plain, timeout=60) as insecure,
            ):
                yield Front(ready.backend, api, insecure)
        finally:
            ready.server.end()
            thread.join()


def test_the_site_hands_everything_through_as_it_comes(front: Front):
    reply = front.plain.get("/api/config?a=b")
    assert (reply.status_code, reply.headers["location"]) == (301, "https://videos.example/api/config?a=b")

    reply = front.api.get("/readyz", headers={"X-Request-Id": "made-up-outside"})
    assert reply.json() == {"status": "ready"}
    assert re.fullmatch("[0-9a-f]{32}", reply.headers["x-request-id"]), "nginx names requests, not whoever comes"
    assert reply.headers["strict-transport-security"]

    use_up(front.backend, "token:203.0.113.5", TOKENS_PER_ADDRESS)
    made_up = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "http"}
    assert front.api.post("/oauth/token", headers=made_up).status_code == 400, "nginx says whom it speaks for"
    assert front.api.get("/api/me/", headers=made_up).headers["location"] == "https://videos.example/api/me"

    over = front.api.post("/api/webhooks/video-processing", content=b" " * (MIB + 1))
    assert refused(over) == (413, "request_too_large"), "the backend counts, not nginx"

    an_upload_keeps_what_arrived_before_the_line_broke(front)
    events_come_while_the_stream_is_open(front)


def an_upload_keeps_what_arrived_before_the_line_broke(front: Front) -> None:
    asked = {"filename": "film.mp4", "fileSize": 100 * MIB, "mimeType": "video/mp4"}
    ticket = front.api.post("/api/videos/upload-url", json=asked).json()
    url = ticket["uploadUrl"]
    assert url.startswith("https://videos.example/files/")
    kept = front.backend.config.data / "uploads" / url.rpartition("/")[2]
    data = os.urandom(3 * MIB)

    def body() -> Iterator[bytes]:
        yield data
        eventually(lambda: kept.exists() and kept.stat().st_size >= 2 * MIB, within=60)  # while the request is open
        raise Cut

    headers = {**VERSION, "Content-Type": OCTETS, "Upload-Offset": "0", "Content-Length": str(100 * MIB)}
    with pytest.raises(Cut):
        front.api.patch(url, content=body(), headers=headers)
    offset = int(front.api.head(url, headers=VERSION).headers["upload-offset"])
    assert 2 * MIB <= offset <= 3 * MIB
    assert kept.read_bytes()[:offset] == data[:offset]
    more = front.api.patch(url, content=data, headers={**VERSION, "Content-Type": OCTETS, "Upload-Offset": str(offset)})
    assert (more.status_code, more.headers["upload-offset"]) == (204, str(offset + 3 * MIB))


def events_come_while_the_stream_is_open(front: Front) -> None:
    with front.api.stream("GET", "/api/videos/events") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry:")
        asked = {"filename": "second.mp4", "fileSize": MIB, "mimeType": "video/mp4"}
        video_id = front.api.post("/api/videos/upload-url", json=asked).json()["videoId"]
        assert front.api.delete(f"/api/videos/{video_id}").status_code == 204
        assert any(video_id in line and '"cancelled"' in line for line in lines), "the stream ended"
