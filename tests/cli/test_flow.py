import json
import subprocess
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.cli.terminal import Server, Terminal, interrupt
from tests.media import clips
from uploader import settings
from uploader.paths import Paths

FIELDS = {
    "type", "id", "file", "title", "size", "step", "status", "confirmed", "rate", "duration", "stage", "percent",
    "text", "community", "approved", "publishAt", "minHeight", "awaitedHeight", "entrusted", "watchUrl", "postId",
    "addedAt", "finishedAt", "trouble",
}  # fmt: skip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return clips.h264(tmp_path / "Hafen #1 am Morgen.mp4", seconds=1, size=(320, 180))


def test_add_and_wait_is_the_whole_way_from_a_file_to_a_post_that_plays(signed_in: Terminal, clip: Path):
    post = ("--text", "Guten Morgen", "--title", "Hafen", "--community", "film CLUB")
    objects = signed_in.objects("add", clip, *post, "--wait")
    assert all(set(job) == FIELDS for job in objects)
    last = objects[-1]
    assert (last["status"], last["step"], last["trouble"]) == ("finished", "done", None)
    assert (last["title"], last["text"], last["file"]) == ("Hafen", "Guten Morgen", str(clip))
    assert last["community"] == "c0ffee"
    assert last["confirmed"] == last["size"] == clip.stat().st_size
    assert last["postId"]
    with urllib.request.urlopen(last["watchUrl"], timeout=60) as page:
        assert page.status == 200


def test_added_without_waiting_it_stays_in_the_queue_until_somebody_waits(signed_in: Terminal, clip: Path):
    added = signed_in.run("add", clip)
    assert added.returncode == 0, added.stderr
    assert "Uploads when Reelferry runs" in added.stdout
    (job,) = signed_in.objects("list")
    assert (job["status"], job["confirmed"], job["approved"]) == ("waiting", 0, False)
    waited = signed_in.run("wait", job["id"][:6])
    assert waited.returncode == 0, waited.stderr
    assert [line.split("  ")[1] for line in waited.stdout.splitlines()][-1] == "Ready"
    (ready,) = signed_in.objects("list")
    assert (ready["step"], ready["postId"]) == ("post", None)
    signed_in.objects("post", job["id"], "--text", "Now")
    (posted,) = {line["id"]: line for line in signed_in.objects("wait")}.values()
    assert (posted["status"], posted["text"]) == ("finished", "Now")


def test_while_one_process_has_the_engine_the_others_hand_their_commands_over(
    signed_in: Terminal, clip: Path, tmp_path: Path
):
    (paused,) = signed_in.objects("add", clip, "--text", "One")
    signed_in.objects("pause", paused["id"])
    with signed_in.start("wait", "--json") as owner:
        assert owner.stdout
        assert json.loads(owner.stdout.readline())["status"] == "paused"
        other = clips.h264(tmp_path / "other.mp4", seconds=1, size=(320, 180))
        handed = signed_in.run("add", other)
        assert "The Reelferry that is open uploads it." in handed.stdout
        assert "paused" in {job["status"] for job in signed_in.objects("list")}
        refused = signed_in.run("login")
        assert refused.returncode == 1
        assert "Reelferry is running in a terminal" in refused.stderr
        done = signed_in.objects("add", clip.rename(tmp_path / "third.mp4"), "--text", "Two", "--wait")
        assert done[-1]["status"] == "finished"
        signed_in.objects("cancel", paused["id"])
        out, err = owner.communicate(timeout=170)
    assert owner.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["status"] == "cancelled"


def test_the_order_is_changed_and_what_changed_on_disk_is_uploaded_as_it_is_now(
    signed_in: Terminal, clip: Path, tmp_path: Path
):
    other = clips.h264(tmp_path / "other.mp4", seconds=1, size=(320, 180))
    first, second = signed_in.objects("add", clip, other)
    assert [job["id"] for job in signed_in.objects("move", second["id"][:6], "1")] == [second["id"], first["id"]]
    assert [job["id"] for job in signed_in.objects("list")] == [second["id"], first["id"]]
    assert signed_in.objects("wait")[-1]["step"] == "post"
    clips.h264(other, seconds=2, size=(320, 180))
    (again,) = signed_in.objects("restart", second["id"])
    assert (again["step"], again["status"], again["confirmed"]) == ("prepare", "waiting", 0)
    last = {job["id"]: job for job in signed_in.objects("wait")}[second["id"]]
    assert (last["size"], last["confirmed"]) == (other.stat().st_size, other.stat().st_size)


def test_a_height_is_refused_where_the_server_makes_all_of_them_before_the_video_is_ready(
    signed_in: Terminal, clip: Path
):
    done = signed_in.run("add", clip, "--min-height", "720")
    assert done.returncode == 1
    assert "This server waits for no quality. There a video has all its qualities once it is ready." in done.stderr


def test_a_community_nobody_knows_is_refused_before_anything_is_added(signed_in: Terminal, clip: Path):
    done = signed_in.run("add", clip, "--community", "Chess club")
    assert done.returncode == 1
    assert "There is no community Chess club for you. You can post in: Film club" in done.stderr
    assert "[refused]" in done.stderr
    assert signed_in.objects("list") == []


def test_ctrl_c_keeps_the_queue_and_says_so(signed_in: Terminal, clip: Path):
    (job,) = signed_in.objects("add", clip, "--text", "One")
    signed_in.objects("pause", job["id"])
    waiting = signed_in.start("wait")
    assert waiting.stdout
    assert "Paused" in waiting.stdout.readline()
    code, out, err = interrupt(waiting)
    assert (code, err) == (130, "")
    assert "The queue is kept" in out
    assert [kept["id"] for kept in signed_in.objects("list")] == [job["id"]]


def test_what_is_refused_is_said_with_its_code_and_the_rest_goes_on(signed_in: Terminal, clip: Path, tmp_path: Path):
    (tmp_path / "notes.txt").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    done = signed_in.run("add", clip, tmp_path / "notes.txt", tmp_path / "empty.mp4", tmp_path / "nowhere.mp4")
    assert done.returncode == 1
    assert "notes.txt: This is not a video. Choose another file. [not_a_video]" in done.stderr
    assert "[file_empty]" in done.stderr
    assert "[file_missing]" in done.stderr
    assert len(signed_in.objects("list")) == 1


def test_a_video_that_fails_ends_with_1_and_says_why(signed_in: Terminal, tmp_path: Path):
    (tmp_path / "broken.mp4").write_bytes(b"not at all a video" * 999)
    done = signed_in.run("add", tmp_path / "broken.mp4", "--wait", "--json")
    assert done.returncode == 1
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["status"], last["trouble"]["code"]) == ("failed", "not_a_video")


def test_signing_out_is_asked_for_before_anything_else_moves(signed_in: Terminal, clip: Path, server: Server):
    signed_in.objects("add", clip, "--text", "x")
    assert signed_in.run("logout").returncode == 0
    done = signed_in.run("wait", "--json")
    assert done.returncode == 3, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["code"] == "sign_in_needed"
    assert signed_in.objects("login", "--server", server.url)[-1]["username"] == "ada"
    assert signed_in.objects("wait")[-1]["status"] == "finished"


def code_shown(process: "subprocess.Popen[str]") -> str:
    """The address with the code in it, from the lines that a waiting `login` has printed."""
    assert process.stdout
    lines = iter(process.stdout.readline, "")
    address = next(line for line in lines if line.startswith("    ")).strip()
    code = next(line for line in lines if line.startswith("    ")).strip()
    assert "Ctrl+C gives up." in next(line for line in lines if line.strip())
    return f"{address}?user_code={code}"


def test_over_ssh_one_signs_in_at_another_computer(at_terminal: Terminal, server: Server):
    with replace(at_terminal, elsewhere=True).start("login", "--server", server.url) as waiting:
        address = code_shown(waiting)
        assert address.startswith(f"{server.url}/device?user_code=")
        phone = Browser()
        assert "Allowed" in phone.open(address).text
        phone.close()
        out, err = waiting.communicate(timeout=170)
    assert (waiting.returncode, err) == (0, "")
    assert "Signed in as Ada." in out
    assert settings.load(Paths.of_user().settings).server == server.url


def test_ctrl_c_while_waiting_for_the_other_computer_signs_nobody_in(at_terminal: Terminal, server: Server):
    waiting = at_terminal.start("login", "--server", server.url, "--device")
    code_shown(waiting)
    code, out, err = interrupt(waiting)
    assert (code, err) == (130, "")
    assert "Stopped. Nobody was signed in." in out
    assert settings.load(Paths.of_user().settings).server is None


def test_programs_get_the_code_as_an_object(at_terminal: Terminal, server: Server):
    waiting = at_terminal.start("login", "--server", server.url, "--device", "--json")
    assert waiting.stdout
    said = json.loads(waiting.stdout.readline())
    assert (said["type"], said["url"], said["expiresIn"]) == ("sign_in_code", f"{server.url}/device", 600)
    assert said["completeUrl"] == f"{server.url}/device?user_code={said['code']}"
    assert interrupt(waiting)[0] == 130


def test_signing_out_everywhere_ends_what_another_terminal_had(
    signed_in: Terminal, server: Server, tmp_path: Path, bus: str, browser: Path
):
    other = Terminal(bus, browser, tmp_path / "another home")
    done = other.run("logout", "--everywhere")
    assert done.returncode == 3, "nobody has signed in from there"
    ended = signed_in.run("logout", "--everywhere")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Signed out on every computer. Your videos and texts are kept." in ended.stdout
    assert signed_in.objects("login", "--server", server.url)[-1]["username"] == "ada"


def test_without_a_password_safe_nobody_is_sent_to_the_browser(at_terminal: Terminal, server: Server):
    done = replace(at_terminal, keyring=False).run("login", "--server", server.url)
    assert done.returncode == 3
    assert "There is no password safe on this computer. The command line needs one" in done.stderr
    assert done.stdout == ""


def test_the_first_sign_in_on_this_computer_starts_a_server_and_makes_the_account(at_terminal: Terminal):
    said = at_terminal.objects("login", "--local")
    assert "/setup/" in said[0]["url"]
    assert said[-1] == {"type": "account", "name": "Ada", "username": "ada", "server": "local"}
    assert settings.load(Paths.of_user().settings).server == settings.LOCAL


@pytest.mark.slow
def test_the_demo_shows_the_whole_way_and_ends_where_nobody_watches(at_terminal: Terminal, tmp_path: Path):
    done = at_terminal.run("demo", "--folder", tmp_path / "demo")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Ada posted “My first video with Reelferry.”" in done.stdout
    assert "/watch/" in done.stdout
    assert (tmp_path / "demo" / "Sample video.mp4").exists()
    again = at_terminal.run("demo", "--folder", tmp_path / "demo")
    assert again.returncode == 1
    assert "has a demo in it already" in again.stderr
