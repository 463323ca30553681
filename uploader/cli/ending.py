"""How a command ends: in words, and with an exit code that says which kind of end it was."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from uploader.cli.tell import Teller, teller
from uploader.errors import KeyringTrouble, ReelferryError, SignInFailed, SignInNeeded, Unexpected

STOPPED = "Stopped. The queue is kept: `reelferry wait` goes on with it."


class Exit(IntEnum):
    """What the exit code says."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    SIGN_IN = 3
    INTERRUPTED = 130


@contextmanager
def talking(as_json: bool, *, moving: bool = False, stopped: str = STOPPED) -> Iterator[Teller]:
    """Someone to say things to, and an end in words and with the right exit code, however it ends."""
    with teller(as_json=as_json, moving=moving) as tell:
        try:
            yield tell
        except KeyboardInterrupt:
            tell.say(stopped)
            raise typer.Exit(Exit.INTERRUPTED) from None
        except (SignInNeeded, SignInFailed, KeyringTrouble) as error:
            tell.error(error)
            raise typer.Exit(Exit.SIGN_IN) from error
        except ReelferryError as error:
            logging.getLogger(__name__).info("ended by %s", error.code, exc_info=error)
            tell.error(error)
            raise typer.Exit(Exit.FAILED) from error
        except (typer.Exit, typer.BadParameter):
            raise
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.FAILED) from None
        except Exception as error:
            logging.getLogger(__name__).exception("A command failed")
            tell.error(Unexpected(repr(error)))
            raise typer.Exit(Exit.FAILED) from error
    sys.stdout.flush()
