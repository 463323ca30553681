"""How each system is asked not to sleep out of idleness.

Linux is tried on a real D-Bus. What is for Windows and macOS is as thin as it gets and has not been tried there.
"""

import asyncio
import contextlib
import logging
import os
import platform
import subprocess
import sys

from uploader.engine.wakefulness import Inhibitor, NoInhibitor

log = logging.getLogger(__name__)


def of_this_system() -> Inhibitor:
    """The one for where we run."""
    match platform.system():
        case "Linux":
            from uploader.engine.inhibitor_linux import DBusInhibitor  # noqa: PLC0415  (D-Bus is where Linux is)

            return DBusInhibitor()
        case "Windows":
            return ThreadInhibitor()
        case "Darwin":
            return CaffeinateInhibitor()
        case _:
            return NoInhibitor()


class ThreadInhibitor:
    """Windows: SetThreadExecutionState, which holds for the engine's thread and ends with it."""

    SYSTEM_REQUIRED, CONTINUOUS = 0x1, 0x80000000

    async def inhibit(self) -> None:
        """The display may go dark; the system stays."""
        self._set(self.CONTINUOUS | self.SYSTEM_REQUIRED)

    async def release(self) -> None:
        """Everything as usual."""
        self._set(self.CONTINUOUS)

    def _set(self, state: int) -> None:
        if sys.platform == "win32":
            import ctypes  # noqa: PLC0415  (there is no windll anywhere else)

            if not ctypes.windll.kernel32.SetThreadExecutionState(ctypes.c_uint(state)):
                log.info("Windows did not take the wish to stay awake")


class CaffeinateInhibitor:
    """macOS: `caffeinate -i` holds off idle sleep for as long as it runs, and ends with the process it watches."""

    def __init__(self, command: tuple[str, ...] = ("/usr/bin/caffeinate", "-i", "-w")) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    async def inhibit(self) -> None:
        """Start it."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, str(os.getpid()), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        except OSError as error:
            log.info("nothing keeps this computer awake: %s", error)

    async def release(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
