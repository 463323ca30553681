"""Whose certificates are believed: the operating system's authorities, and those of one more file. No way around it."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import truststore

from uploader.errors import CertificatesUnusable


def check(file: Path) -> None:
    """CertificatesUnusable, with words, unless there is at least one authority's certificate in `file`."""
    try:
        _extended(file)
    except FileNotFoundError as error:
        raise CertificatesUnusable(str(error), title="The certificate file is not there") from error
    except ssl.SSLError as error:
        raise CertificatesUnusable(str(error)) from error
    except OSError as error:
        raise CertificatesUnusable(
            str(error), title="The certificate file cannot be read", hint="Check its permissions."
        ) from error


@dataclass(slots=True)
class Trust:
    """Makes the TLS settings for connections, anew whenever `file` has changed.

    A file that is gone or broken takes nothing away but itself: `broken` says so, and whom it vouched for is not
    trusted until it is back.
    """

    file: Path | None = None
    broken: bool = False
    _context: ssl.SSLContext | None = None
    _looks: tuple[int, ...] = ()

    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        looks = _looks(self.file)
        if self._context is None or looks != self._looks:
            self._looks = looks
            self._context, self.broken = self._make()
        return self._context

    def _make(self) -> tuple[ssl.SSLContext, bool]:
        if self.file is None:
            return _of_the_system(), False
        try:
            return _extended(self.file), False
        except OSError:  # of which SSLError is one
            return _of_the_system(), True


def _of_the_system() -> ssl.SSLContext:
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _extended(file: Path) -> ssl.SSLContext:
    context = _of_the_system()
    context.load_verify_locations(cafile=file)
    return context


def _looks(file: Path | None) -> tuple[int, ...]:
    try:
        stat = os.stat(file) if file else None  # noqa: PTH116  (one call for both)
    except OSError:
        return ()
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) if stat else ()
