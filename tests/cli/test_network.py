"""The way out, from a terminal."""

import json
import os
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
import typer

from tests.cli.terminal import Terminal
from tests.engine.certificates import certificates
from tests.media import clips
from tests.proxies import ELSEWHERE, ForeignProxy
from uploader import settings
from uploader.cli import network
from uploader.engine.commands import Commands
from uploader.engine.engine import Engine
from uploader.engine.instance import Owner
from uploader.engine.session import MemoryVault
from uploader.engine.way_out import Way
from uploader.errors import CertificatesUnusable, ProxyRefused, QueueInUse
from uploader.paths import Paths

PROXY = "http://ada@proxy.example:3128"
SECRET = "l0ve-lace"


def say(terminal: Terminal, line: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """A command with one line on its stdin."""
    with terminal.start(*words, stdin=subprocess.PIPE) as process:
        out, err = process.communicate(f"{line}\n", timeout=170)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_a_proxy_is_kept_and_its_password_is_in_the_keyring_only(at_terminal: Terminal):
    said = say(at_terminal, SECRET, "network", "--proxy", PROXY, "--json")
    assert said.returncode == 0, said.stdout + said.stderr
    assert json.loads(said.stdout) == {"type": "network", "proxy": PROXY, "certificates": None, "metered": "pause"}
    assert at_terminal.look_up(f"proxy {PROXY}") == SECRET
    everything = [file.read_bytes() for file in Paths.of_user().config.parent.rglob("*") if file.is_file()]
    everything += [file.read_bytes() for file in Paths.of_user().logs.rglob("*") if file.is_file()]
    assert everything
    assert not any(SECRET.encode() in content for content in everything)
    assert f"Proxy: {PROXY}\n" in at_terminal.run("network").stdout


def test_a_file_of_authorities_is_looked_at_before_it_is_kept(tmp_path: Path):
    paths, (authority, _, key) = Paths.under(tmp_path), certificates(tmp_path)
    network.change(paths, None, str(authority))
    with pytest.raises(CertificatesUnusable):
        network.change(paths, None, str(key))
    assert settings.load(paths.settings).certificates == str(authority)
    network.change(paths, None, "none")
    assert settings.load(paths.settings).certificates is None


@pytest.mark.parametrize("proxy", ["ftp://proxy", "http://ada:secret@proxy:3128"])
def test_what_is_no_proxy_and_a_password_on_the_command_line_are_refused(tmp_path: Path, proxy: str):
    paths = Paths.under(tmp_path)
    with pytest.raises(typer.BadParameter):
        network.change(paths, proxy, None)
    assert settings.load(paths.settings).proxy == "system"


def test_while_a_window_is_open_its_preferences_are_the_place(tmp_path: Path):
    paths = Paths.under(tmp_path).make()
    with closing(Owner.claim(paths)), pytest.raises(QueueInUse) as caught:
        network.change(paths, "none", None)
    assert caught.value.hint == "Change it in its preferences."
    network.change(paths, "none", None)
    assert settings.load(paths.settings).proxy == "none"


@pytest.mark.anyio
async def test_whoever_waits_hears_that_the_proxy_refuses(tmp_path: Path):
    clip = clips.h264(tmp_path / "film.mp4")
    os.utime(clip, (1_000_000_000, 1_000_000_000))
    server, vault = f"https://{ELSEWHERE}:9", MemoryVault()
    vault.tokens[server] = "a refresh token"
    with ForeignProxy("http", tmp_path) as foreign:
        async with Engine.open(
            paths=Paths.under(tmp_path), server=server, vault=vault, emit=lambda _: None, way=Way(foreign.address)
        ) as engine:
            await engine.queue.add([clip])
            with pytest.raises(ProxyRefused):
                async for _ in Commands(engine).answer({"do": "wait"}):
                    pass


def test_without_a_keyring_it_says_where_a_password_can_go(bus: str, browser: Path):
    done = say(Terminal(bus, browser, keyring=False), SECRET, "network", "--proxy", PROXY)
    assert done.returncode == 3
    assert "https_proxy=" in done.stderr
    assert settings.load(Paths.of_user().settings).proxy == "system"
