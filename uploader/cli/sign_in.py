"""Signing in and out from a terminal: a browser does the talking, here or elsewhere; the keyring keeps the result."""

import os
import sys
import threading
import webbrowser
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from typing import TypeVar

import typer
from anyio.from_thread import BlockingPortal, start_blocking_portal
from pydantic import TypeAdapter, ValidationError

from uploader import settings
from uploader.cli import reach
from uploader.cli.tell import Teller
from uploader.cli.words import sentence
from uploader.engine.device import Invitation
from uploader.engine.instance import Owner, ask
from uploader.engine.session import Vault
from uploader.errors import KeyringAbsent, NoOtherComputer, QueueInUse
from uploader.keychain import KeyringVault
from uploader.paths import Paths

T = TypeVar("T")

_SERVER: TypeAdapter[str] = TypeAdapter(settings.Server)


def address(server: str | None, *, local: bool) -> str | None:
    """The server meant by the options; None for the one used last. `https://` may be left out."""
    if local:
        return settings.LOCAL
    if server is None:
        return None
    full = server if "://" in server else f"https://{server}"
    try:
        return _SERVER.validate_python(full.rstrip("/"))
    except ValidationError:
        raise typer.BadParameter(f"{server} is not the address of a server.") from None


def browser_is_here(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a browser opened by us would appear before the person who types: not over SSH, not without a display."""
    if environ.get("BROWSER"):
        return True
    if environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"):
        return False
    return sys.platform in {"darwin", "win32"} or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def login(paths: Paths, server: str | None, tell: Teller, *, device: bool | None = None) -> None:
    """Sign in to `server` (None: the one used last) and remember it. SignInFailed, SignInNeeded, KeyringTrouble.

    `device`: with a code for a browser on another computer; None: where no browser would open here.
    """
    server = server or reach.chosen_server(paths)
    here = server == settings.LOCAL or (browser_is_here() if device is None else not device)
    try:
        owner = Owner.claim(paths)
    except QueueInUse:
        list(ask(paths, {"do": "show"}))
        raise QueueInUse(title="Reelferry is open", hint="Sign in in its window.") from None
    vault = KeyringVault()
    opened = reach.open_engine(paths, server, vault, run=False, online=True)
    with closing(owner), start_blocking_portal() as portal, portal.wrap_async_context_manager(opened) as at:
        _look_into_safe(portal, vault, server)
        account = at.engine.account
        try:
            if here:
                _until_done(portal, account.sign_in, _page_opener(at, tell))
            else:
                _until_done(portal, account.sign_in_elsewhere, lambda invitation: _show_code(invitation, tell))
        except NoOtherComputer:
            if device:
                raise
            _until_done(portal, account.sign_in, _page_opener(at, tell))
        settings.change(paths.settings, server=server)
        me, trouble = account.fact.me, account.fact.trouble
    name = me.name if me else ""
    tell.message({"type": "account", "name": name, "username": me.username if me else "", "server": server})
    tell.say(f"Signed in as {name}." if name else "Signed in.")
    if trouble:
        tell.say(sentence(trouble.title, trouble.hint))


def _page_opener(at: reach.Opened, tell: Teller) -> Callable[[str], None]:
    def open_page(url: str) -> None:
        page = at.way_in(url)
        tell.message({"type": "sign_in", "url": page})
        tell.say(f"The sign-in page opens in your browser. If it does not, go to\n{page}")
        threading.Thread(target=webbrowser.open, args=(page,), name="browser", daemon=True).start()

    return open_page


def _show_code(invitation: Invitation, tell: Teller) -> None:
    tell.message({
        "type": "sign_in_code", "url": invitation.address, "code": invitation.code,
        "completeUrl": invitation.complete, "expiresIn": round(invitation.lifetime),
    })  # fmt: skip
    tell.say(f"On any computer or phone, open\n\n    {invitation.address}\n")
    tell.say(f"and type this code there:\n\n    {invitation.code}\n")
    tell.say(f"It is good for {round(invitation.lifetime / 60)} minutes. Waiting… Ctrl+C gives up.")


def _until_done(portal: BlockingPortal, sign_in: Callable[[T], Coroutine[None, None, None]], tell_how: T) -> None:
    """Ctrl+C ends the sign-in itself, and not only our waiting for it."""
    under_way = portal.start_task_soon(sign_in, tell_how)
    try:
        under_way.result()
    except KeyboardInterrupt:
        under_way.cancel()
        raise


def _look_into_safe(portal: BlockingPortal, vault: Vault, server: str) -> None:
    """Before anybody is sent to the browser: without a safe the next command would know nothing of it."""
    try:
        portal.call(vault.load, server)
    except KeyringAbsent as error:
        hint = "The command line needs one to stay signed in. The window does without."
        raise KeyringAbsent(error.detail, hint=hint) from error


def logout(paths: Paths, *, everywhere: bool = False) -> None:
    """Sign out here and at the server; `everywhere`: on all computers, or not at all."""
    try:
        owner = Owner.claim(paths)
    except QueueInUse:
        list(ask(paths, {"do": "sign_out_everywhere" if everywhere else "sign_out"}))
        return
    opened = reach.open_engine(paths, reach.chosen_server(paths), KeyringVault(), run=False, online=True)
    with closing(owner), start_blocking_portal() as portal, portal.wrap_async_context_manager(opened) as at:
        account = at.engine.account
        portal.call(account.sign_out_everywhere if everywhere else account.sign_out)
