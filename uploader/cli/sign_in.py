"""Signing in and out from a terminal: the browser does the talking, the keyring keeps the result."""

import dataclasses
import threading
import webbrowser
from contextlib import closing

import typer
from anyio.from_thread import BlockingPortal, start_blocking_portal
from pydantic import TypeAdapter, ValidationError

from uploader import settings
from uploader.cli import reach
from uploader.cli.tell import Teller
from uploader.cli.words import sentence
from uploader.engine.instance import Owner, ask
from uploader.engine.session import Vault
from uploader.errors import KeyringAbsent, QueueInUse
from uploader.keychain import KeyringVault
from uploader.paths import Paths

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


def login(paths: Paths, server: str | None, tell: Teller) -> None:
    """Sign in to `server` (None: the one used last) and remember it. SignInFailed, SignInNeeded, KeyringTrouble."""
    server = server or reach.chosen_server(paths)
    try:
        owner = Owner.claim(paths)
    except QueueInUse:
        list(ask(paths, {"do": "show"}))
        raise QueueInUse(title="Reelferry is open", hint="Sign in in its window.") from None
    vault = KeyringVault()
    opened = reach.open_engine(paths, server, vault, run=False, online=True)
    with closing(owner), start_blocking_portal() as portal, portal.wrap_async_context_manager(opened) as at:
        _look_into_safe(portal, vault, server)

        def open_page(url: str) -> None:
            page = at.way_in(url)
            tell.message({"type": "sign_in", "url": page})
            tell.say(f"The sign-in page opens in your browser. If it does not, go to\n{page}")
            threading.Thread(target=webbrowser.open, args=(page,), name="browser", daemon=True).start()

        portal.call(at.engine.account.sign_in, open_page)
        chosen = settings.load(paths.settings)
        settings.save(paths.settings, dataclasses.replace(chosen, server=server))
        me, trouble = at.engine.account.fact.me, at.engine.account.fact.trouble
    name = me.name if me else ""
    tell.message({"type": "account", "name": name, "username": me.username if me else "", "server": server})
    tell.say(f"Signed in as {name}." if name else "Signed in.")
    if trouble:
        tell.say(sentence(trouble.title, trouble.hint))


def _look_into_safe(portal: BlockingPortal, vault: Vault, server: str) -> None:
    """Before anybody is sent to the browser: without a safe the next command would know nothing of it."""
    try:
        portal.call(vault.load, server)
    except KeyringAbsent as error:
        hint = "The command line needs one to stay signed in. The window does without."
        raise KeyringAbsent(error.detail, hint=hint) from error


def logout(paths: Paths) -> None:
    """Sign out here and at the server."""
    try:
        owner = Owner.claim(paths)
    except QueueInUse:
        list(ask(paths, {"do": "sign_out"}))
        return
    opened = reach.open_engine(paths, reach.chosen_server(paths), KeyringVault(), run=False, online=True)
    with closing(owner), start_blocking_portal() as portal, portal.wrap_async_context_manager(opened) as at:
        portal.call(at.engine.account.sign_out)
