"""A real PostgreSQL in a temporary folder, reached over a Unix socket, that ends with the process that started it.

The folder is in memory where there is room: a test has a database of its own, which is hundreds of files. What a killed
run left there, the next one removes: a folder belongs to whoever has it locked, and the kernel unlocks it.
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.needs import need, need_program

PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian keeps them, one folder a version; they are not on the PATH."""

MEMORY, ROOM = Path("/dev/shm"), 1 << 30  # noqa: S108  (what is made there has a name that nobody can guess)

PREFIX = "reelferry-cluster-"

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
    "max_connections": "300",
    "timezone": "Pacific/Chatham",  # thirteen and three quarter hours from UTC: who forgets the zone is found out
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server that answers. `folder` holds its socket; `admin` is a connection of its administrator."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    admin: psycopg.Connection

    def url(self, database: str) -> str:
        """As an operator would write it."""
        return _url(self.folder, database)

    def run(self, statement: str, **names: str) -> None:
        """One statement of an administrator, outside of any transaction; `names` are put in as identifiers."""
        self.admin.execute(sql.SQL(statement).format(**{key: sql.Identifier(name) for key, name in names.items()}))

    def create(self, name: str, template: str = "template1") -> str:
        """A new database like `template`; answers its address."""
        self.run("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy", name=name, template=template)
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is in it."""
        self.run("DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)

    def hang_up(self, name: str) -> None:
        """End every connection to a database; it has ended when this returns."""
        every = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s"
        self.admin.execute(every, [name])

    @contextmanager
    def closed(self, name: str) -> Iterator[None]:
        """Nobody is in this database, and nobody gets in."""
        self.run("ALTER DATABASE {name} ALLOW_CONNECTIONS false", name=name)
        try:
            self.hang_up(name)
            yield
        finally:
            self.run("ALTER DATABASE {name} ALLOW_CONNECTIONS true", name=name)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A new cluster. However this process ends, the kernel ends the server (Linux)."""
    programs = max(PROGRAMS.glob("*/bin"), default=PROGRAMS)
    need((programs / "initdb").exists(), "PostgreSQL's server (Debian: postgresql)")
    with own_folder(_roomy()) as folder:
        _run(folder, programs / "initdb", "-D", folder / "data", "-U", "reelferry", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync", "--no-instructions")  # fmt: skip
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "unix_socket_directories": folder}.items()]
        with (folder / "log").open("wb") as log:
            command = _as_nobody_special(folder, programs / "postgres", "-D", folder / "data", *settings)
            process = subprocess.Popen(command, stderr=log)
        try:
            with _answering(folder, process) as admin:
                yield Cluster(folder, process, admin)
        finally:
            process.send_signal(signal.SIGINT)  # at once: SIGTERM waits for whoever is connected
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def own_folder(parent: Path) -> Iterator[Path]:
    """A folder that is gone when the block ends, or when somebody makes another one after this process was killed."""
    for left in parent.glob(f"{PREFIX}*"):
        _remove_if_left(left)
    while (owned := _locked(folder := Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)))) is None:
        pass
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(owned)


def _locked(folder: Path) -> int | None:
    """What keeps the new folder locked; None where somebody took it for left behind before it was."""
    try:
        owned = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    fcntl.flock(owned, fcntl.LOCK_EX)
    if folder.exists():
        return owned
    os.close(owned)
    return None


def _remove_if_left(folder: Path) -> None:
    """Remove it unless its owner lives. Not ours to remove, or gone meanwhile: so be it."""
    with contextlib.suppress(OSError):
        found = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(found)


def _as_nobody_special(folder: Path, *command: str | Path) -> list[str]:
    """The command for a process that ends with ours; PostgreSQL refuses to run as root."""
    words = [need_program("setpriv"), "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")  # Debian's package makes it
        os.chown(folder, user.pw_uid, user.pw_gid)
        words += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return [*words, *map(str, command)]


def _run(folder: Path, *command: str | Path) -> None:
    done = subprocess.run(_as_nobody_special(folder, *command), capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr


def _roomy() -> Path:
    """Where the folder belongs."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM else Path(tempfile.gettempdir())


def _url(folder: Path, database: str) -> str:
    return f"postgresql://reelferry@/{database}?host={folder}"


def _answering(folder: Path, process: "subprocess.Popen[bytes]") -> psycopg.Connection:
    """The administrator's connection, once the server takes it."""
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            return psycopg.connect(_url(folder, "postgres"), autocommit=True)
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, "PostgreSQL does not answer"
        time.sleep(0.02)
