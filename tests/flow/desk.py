"""A desk to sit at: a real X server, a session bus, an unlocked Secret Service, a file manager and a mouse."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jeepney import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection

from tests.flow.stage import PATIENCE, wait_for
from tests.needs import need_program

ROOT = Path(__file__).parent.parent.parent
ARTEFACTS = ROOT / "artefacts"

PCMANFM = """[config]
bm_open_method=0
[volume]
mount_on_startup=0
mount_removable=0
autorun=0
[ui]
always_show_tabs=0
splitter_pos=1
side_pane_mode=hidden;
view_mode=icon
sort=name;ascending;
toolbar=hidden;
show_statusbar=0
"""
FIRST_ICON = (57, 58)
"""Where the first file lies in the file manager's window, in pixels."""


@dataclass
class Desk:
    """One display with its session; programs started here see nothing of the machine's own."""

    environ: dict[str, str]
    stack: ExitStack
    folder: Path
    programs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str, **environ: str) -> subprocess.Popen[bytes]:
        """A program on this desk; it is ended with the desk. Its output goes to a file beside it."""
        log = self.stack.enter_context((self.folder / f"{Path(command[0]).name}-{len(self.programs)}.log").open("wb"))
        program = subprocess.Popen(command, env=self.environ | environ, stdout=log, stderr=log, cwd=ROOT)
        self.programs.append(program)
        self.stack.callback(_end, program)
        return program

    def run(self, *command: str) -> str:
        """What a program prints; empty if it fails."""
        done = subprocess.run(command, env=self.environ, capture_output=True, check=False, timeout=120)
        return done.stdout.decode().strip() if done.returncode == 0 else ""

    def window(self, search: str, pattern: str) -> str:
        """The id of a visible window, once there is one. `search`: --name or --class."""
        return wait_for(
            lambda: self.run("xdotool", "search", "--onlyvisible", search, pattern).splitlines()[-1:],
            what=f"the window {pattern}",
        )[0]

    def place(self, window: str, x: int, y: int, width: int, height: int) -> None:
        """Put a window somewhere; there is no window manager that could object."""
        self.run("xdotool", "windowmove", window, str(x), str(y), "windowsize", window, str(width), str(height))
        wait_for(
            lambda: f"{width}x{height}" in self.run("xdotool", "getwindowgeometry", window), what="the window's size"
        )

    def keys(self, window: str, *keys: str) -> None:
        """Press keys in a window."""
        self.run("xdotool", "windowfocus", "--sync", window, "key", "--clearmodifiers", *keys)

    def click(self, x: int, y: int) -> None:
        """Click somewhere."""
        self.run("xdotool", "mousemove", str(x), str(y), "click", "1")

    def type(self, text: str) -> None:
        """Type where the focus is."""
        self.run("xdotool", "type", "--delay", "20", text)

    def shown(self, x: int, y: int) -> str:
        """One pixel of the screen, in ImageMagick's words."""
        return self.run("import", "-window", "root", "-crop", f"1x1+{x}+{y}", "txt:-")

    def colours(self, x: int, y: int, *, around: int) -> int:
        """How many different ones there are at most so many pixels left, right, above and below."""
        size = 2 * around + 1
        crop = f"{size}x{size}+{x - around}+{y - around}"
        return int(self.run("import", "-window", "root", "-crop", crop, "-format", "%k", "info:-") or 0)

    def drag(
        self,
        start: tuple[int, int],
        end: tuple[int, int],
        before_release: str,
        over: Callable[[], bool] = lambda: True,
    ) -> None:
        """Drag as a hand does: press, ten small moves, a pause, a nudge, release. The pauses are the gesture itself.

        An eye watches: nothing is let go before `over`, what the place below shows, is so.
        """
        self.run("xdotool", "mousemove", *map(str, start))
        self.run("xdotool", "mousedown", "1")
        for step in range(1, 11):
            x, y = (start[i] + (end[i] - start[i]) * step // 10 for i in (0, 1))
            self.run("xdotool", "mousemove", str(x), str(y))
            time.sleep(0.08)
        time.sleep(0.3)
        wait_for(over, what="the place below to say what letting go would do")
        self.run("xdotool", "mousemove_relative", "3", "3")
        time.sleep(0.3)
        self.screenshot(before_release)
        self.run("xdotool", "mouseup", "1")

    def screenshot(self, name: str) -> Path:
        """The whole screen, into the artefacts."""
        ARTEFACTS.mkdir(exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        self.run("import", "-window", "root", str(path))
        return path


def _end(program: subprocess.Popen[bytes]) -> None:
    if program.poll() is None:
        program.terminate()
        try:
            program.wait(30)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait(120)


@contextmanager
def sitting_at(folder: Path) -> Iterator[Desk]:
    """A desk whose home is `folder`. Everything on it ends with the block."""
    for name in (
        "Xvfb",
        "xdotool",
        "import",
        "dbus-daemon",
        "gnome-keyring-daemon",
        "secret-tool",
        "pcmanfm",
        "xdg-open",
    ):
        need_program(name)
    with ExitStack() as stack:
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("QT_", "PYTHON_KEYRING"))}
        desk = Desk(environ | {"XDG_RUNTIME_DIR": str(runtime), "HOME": str(folder)}, stack, folder)
        for name in ("data", "config", "cache", "state"):
            desk.environ[f"XDG_{name.upper()}_HOME"] = str(folder / name)
        desk.environ["DISPLAY"] = f":{_display(stack)}"
        desk.environ["DBUS_SESSION_BUS_ADDRESS"] = _bus(stack, desk.environ)
        _keyring(stack, desk.environ)
        yield desk


def _display(stack: ExitStack) -> str:
    read, write = os.pipe()
    server = subprocess.Popen(
        # -noreset: else the server starts over when its last client leaves, and cuts off whoever comes at that moment
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(_end_pipe, server)
    os.close(write)
    with os.fdopen(read) as said:
        return said.readline().strip()


def _end_pipe(program: subprocess.Popen[bytes]) -> None:
    _end(program)
    for stream in (program.stdin, program.stdout):
        if stream:
            stream.close()


def _bus(stack: ExitStack, environ: dict[str, str]) -> str:
    daemon = subprocess.Popen(
        ["dbus-daemon", "--session", "--print-address", "--nofork", "--nopidfile"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(_end_pipe, daemon)
    assert daemon.stdout is not None
    return daemon.stdout.readline().decode().strip()


def _keyring(stack: ExitStack, environ: dict[str, str]) -> None:
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(_end_pipe, daemon)
    assert daemon.stdin is not None
    daemon.stdin.write(b"testpass")
    daemon.stdin.close()
    with open_dbus_connection(environ["DBUS_SESSION_BUS_ADDRESS"], auth_timeout=PATIENCE) as connection:
        bus = Proxy(message_bus, connection, timeout=PATIENCE)
        # whoever asks for it earlier has the bus start another one, which is locked
        wait_for(lambda: bus.NameHasOwner("org.freedesktop.secrets")[0], what="the password safe")


def file_manager(desk: Desk, shown: Path, x: int, y: int) -> tuple[int, int]:
    """Open pcmanfm on a folder, at a place; where its first file lies on the screen."""
    settings = Path(desk.environ["XDG_CONFIG_HOME"]) / "pcmanfm" / "default" / "pcmanfm.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(PCMANFM)
    desk.start("pcmanfm", "--no-desktop", "-n", str(shown))
    desk.place(desk.window("--class", "pcmanfm"), x, y, 480, 500)
    icon = (x + FIRST_ICON[0], y + FIRST_ICON[1])
    wait_for(lambda: desk.colours(*icon, around=24) > 1, what="the first file")
    return icon


def scripted_browser(desk: Desk) -> None:
    """Make a program that opens an address as a person would the desk's web browser."""
    script = desk.folder / "browser"
    script.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m tests.flow.browse "$1"\n')
    script.chmod(0o755)
    entry = Path(desk.environ["XDG_DATA_HOME"]) / "applications" / "scripted.desktop"
    entry.parent.mkdir(parents=True)
    entry.write_text(f"[Desktop Entry]\nType=Application\nName=Scripted\nExec={script} %u\n")
    choices = Path(desk.environ["XDG_CONFIG_HOME"]) / "mimeapps.list"
    choices.parent.mkdir(exist_ok=True)
    choices.write_text(
        "[Default Applications]\n" + "".join(f"x-scheme-handler/{s}=scripted.desktop\n" for s in ("http", "https"))
    )
    desk.environ["BROWSER"] = str(script)
