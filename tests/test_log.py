import json
import subprocess
import sys
from pathlib import Path

import pytest

from uploader.log import redact

UPLOAD = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("{'authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ("authorization=abcdefg", "abcdefg"),
        ("sent bearer A1b2~C3", "A1b2~C3"),
        ("access vu_at_Zm9v-YmFy_1 refused", "Zm9v-YmFy_1"),
        ("refresh vu_rt_Zm9vYmFy refused", "Zm9vYmFy"),
        (f"PATCH http://127.0.0.1:8000/files/{UPLOAD} 204", UPLOAD),
        (f"HEAD /files/{UPLOAD.upper()} 200", UPLOAD.upper()),
        (f"PATCH https://upload.videos.example/tus/{UPLOAD}?tusv2=true 204", UPLOAD),
        (f"POST https://upload.videos.example/{UPLOAD} 200", UPLOAD),
        ("open http://127.0.0.1:8000/setup/Ab-12_x now", "Ab-12_x"),
        ("GET /media/v1/1893456000.c2lnbmF0dXJl/index.m3u8", "c2lnbmF0dXJl"),
        ("GET http://127.0.0.1:53211/?code=s3cr3t&state=xyz HTTP/1.1", "s3cr3t"),
        ("GET /oauth/callback?code=s3cr3t HTTP/1.1", "s3cr3t"),
        ("see https://example.org/page#access_token=s3cr3t", "s3cr3t"),
        ("proxy http://ada:s3cr3t@proxy.example:8080/", "s3cr3t"),
    ],
)
def test_a_secret_never_stays_in_a_line(line: str, secret: str):
    assert secret not in redact(line)
    assert "[hidden]" in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        "Uploading /home/ada/Videos/Clip #7?.mp4",
        "Job 0123456789abcdef0123456789abcdef is at 61 %",
        "Server listens at http://127.0.0.1:8000/watch/abc",
        "the bearer of news, a basic one",
    ],
)
def test_what_is_no_secret_stays_readable(line: str):
    assert redact(line) == line


def run(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)


def test_the_file_holds_everything_that_nobody_caught_without_its_secrets(tmp_path: Path):
    done = run(
        """
import asyncio, logging, sys, threading
from pathlib import Path
from uploader import log
log.set_up(Path(sys.argv[1]), name="command")
logging.getLogger("uploader.x").info("hello vu_at_sEcReT1")

def in_a_thread():
    raise RuntimeError("thread vu_at_sEcReT2")

thread = threading.Thread(target=in_a_thread); thread.start(); thread.join()

async def forgotten():
    raise RuntimeError("task vu_at_sEcReT3")

async def main():
    task = asyncio.create_task(forgotten())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task

asyncio.run(main())

class Broken:
    def __del__(self):
        raise RuntimeError("finaliser vu_at_sEcReT4")

Broken()
raise RuntimeError("main vu_at_sEcReT5")
""",
        str(tmp_path / "logs"),
    )
    text = (tmp_path / "logs" / "command.log").read_text(encoding="utf-8")
    for word in ("hello", "thread", "task", "finaliser", "main"):
        assert f"{word} [hidden]" in text
    assert "main [hidden]" in done.stderr
    assert "sEcReT" not in text + done.stderr


def test_the_file_stays_small(tmp_path: Path):
    done = run(
        """
import logging, sys
from pathlib import Path
from uploader import log
log.MAX_BYTES = 5000
log.set_up(Path(sys.argv[1]))
for number in range(400):
    logging.getLogger("uploader").info("line %d %s", number, "x" * 80)
""",
        str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["window.log"] + [f"window.log.{n}" for n in (1, 2, 3)]
    assert all(file.stat().st_size <= 5000 for file in tmp_path.iterdir())


def test_verbose_adds_our_details_but_not_the_chatter_of_libraries(tmp_path: Path):
    run(
        """
import logging, sys
from pathlib import Path
from uploader import log
log.set_up(Path(sys.argv[1]), verbose=True)
logging.getLogger("uploader").debug("a detail")
logging.getLogger("httpx").info("HTTP Request: ...")
""",
        str(tmp_path),
    )
    text = (tmp_path / "window.log").read_text(encoding="utf-8")
    assert "a detail" in text
    assert "HTTP Request" not in text


SERVER = """
import logging, sys, structlog
from uploader import log
class Terminal:
    def isatty(self): return True
    def write(self, text): sys.stderr.write(text)
    def flush(self): sys.stderr.flush()
log.set_up_server(stream=Terminal() if sys.argv[1:] else None)
structlog.get_logger("uploader.backend").info("began", upload_url="http://h/files/x", path="/oauth?code=sEcReT",
    headers={"Authorization": "sEcReT"}, size=7, none=None)
logging.getLogger("uvicorn.error").info("Started %s", "vu_at_sEcReT")
try:
    raise RuntimeError("bearer sEcReT")
except RuntimeError:
    structlog.get_logger("uploader.backend").exception("broke")
structlog.get_logger("uploader.backend").debug("not shown")
raise RuntimeError("vu_rt_sEcReT")
"""


def test_the_server_writes_json_lines_whichever_logger_spoke():
    lines = run(SERVER).stderr.splitlines()
    began, started, broke, uncaught = (json.loads(line) for line in lines if line.startswith("{"))
    assert began["event"] == "began"
    assert (began["level"], began["logger"], began["size"], began["none"]) == ("info", "uploader.backend", 7, None)
    assert (began["upload_url"], began["headers"]) == ("[hidden]", {"Authorization": "[hidden]"})
    assert started["event"] == "Started [hidden]"
    assert "RuntimeError: bearer [hidden]" in broke["exception"]
    assert uncaught["level"] == "critical"
    assert "sEcReT" not in json.dumps([began, started, broke, uncaught])


def test_on_a_terminal_the_server_writes_for_people():
    text = run(SERVER, "terminal").stderr
    assert "began" in text
    assert not text.startswith("{")
    assert "sEcReT" not in text
