"""Shows the whole way on one computer, without a window: what `make run` does where there is no display."""

import asyncio
import queue
import secrets
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from uploader import settings
from uploader.cli import reach
from uploader.cli.tell import Teller, teller
from uploader.engine.commands import Commands
from uploader.engine.instance import Message, Owner, follow
from uploader.engine.session import MemoryVault
from uploader.errors import NotNow, SignInFailed, Unexpected
from uploader.media.sample import sample
from uploader.paths import Paths

NAME = "Ada"
TEXT = "My first video with Reelferry."


def show(folder: Path, tell: Teller) -> None:
    """Server, account, sample video, upload, post, playback: everything below `folder`, which stays.

    On a terminal the server runs until Enter is pressed; elsewhere it ends once the playback address has answered.
    Raises from `uploader.errors` if anything on the way fails.
    """
    paths = Paths.under(folder)
    if paths.server.exists():
        raise NotNow(title=f"{folder} has a demo in it already", hint="Name another folder with --folder.")
    paths.make()
    tell.say("Making a sample video …")
    video = sample(folder / "Sample video.mp4")
    tell.say("Starting a server on this computer …")
    opened = reach.open_engine(paths, settings.LOCAL, MemoryVault(), run=True, online=True)
    with (
        closing(Owner.claim(paths)),
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(opened) as at,
    ):
        tell.say("Making an account and signing in, as the browser would …")
        _sign_in(portal, at)
        with teller(as_json=False, moving=True) as bars:
            job = _upload(portal, at, video, bars)
        with _browser() as browser:
            address = _plays(browser, job["watchUrl"])
        tell.say(
            f"\n{NAME} posted “{job['text']}”\n"
            f"with the video “{job['title']}”. It plays at\n\n  {job['watchUrl']}\n\n"
            f"({address} answered with the video.)\n\n"
            f"Everything is kept in {folder}. To serve it again:\n"
            f"  reelferry server serve --port {urlsplit(address).port} --data {paths.server}"
        )
        if sys.stdin.isatty():
            tell.say("Press Enter to stop the server.")
            with suppress(KeyboardInterrupt):
                sys.stdin.readline()


def _sign_in(portal: BlockingPortal, at: reach.Opened) -> None:
    """Give the account's page what a person would type; it leads on to the app."""
    urls: queue.SimpleQueue[str] = queue.SimpleQueue()
    signing_in = portal.start_task_soon(at.engine.account.sign_in, urls.put)
    page = at.way_in(urls.get(timeout=30))
    password = secrets.token_urlsafe(16)
    answers = {"username": NAME.lower(), "name": NAME, "password": password, "password_again": password}
    with _browser() as browser:
        _fill_in(browser, page, answers)
    signing_in.result(timeout=60)


def _upload(portal: BlockingPortal, at: reach.Opened, video: Path, tell: Teller) -> Message:
    """Add the video with its post and follow it to the end; the finished job."""
    loop, commands = portal.call(asyncio.get_running_loop), Commands(at.engine)

    def ask(command: Message) -> Iterator[Message]:
        return follow(loop, commands.answer(command), lambda: None)

    job = next(ask({"do": "add", "paths": [str(video)], "text": TEXT, "approved": True}))
    for update in ask({"do": "wait", "ids": [job["id"]]}):
        tell.message(update)
        job = update
    if job["status"] != "finished":
        raise Unexpected(f"the demo's video ended {job['status']}: {job['trouble']}")
    return job


def _plays(browser: httpx.Client, watch_url: str) -> str:
    """The address of the video on the page where it plays, after it has answered."""
    page = browser.get(watch_url)
    sources = _Tags({"source", "video"}, page.text).found
    address = next((urljoin(watch_url, source["src"]) for source in sources if "src" in source), None)
    if address is None or browser.get(address).status_code != 200:
        raise Unexpected(f"{watch_url} does not play: {page.status_code}")
    return address


@contextmanager
def _browser() -> Iterator[httpx.Client]:
    """A browser without a screen, for this computer only."""
    try:
        with httpx.Client(follow_redirects=True, trust_env=False, timeout=30) as browser:
            yield browser
    except httpx.HTTPError as error:
        raise Unexpected(repr(error)) from error


def _fill_in(browser: httpx.Client, url: str, answers: dict[str, str]) -> None:
    """Open a page, type the answers into its form and send it. SignInFailed if that leads nowhere."""
    page = browser.get(url)
    forms, inputs = _Tags({"form"}, page.text).found, _Tags({"input"}, page.text).found
    if page.status_code != 200 or not forms:
        raise SignInFailed(f"{page.status_code} without a form")
    typed = {field["name"]: field.get("value", answers.get(field["name"], "")) for field in inputs if "name" in field}
    target = urljoin(url, forms[0].get("action", ""))
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    reply = browser.post(target, data=typed, headers={"Origin": origin})
    if reply.status_code != 200:
        raise SignInFailed(f"the form was answered with {reply.status_code}")


class _Tags(HTMLParser):
    """The attributes of every element of these kinds, in order."""

    def __init__(self, kinds: set[str], html: str) -> None:
        super().__init__()
        self._kinds = kinds
        self.found: list[dict[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._kinds:
            self.found.append({name: value or "" for name, value in attrs})
