"""How connections leave this computer, from a terminal: shown and changed; a password never is a word of a command."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Literal

import typer
from anyio.from_thread import start_blocking_portal

from uploader import settings
from uploader.cli.tell import Teller
from uploader.engine import trust
from uploader.engine.instance import Owner
from uploader.engine.proxies import NONE, SYSTEM, Proxy
from uploader.engine.way_out import safe_name
from uploader.errors import KeyringAbsent, QueueInUse
from uploader.keychain import KeyringVault
from uploader.paths import Paths


def change(
    paths: Paths, proxy: str | None, certificates: str | None, metered: Literal["pause", "upload"] | None = None
) -> None:
    """Keep what is given. CertificatesUnusable, KeyringTrouble; QueueInUse while a window is open."""
    changes: dict[str, object] = {}
    if metered is not None:
        changes["pause_when_metered"] = metered == "pause"
    if certificates is not None:
        file = None if certificates == NONE else Path(certificates).absolute()
        if file is not None:
            trust.check(file)
        changes["certificates"] = str(file) if file else None
    if proxy is not None:
        changes["proxy"] = proxy if proxy in {SYSTEM, NONE} else _by_hand(proxy).address
    if not changes:
        return
    try:
        owner = Owner.claim(paths)
    except QueueInUse:
        raise QueueInUse(title="Reelferry is open", hint="Change it in its preferences.") from None
    with closing(owner):
        if proxy is not None and proxy not in {SYSTEM, NONE} and _by_hand(proxy).user:
            _keep_password(_by_hand(proxy))
        settings.change(paths.settings, **changes)


def show(paths: Paths, tell: Teller) -> None:
    """Say what is chosen."""
    chosen = settings.load(paths.settings)
    metered = "pause" if chosen.pause_when_metered else "upload"
    tell.message({"type": "network", "proxy": chosen.proxy, "certificates": chosen.certificates, "metered": metered})
    words = {SYSTEM: "the system’s (http_proxy, https_proxy, all_proxy, no_proxy)", NONE: "none"}
    tell.say(f"Proxy: {words.get(chosen.proxy, chosen.proxy)}")
    tell.say(f"Certificates: the system’s{f', and {chosen.certificates}' if chosen.certificates else ''}")
    tell.say(f"On a metered network: {metered}")


def _by_hand(address: str) -> Proxy:
    try:
        found = Proxy.parse(address)
    except ValueError:
        raise typer.BadParameter("That is not the address of a proxy.") from None
    if found.password is not None:
        raise typer.BadParameter("Leave the password out of the command: it is asked for.")
    return found


def _keep_password(proxy: Proxy) -> None:
    """Ask for it, where somebody sits at a terminal; the first line of stdin elsewhere. Nothing keeps what there is."""
    if sys.stdin.isatty():
        password = typer.prompt(f"Password of {proxy.user} (Enter: as before)", "", hide_input=True, show_default=False)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        return
    try:
        with start_blocking_portal() as portal:
            portal.call(KeyringVault().save, safe_name(proxy.address), password)
    except KeyringAbsent as error:
        hint = "Where there is none, give the whole address to the environment: https_proxy=http://USER:PASSWORD@HOST."
        raise KeyringAbsent(error.detail, hint=hint) from error
