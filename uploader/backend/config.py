"""What the operator decides: environment variables, read once, wrong ones named line by line.

VIDEO_PROVIDER              local (the default), cloudflare or mux; their variables are in `provider_config`
DATABASE_URL                SQLite in the data folder, or postgresql://…
NEXT_PUBLIC_APP_URL         where people reach this server (also: PUBLIC_URL); needed to listen beyond this computer
MAX_VIDEO_SIZE_MB           30720: creators have files of 30 GB; the seed's 500 is a choice for a hosted service
MAX_VIDEO_DURATION_MINUTES  360; the seed's 60 likewise
WEBHOOK_SECRET, APP_KEY     made at the first start, kept in files only this user can read
WEBHOOK_URL                 where the local provider says "ready"; this server itself by default
ALLOW_SIGNUP                0: only the operator makes accounts
MAX_OPEN_UPLOADS            1000: uploads that one person may have begun and not finished
MAX_DAILY_UPLOAD_MB         0: what one person may upload from midnight to midnight (UTC); 0 sets no limit
DISK_RESERVE_MB             256: what an upload to the local provider leaves free
TRUSTED_PROXIES             127.0.0.1,::1 on a public server: whose X-Forwarded-For and X-Forwarded-Proto are believed
METRICS_PORT                0: none; otherwise figures for Prometheus on this port of 127.0.0.1
AUTH_ISSUER                 none: accounts are kept here; otherwise who keeps them, see `issuer_config`
SIGNED_PLAYBACK             0: who knows the address of a video may watch it, as in the seed
"""

import contextlib
import importlib.util
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from uploader.backend import issuer_config, provider_config, proxies
from uploader.backend.issuer_config import IssuerConfig
from uploader.backend.loopback import LOOPBACK
from uploader.backend.provider_config import SIGNING_KEYS, CloudflareConfig, MuxConfig

CLOUDFLARES_LONGEST = 360 * 60
SECRET_LENGTH = 16
MIB = 1024 * 1024
YES = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class ConfigProblems(Exception):
    """The server cannot start like this. `problems`: one sentence each, naming what to change."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Config:
    """Everything decided before the start. Sizes in bytes, durations in seconds; secrets never leave through `repr`."""

    data: Path
    provider: str
    database_url: str
    public_url: str | None
    host: str
    port: int
    webhook_secret: str
    """Signs. `former_webhook_secrets` are taken as well, while this one takes their place on several hosts."""
    webhook_url: str | None
    app_key: str
    max_bytes: int
    max_duration: int
    allow_signup: bool
    signed_playback: bool
    max_open_uploads: int
    max_daily_bytes: int | None
    disk_reserve: int
    metrics_port: int | None
    trusted_proxies: tuple[str, ...] = ()
    former_webhook_secrets: tuple[str, ...] = ()
    cloudflare: CloudflareConfig | None = None
    mux: MuxConfig | None = None
    issuer: IssuerConfig | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    """Where a provider finds variables of its own that are not read above."""

    @classmethod
    def load(cls, environ: Mapping[str, str], data: Path, *, host: str = "127.0.0.1", port: int = 0) -> "Config":
        """Read the environment; make the data folder and its secrets. ConfigProblems if anything is wrong."""
        reader = _Reader(environ)
        provider = reader.text("VIDEO_PROVIDER") or "local"
        database_url, public_url = reader.database_url(data), reader.public_url()
        max_bytes = reader.number("MAX_VIDEO_SIZE_MB", 30 * 1024, 1024 * 1024) * MIB
        max_duration = reader.number("MAX_VIDEO_DURATION_MINUTES", 360, 24 * 60) * 60
        webhook_url, webhook_secrets, app_key = (
            reader.url("WEBHOOK_URL"), reader.secrets("WEBHOOK_SECRET"), reader.secret("APP_KEY"),
        )  # fmt: skip
        allow_signup, signed_playback = reader.flag("ALLOW_SIGNUP"), reader.flag("SIGNED_PLAYBACK")
        max_open_uploads = reader.number("MAX_OPEN_UPLOADS", 1000, 1_000_000)
        max_daily_bytes = reader.number("MAX_DAILY_UPLOAD_MB", 0, 1024 * 1024 * 1024, least=0) * MIB
        disk_reserve = reader.number("DISK_RESERVE_MB", 256, 1024 * 1024 * 1024, least=0) * MIB
        metrics_port = reader.number("METRICS_PORT", 0, 65535, least=0)
        trusted_proxies = reader.proxies(public=public_url is not None)
        cloudflare = provider_config.cloudflare(reader, chosen=provider == "cloudflare")
        mux = provider_config.mux(reader, chosen=provider == "mux")
        issuer = issuer_config.external(reader)
        chosen = {"cloudflare": cloudflare, "mux": mux}.get(provider)
        unkept = signed_playback and chosen is not None and chosen.signing is None
        reader.check_promises(provider, max_duration, unkept=unkept)
        reader.check_listening(host, port)
        if not reader.problems:
            reader.make(data)
        if reader.problems:
            raise ConfigProblems(reader.problems)
        return cls(
            data=data,
            provider=provider,
            database_url=database_url,
            public_url=public_url,
            host=host,
            port=port,
            webhook_secret=webhook_secrets[0] if webhook_secrets else kept_secret(data / "webhook-secret"),
            former_webhook_secrets=webhook_secrets[1:],
            webhook_url=webhook_url,
            app_key=app_key or kept_secret(data / "app-key"),
            max_bytes=min(max_bytes, max_daily_bytes or max_bytes),
            max_duration=max_duration,
            allow_signup=allow_signup,
            signed_playback=signed_playback,
            max_open_uploads=max_open_uploads,
            max_daily_bytes=max_daily_bytes or None,
            disk_reserve=disk_reserve,
            metrics_port=metrics_port or None,
            trusted_proxies=trusted_proxies,
            cloudflare=cloudflare,
            mux=mux,
            issuer=issuer,
            environ=environ,
        )

    @property
    def sqlite_file(self) -> Path | None:
        """Where SQLite keeps everything; None with PostgreSQL."""
        url = make_url(self.database_url)
        return Path(url.database or "") if url.get_backend_name() == "sqlite" else None

    def __repr__(self) -> str:
        return f"Config(data={str(self.data)!r}, provider={self.provider!r}, host={self.host!r}, port={self.port})"


def kept_secret(path: Path) -> str:
    """The secret in this file; made at the first call, whole or not at all, readable by this user only."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # 0600
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))
    try:
        os.link(temporary, path)  # of several servers that start at once, one makes it and all have the same
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        Path(temporary).replace(path)
    Path(temporary).unlink(missing_ok=True)
    return path.read_text(encoding="ascii").strip()


class _Reader:
    """Reads variables and collects what is wrong with them; what it returns then is never used."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self._environ = environ

    def text(self, name: str) -> str | None:
        """The variable, or None where it is missing or empty."""
        return self._environ.get(name, "").strip() or None

    def database_url(self, data: Path) -> str:
        """SQLite or PostgreSQL. The address itself is never repeated: it may hold a password."""
        given = self.text("DATABASE_URL")
        if given is None:
            return f"sqlite:///{data / 'reelferry.sqlite3'}"
        try:
            url = make_url(given)
            kind = url.get_backend_name()
        except ArgumentError:
            self.problems.append("DATABASE_URL is not a database address. Use sqlite:///… or postgresql://….")
            return given
        if kind in {"postgresql", "postgres"}:
            if importlib.util.find_spec("psycopg") is None:
                self.problems.append("DATABASE_URL names PostgreSQL, and the package psycopg is not installed.")
        elif kind != "sqlite":
            self.problems.append(f"DATABASE_URL names {kind}. Use sqlite:///… or postgresql://….")
        elif url.database in {None, "", ":memory:"}:
            self.problems.append("DATABASE_URL names no file: use sqlite:/// and its path.")
        return given

    def public_url(self) -> str | None:
        """Scheme and host, no path: tus and playback addresses are made from it."""
        both = {self.url(name) for name in ("NEXT_PUBLIC_APP_URL", "PUBLIC_URL")} - {None}
        if len(both) > 1:
            self.problems.append("NEXT_PUBLIC_APP_URL and PUBLIC_URL differ. Set one of them.")
        if not both:
            return None
        found = both.pop() or ""
        parts = urlsplit(found)
        if parts.path not in {"", "/"}:
            self.problems.append("NEXT_PUBLIC_APP_URL must not have a path: the server answers at the top of its host.")
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            self.problems.append("NEXT_PUBLIC_APP_URL must begin with https://: passwords travel to it.")
        return found.rstrip("/")

    def check_promises(self, provider: str, max_duration: int, *, unkept: bool) -> None:
        """What a provider cannot keep is not promised: nobody should take videos for private that nobody can play."""
        if unkept:
            needed = " and ".join(SIGNING_KEYS[provider])
            self.problems.append(f"SIGNED_PLAYBACK=1 with {provider} needs {needed}.")
        if provider == "cloudflare" and max_duration > CLOUDFLARES_LONGEST:
            self.problems.append("MAX_VIDEO_DURATION_MINUTES is more than the 360 that Cloudflare takes.")

    def check_listening(self, host: str, port: int) -> None:
        """Listening beyond this computer needs a public address."""
        if host not in LOOPBACK and not (self.text("NEXT_PUBLIC_APP_URL") or self.text("PUBLIC_URL")):
            self.problems.append(f"NEXT_PUBLIC_APP_URL is missing: it is needed to listen on {host}.")
        if not 0 <= port <= 65535:
            self.problems.append(f"The port must be between 0 and 65535, not {port}.")

    def url(self, name: str) -> str | None:
        """An http or https address."""
        given = self.text(name)
        if given is None:
            return None
        try:
            parts = urlsplit(given)
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or parts.username is not None or parts.fragment:
            self.problems.append(f"{name} is not an address that begins with http:// or https://.")
            return None
        return given

    def number(self, name: str, default: int, most: int, *, least: int = 1) -> int:
        """A whole number from `least` to `most`."""
        given = self.text(name)
        if given is None:
            return default
        value = int(given) if given.isascii() and given.isdigit() and len(given) <= 12 else -1
        if not least <= value <= most:
            self.problems.append(f"{name}={given} is not a whole number from {least} to {most}.")
        return value

    def flag(self, name: str) -> bool:
        """1 or 0, and the usual words for them."""
        given = self.text(name)
        if given is not None and given.lower() not in YES:
            self.problems.append(f"{name}={given} is neither 1 nor 0.")
        return YES.get((given or "0").lower(), False)

    def secret(self, name: str) -> str | None:
        """Long enough not to be guessed. Never repeated in a problem."""
        given = self.text(name)
        if given is not None and len(given) < SECRET_LENGTH:
            self.problems.append(f"{name} is shorter than {SECRET_LENGTH} characters.")
        return given

    def secrets(self, name: str) -> tuple[str, ...]:
        """Several, separated by commas, the newest first. Each long enough."""
        found = tuple(one for part in (self.text(name) or "").split(",") if (one := part.strip()))
        if any(len(one) < SECRET_LENGTH for one in found):
            self.problems.append(f"{name} is shorter than {SECRET_LENGTH} characters.")
        return found

    def proxies(self, *, public: bool) -> tuple[str, ...]:
        """Addresses and networks; by default this computer's, and nobody where no proxy is expected."""
        given = self.text("TRUSTED_PROXIES")
        if given is None:
            return proxies.HERE if public else ()
        try:
            return proxies.networks(given)
        except proxies.EveryAddress:
            self.problems.append(
                f"TRUSTED_PROXIES={given} names every address: anybody could then say that they are somebody else."
            )
        except ValueError:
            self.problems.append(
                f"TRUSTED_PROXIES={given} is not a list of addresses and networks, like 10.0.0.5,172.18.0.0/16."
            )
        return ()

    def make(self, data: Path) -> None:
        """Create the data folder."""
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self.problems.append(f"The data folder {data} cannot be made: {error.strerror}.")
            return
        if not os.access(data, os.W_OK | os.X_OK):
            self.problems.append(f"The data folder {data} cannot be written to.")
