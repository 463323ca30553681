"""Makes the pictures of the window: `python docs/make_screenshots.py FOLDER [--all]`.

Writes FOLDER/screenshot.png, the one in the README; with `--all` every page and state, in every size.
No display is needed, and nothing is uploaded: the jobs are made up, their frames are not.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parents[1]))

import av
from av.filter import Graph
from av.video.frame import VideoFrame
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QApplication, QDialog, QMenu

from uploader import errors, media
from uploader.desktop.drop_overlay import verdict
from uploader.desktop.first_run import FirstRun
from uploader.desktop.general_page import GeneralPage
from uploader.desktop.main_window import MainWindow
from uploader.desktop.pending_editor import PendingEditor
from uploader.desktop.pending_window import PendingWindow
from uploader.desktop.preferences import Preferences
from uploader.desktop.question import Question
from uploader.desktop.theme import Theme
from uploader.desktop.uploads_page import UploadsPage
from uploader.engine.drop import Refusal
from uploader.engine.facts import Account, AccountState, Changed, Limited, Network
from uploader.engine.job import Draft, Job, Processing, Status, Step, Trouble
from uploader.uplink import PAUSE, Allowed, Rule, Uplink, Week
from uploader.wire import Community, Me, OwnPost, ServerConfig, VideoProblem

NOW = datetime(2026, 11, 22, 14, 40, tzinfo=UTC)
GB = 1_000_000_000
ACCOUNT = Account(
    AccountState.SIGNED_IN,
    Me(id="1", username="ada", name="Ada"),
    (Community(id="film", name="Film club"), Community(id="sea", name="Harbour stories")),
    ServerConfig(
        version="1", max_bytes=500 * 1024**2, max_duration_seconds=3600, accepted_types=("video/mp4",),
        protocols=("tus",),
    ),
)  # fmt: skip
SKIES = (
    ("0x17244a", "0x5b5f97", "0xe59a7b", "0xf8d9a8"), ("0x2c3e50", "0x486a80", "0x8fb3bf", "0xdfe9e4"),
    ("0x0b0f1f", "0x1b2950", "0x3b4f8f", "0xf0b35b"), ("0x5aa9e6", "0x9cd0f0", "0xe7eef2", "0xb98b6a"),
    ("0x3a2a1c", "0x8a5a34", "0xd9a25f", "0xf4e3c3"), ("0x0f3d3e", "0x2f7f79", "0x9fd3c1", "0xf1f3df"),
    ("0x3d1f3a", "0x8b3f63", "0xe0747a", "0xf7c59f"), ("0x1d3319", "0x4c7a34", "0xa6c26a", "0xeef2c9"),
)  # fmt: skip
STANDARD, SMALL = (1080, 720), (720, 520)


def frames(folder: Path, count: int) -> list[Path]:
    """One frame of each of `count` generated clips."""
    made = []
    for number, colours in enumerate(SKIES[:count]):
        shades = ":".join(f"c{at}={colour}" for at, colour in enumerate(colours))
        clip = folder / f"{number}.mp4"
        graph = Graph()
        graph.link_nodes(
            graph.add("gradients", f"size=640x360:rate=5:n=4:x0=0:y0=0:x1=0:y1=360:speed=0.00001:{shades}"),
            graph.add("format", "yuv420p"),
            graph.add("buffersink"),
        ).configure()
        with av.open(clip, "w") as file:
            video = file.add_stream("libx264", rate=5)
            video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
            for _ in range(5):
                file.mux(video.encode(cast("VideoFrame", graph.pull())))
            file.mux(video.encode(None))
        media.frame(clip, clip.with_suffix(".jpg"))
        made.append(clip.with_suffix(".jpg"))
    return made


def a_job(number: int, title: str, **fields: object) -> Job:
    """A made-up job."""
    plain = Job(f"{number:032x}", Path(f"/videos/{title}.mp4"), 4 * GB, title, NOW)
    return replace(plain, **fields)  # type: ignore[arg-type]


def jobs(thumbnails: list[Path]) -> list[Job]:
    """A day's work: a job in every state."""
    words = Draft("Six in the morning, no wind. The first ferry comes in.", "film", approved=True)
    offline = Trouble(errors.Offline.code, errors.Offline.title, errors.Offline.hint)
    changed = Trouble(errors.FileChanged.code, errors.FileChanged.title, errors.FileChanged.hint)
    large = Trouble(errors.TooLarge.code, errors.TooLarge.title, "This server takes files of up to 500 MB.")
    moving = {"step": Step.TRANSFER, "sent": 2_440_000_000, "confirmed": 2_400_000_000}
    posted = {
        "step": Step.DONE, "status": Status.FINISHED, "sealed": True, "watch_url": "https://films.example/watch/1",
        "finished_at": NOW - timedelta(minutes=8), "draft": words,
    }  # fmt: skip
    long = "Market day with a title that goes on and on, because that is how people name their files, final, v3"
    made = [
        a_job(1, "Harbour at dawn", status=Status.RUNNING, rate=5.3e6, duration=754.0, draft=words, **moving),
        a_job(2, "Interview, part 2", status=Status.PAUSED, duration=3723.0, **moving),
        a_job(3, "Night train", step=Step.PROCESS, status=Status.RUNNING, duration=200.0, draft=words,
              processing=Processing("transcoding", 40.0)),
        a_job(4, "B-roll, rooftops", duration=61.0),
        a_job(5, "Kitchen", step=Step.POST, duration=33.0),
        a_job(6, "Lighthouse", duration=95.0, **posted),
        a_job(7, "Titles", step=Step.TRANSFER, status=Status.FAILED, duration=9.0, trouble=changed),
        a_job(8, long, step=Step.TRANSFER, trouble=offline, duration=481.0),
        a_job(9, "Director’s cut", status=Status.FAILED, trouble=large),
        a_job(10, "夜の港 🌊", duration=45.0, **posted),
        a_job(11, "Rough cut", status=Status.RUNNING),
    ]  # fmt: skip
    return [
        replace(job, thumbnail=thumbnails[at % len(thumbnails)]) if job.duration else job for at, job in enumerate(made)
    ]


@dataclass(frozen=True)
class Picture:
    """One picture to make: how large the window is, and what is done to it before."""

    size: tuple[int, int]
    prepare: Callable[[MainWindow, Theme], object]
    empty: bool = False


def _drag(window: MainWindow, _theme: Theme) -> None:
    window.overlay.show_verdict(verdict([Path("a.mp4")] * 4, [Refusal(Path("b.txt"), errors.NotAVideo())]))


def _first_run(show: Callable[[FirstRun], object]) -> Callable[[MainWindow, Theme], None]:
    def prepare(window: MainWindow, theme: Theme) -> None:
        page = FirstRun(theme)
        show(page)
        window.show_page(page)

    return prepare


def _choose(row: int) -> Callable[[MainWindow, Theme], None]:
    return lambda window, _theme: window.view.choose(window.rows.index(row, 0))


def _keyboard(window: MainWindow, _theme: Theme) -> None:
    _choose(1)(window, _theme)
    window.header.add_button.setFocus()
    window.view.setFocus(Qt.FocusReason.TabFocusReason)


def _compose(window: MainWindow, theme: Theme) -> None:
    _choose(0)(window, theme)
    window._compose()  # noqa: SLF001  (no mouse here)


def _menu(window: MainWindow, theme: Theme) -> None:
    _choose(0)(window, theme)
    window._row_menu(window.mapToGlobal(QPoint(420, 190)))  # noqa: SLF001  (no mouse here)


def _bottom(window: MainWindow, _theme: Theme) -> None:
    _choose(6)(window, _theme)
    window.view.verticalScrollBar().setValue(10_000)


def _sign_in_needed(window: MainWindow, _theme: Theme) -> None:
    window.work.banner.say(errors.SignInNeeded.title, errors.SignInNeeded.hint, "Sign in")


def _limit(window: MainWindow, theme: Theme) -> None:
    _choose(0)(window, theme)
    window.take([Limited(Uplink(limit=625_000), Allowed(625_000, Rule.LIMIT))])
    button, menu = window.work.limit.button, window.work.limit.menu
    menu.popup(button.mapToGlobal(QPoint(button.width() - menu.sizeHint().width(), -menu.sizeHint().height())))


def _paused(window: MainWindow, _theme: Theme) -> None:
    until = NOW + timedelta(hours=2, minutes=20)
    window.take([Limited(Uplink(scheduled=True), Allowed(PAUSE, Rule.SCHEDULE, until))])
    window.work.banner.say(
        f"Uploads pause until {until.astimezone():%H:%M}, as your schedule says",
        "Nothing is lost. “Full speed for an hour” goes on at once.",
        "Full speed for an hour",
    )


def _uploads(window: MainWindow, theme: Theme) -> None:
    office = [day * 24 + hour for day in range(5) for hour in range(8, 18)]
    evening = [day * 24 + hour for day in range(5) for hour in range(19, 22)]
    page = UploadsPage(theme)
    page.show_uplink(Uplink(2, None, True, Week().with_cells(office, 625_000).with_cells(evening, PAUSE)))
    preferences = Preferences(window)
    preferences.add("General", GeneralPage(theme))
    preferences.add("Uploads", page)
    preferences.show_page("Uploads")
    preferences.move(window.mapToGlobal(QPoint((window.width() - preferences.width()) // 2, 16)))


def a_post(number: int, content: str, **fields: object) -> OwnPost:
    """A made-up post that the server holds."""
    plain = {
        "id": str(number), "state": "waiting", "type": "video", "video_id": "v", "content": content,
        "community_id": None, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return OwnPost.model_validate({**plain, **fields})


def _held() -> list[OwnPost]:
    later = datetime.now(UTC).replace(minute=30) + timedelta(days=2)
    gone = VideoProblem(
        code="not_a_member", message="You are no longer a member of this community",
        action="Choose another one, then post again.",
    )  # fmt: skip
    return [
        a_post(1, "Six in the morning, no wind. The first ferry comes in.", publish_at=later, waits_for="time",
               filename="Harbour at dawn.mp4", community_id="film"),
        a_post(2, "Interview, part 2: what the keeper saw, and why he did not tell anybody for years",
               publish_at=later, waits_for="video", filename="C0042.mp4"),
        a_post(3, "", waits_for="video", filename="Night train.mp4"),
        a_post(4, "Thank you all for a thousand watchers!", state="draft", type="text", video_id=None),
        a_post(5, "Kitchen", state="not_published", problem=gone, filename="Kitchen.mp4"),
    ]  # fmt: skip


def _posts(show: Callable[[PendingWindow], object]) -> Callable[[MainWindow, Theme], None]:
    def prepare(window: MainWindow, theme: Theme) -> None:
        posts = PendingWindow(theme, window)
        show(posts)
        posts.show()
        posts.move(window.mapToGlobal(QPoint((window.width() - posts.width()) // 2, 16)))

    return prepare


def _edit_post(number: int) -> Callable[[MainWindow, Theme], None]:
    def prepare(window: MainWindow, theme: Theme) -> None:
        editor = PendingEditor(theme, _held()[number], ACCOUNT.communities, ACCOUNT.config, window)
        editor.show()
        editor.move(window.mapToGlobal(QPoint((window.width() - editor.width()) // 2, 16)))

    return prepare


def _cancel_post(window: MainWindow, _theme: Theme) -> None:
    words = "The server will never publish it, and that cannot be undone. The video stays on the server."
    title = "Cancel the post “Six in the morning, no wind. The first…”?"
    question = Question(window, title, words, go="Cancel the post", stay="Keep it")
    question.show()
    question.move(window.mapToGlobal(QPoint((window.width() - question.width()) // 2, 16)))


PICTURES: Mapping[str, Picture] = {
    "screenshot": Picture(STANDARD, _choose(0)),
    "errors": Picture(STANDARD, _bottom),
    "keyboard": Picture(STANDARD, _keyboard),
    "posted": Picture(STANDARD, _choose(5)),
    "several": Picture(STANDARD, lambda window, _: window.view.selectAll()),
    "drag": Picture(STANDARD, _drag),
    "empty": Picture(STANDARD, lambda *_: None, empty=True),
    "drag-empty": Picture(STANDARD, _drag, empty=True),
    "banner": Picture(STANDARD, _sign_in_needed),
    "toast": Picture(STANDARD, lambda window, _: window.toast.say("Cancelled “Harbour at dawn”", lambda: None)),
    "menu": Picture(STANDARD, _menu),
    "limit": Picture(STANDARD, _limit),
    "paused": Picture(STANDARD, _paused),
    "preferences": Picture(STANDARD, _uploads),
    "posts": Picture(STANDARD, _posts(lambda posts: posts.show_posts(_held()))),
    "posts-empty": Picture(STANDARD, _posts(lambda posts: posts.show_posts(()))),
    "posts-trouble": Picture(
        STANDARD,
        _posts(
            lambda posts: posts.show_trouble(
                "The server cannot be reached", "Nothing was changed. Try again when it can be reached."
            )
        ),
    ),
    "posts-edit": Picture(STANDARD, _edit_post(0)),
    "posts-mend": Picture(STANDARD, _edit_post(4)),
    "posts-cancel": Picture(STANDARD, _cancel_post),
    "small-posts": Picture(SMALL, _posts(lambda posts: posts.show_posts(_held()))),
    "small-limit": Picture(SMALL, _limit),
    "small-preferences": Picture(SMALL, _uploads),
    "first-run": Picture(STANDARD, _first_run(FirstRun.ask_server), empty=True),
    "first-run-wrong": Picture(
        STANDARD,
        _first_run(lambda page: page.ask_server("There is no Reelferry server at this address.", way_back=True)),
        empty=True,
    ),
    "sign-in": Picture(STANDARD, _first_run(lambda page: page.ask_sign_in("films.example")), empty=True),
    "sign-in-waiting": Picture(STANDARD, _first_run(lambda page: page.wait_for_browser("x")), empty=True),
    "small": Picture(SMALL, _choose(0)),
    "small-composer": Picture(SMALL, _compose),
    "small-empty": Picture(SMALL, lambda *_: None, empty=True),
    "small-first-run": Picture(SMALL, _first_run(FirstRun.ask_server), empty=True),
}


def take(application: QApplication, picture: Picture, appearance: str, some: list[Job], file: Path) -> None:
    """Make one picture."""
    theme = Theme(application, appearance)
    window = MainWindow(theme, lambda *_, **__: None)
    window.model.clock = lambda: NOW
    window.resize(*picture.size)
    window.take([ACCOUNT, Network(online=True, rate=0 if picture.empty else 5.3e6)])
    if not picture.empty:
        window.take([Changed(job) for job in some])
    window.show()
    window.activateWindow()
    application.processEvents()
    picture.prepare(window, theme)
    for _ in range(3):  # frames are asked for by painting, and read beside
        application.processEvents()
        window.grab()
        window.thumbnails.settle()
    application.processEvents()
    shown = window.grab()
    for popup in application.topLevelWidgets():
        if isinstance(popup, QMenu | QDialog) and popup.isVisible():
            with QPainter(shown) as painter:
                painter.drawPixmap(window.mapFromGlobal(popup.pos()), popup.grab())
            popup.close()
    shown.save(str(file))
    window.stop()
    window.hide()
    window.deleteLater()
    application.processEvents()


def main() -> None:
    """Make them all, or the one."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("folder", type=Path)
    words.add_argument("--all", action="store_true")
    words.add_argument("--only", help="the picture of this name alone, light and dark")
    chosen = words.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    scale = os.environ.get("QT_SCALE_FACTOR", "1")
    with tempfile.TemporaryDirectory() as folder:
        application = QApplication(sys.argv[:1])
        some = jobs(frames(Path(folder), 8))
        if chosen.only:
            for appearance in ("light", "dark"):
                file = chosen.folder / f"{chosen.only}-{appearance}-{scale}x.png"
                take(application, PICTURES[chosen.only], appearance, some, file)
            return
        if not chosen.all:
            take(application, PICTURES["screenshot"], "light", some, chosen.folder / "screenshot.png")
            return
        for appearance in ("light", "dark"):
            for name, picture in PICTURES.items():
                take(application, picture, appearance, some, chosen.folder / f"{name}-{appearance}-{scale}x.png")
    if scale == "1":
        subprocess.run([sys.executable, *sys.argv], env=os.environ | {"QT_SCALE_FACTOR": "2"}, check=True)


if __name__ == "__main__":
    main()
