import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import keyring.errors
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from keyring.compat.properties import classproperty

from tests.needs import need_program
from uploader.errors import KeyringAbsent, KeyringLocked
from uploader.keychain import KeyringVault, choose

SERVER = "http://127.0.0.1:8000"


class Safe(KeyringBackend):
    """A password safe in memory that can be made to fail or to wait for its prompt."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.trouble: Exception | None = None
        self.prompt_answered = threading.Event()
        self.prompt_answered.set()
        self.threads: set[str] = set()

    def _open(self) -> None:
        self.threads.add(threading.current_thread().name)
        assert self.prompt_answered.wait(60)
        if self.trouble:
            raise self.trouble

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError("No such password!")


@pytest.mark.anyio
async def test_a_token_is_kept_replaced_and_forgotten_away_from_the_loop():
    safe = Safe()
    vault = KeyringVault(find=lambda: safe)
    assert await vault.load(SERVER) is None
    await vault.save(SERVER, "one")
    await vault.save(SERVER, "two")
    assert await vault.load(SERVER) == "two"
    assert safe.kept == {("Reelferry", SERVER): "two"}
    await vault.forget(SERVER)
    await vault.forget(SERVER)
    assert await vault.load(SERVER) is None
    assert safe.threads == {"keychain"}


@pytest.mark.anyio
async def test_a_prompt_nobody_answers_freezes_nothing_and_what_was_asked_is_done_when_it_is_answered():
    safe = Safe()
    safe.prompt_answered.clear()
    vault = KeyringVault(patience=0.05, find=lambda: safe)
    with pytest.raises(KeyringLocked):
        await vault.save(SERVER, "one")
    with pytest.raises(KeyringLocked):
        await vault.load(SERVER)
    safe.prompt_answered.set()
    vault._patience = 60
    assert await vault.load(SERVER) == "one"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (keyring.errors.KeyringLocked("locked"), KeyringLocked),
        (keyring.errors.InitError("no collection"), KeyringAbsent),
        (keyring.errors.NoKeyringError("none"), KeyringAbsent),
        (keyring.errors.PasswordSetError("denied"), KeyringLocked),
        (keyring.errors.PasswordDeleteError("denied"), KeyringLocked),
        (ConnectionResetError("the bus went away"), KeyringLocked),
    ],
)
@pytest.mark.parametrize("act", ["load", "save", "forget"])
async def test_each_way_a_safe_can_fail_has_one_answer(foreign: Exception, ours: type[Exception], act: str):
    safe = Safe()
    safe.trouble = foreign
    vault = KeyringVault(find=lambda: safe)
    with pytest.raises(ours):
        await {"load": vault.load, "forget": vault.forget, "save": lambda server: vault.save(server, "t")}[act](SERVER)


class Alternative(Safe):
    """What a class of keyrings.alt looks like."""


Alternative.__module__ = "keyrings.alt.file"


class FromAlternative(Alternative):
    """Somebody's own class on top of one."""


class PlaintextKeyring(Safe):
    """Named for what it does."""


def chain(*backends: KeyringBackend) -> chainer.ChainerBackend:
    class Chain(chainer.ChainerBackend):
        @classproperty
        def backends(cls) -> list[KeyringBackend]:  # noqa: N805  (of the class, as in keyring)
            return list(backends)

    return Chain()


@pytest.mark.parametrize(
    "make",
    [fail.Keyring, null.Keyring, Alternative, FromAlternative, PlaintextKeyring, chain, lambda: chain(Alternative())],
)
def test_what_keeps_nothing_or_plain_text_is_no_safe(make: Callable[[], KeyringBackend]):
    with pytest.raises(KeyringAbsent):
        choose(make())


def test_of_a_chain_only_the_first_real_safe_is_used():
    first, second = Safe(), Safe()
    assert choose(chain(Alternative(), first, second)) is first


@pytest.mark.anyio
async def test_keyring_itself_configured_to_keep_nothing_is_absent():
    with pytest.raises(KeyringAbsent):
        await KeyringVault().load(SERVER)


SCRIPT = """
import asyncio, sys
from uploader.errors import KeyringTrouble
from uploader.keychain import KeyringVault

async def main():
    vault = KeyringVault(patience=120)
    for line in sys.stdin:
        act, *rest = line.split()
        try:
            print(act, await getattr(vault, act)("http://127.0.0.1:8000", *rest), flush=True)
        except KeyringTrouble as trouble:
            print(act, trouble.code, flush=True)

asyncio.run(main())
"""

LOCK = """
import secretstorage
from contextlib import closing
with closing(secretstorage.dbus_init()) as bus:
    secretstorage.get_default_collection(bus).lock()
"""


def in_a_desktop_session(shell: str, tmp_path: Path) -> str:
    """What `shell` printed inside a D-Bus session of its own, with `$PYTHON`, `$SCRIPT` and `$LOCK` at hand."""
    need_program("gnome-keyring-daemon")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON_KEYRING_BACKEND"}
    for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR", "HOME"):
        folder = tmp_path / "session" / name.lower()
        folder.mkdir(mode=0o700, parents=True)
        environment[name] = str(folder)
    done = subprocess.run(
        [need_program("dbus-run-session"), "--", "bash", "-c", shell],
        env={**environment, "PYTHON": sys.executable, "SCRIPT": SCRIPT, "LOCK": LOCK},
        capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split("---\n", 1)[1]


UNLOCK = "printf testpass | gnome-keyring-daemon --unlock --components=secrets; echo ---"


def test_a_real_keyring_keeps_replaces_and_forgets(tmp_path: Path):
    asked = r"load\nsave one\nsave two\nload\nforget\nforget\nload\n"
    shell = f"""{UNLOCK}; printf '{asked}' | "$PYTHON" -c "$SCRIPT" """
    expected = ["load None", "save None", "save None", "load two", "forget None", "forget None", "load None"]
    assert in_a_desktop_session(shell, tmp_path).splitlines() == expected


def test_a_real_keyring_still_has_it_for_the_next_process_and_says_when_it_is_locked(tmp_path: Path):
    shell = f"""{UNLOCK}
        echo save one | "$PYTHON" -c "$SCRIPT"
        echo load | "$PYTHON" -c "$SCRIPT"
        "$PYTHON" -c "$LOCK"
        printf 'load\\nsave two\\n' | "$PYTHON" -c "$SCRIPT" """
    printed = in_a_desktop_session(shell, tmp_path).splitlines()
    assert printed == ["save None", "load one", "load keyring_locked", "save keyring_locked"]


def test_a_session_without_a_keyring_says_that_there_is_none(tmp_path: Path):
    shell = """echo ---; echo load | "$PYTHON" -c "$SCRIPT" """
    environment_without_activation = "export XDG_DATA_DIRS=/nonexistent; "
    printed = in_a_desktop_session(environment_without_activation + shell, tmp_path).splitlines()
    assert printed == ["load keyring_absent"]
