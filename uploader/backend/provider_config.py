"""What the providers elsewhere need of the operator: their accounts, as read from the environment.

CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_API_TOKEN   an API token with "Stream Write"; both or neither
CLOUDFLARE_CUSTOMER_SUBDOMAIN                 customer-….cloudflarestream.com; as Cloudflare says by default
CLOUDFLARE_WEBHOOK_SECRET                     what `reelferry-server cloudflare register-webhook` printed
CLOUDFLARE_SIGNING_KEY_ID, CLOUDFLARE_SIGNING_KEY
                                              for SIGNED_PLAYBACK: `reelferry-server cloudflare make-signing-key`
CLOUDFLARE_BASIC_UPLOAD                       0; 1: files up to 190 MB go in one form, without resuming
MUX_TOKEN_ID, MUX_TOKEN_SECRET                an access token with Mux Video read and write; both or neither
MUX_WEBHOOK_SECRET                            the signing secret of the webhook, from Mux's dashboard
MUX_SIGNING_KEY, MUX_PRIVATE_KEY              for SIGNED_PLAYBACK: a signing key's id, and its private half in base64
MUX_VIDEO_QUALITY                             basic (the default), plus or premium
CLOUDFLARE_BASE_URL, MUX_BASE_URL             where their APIs answer, if a gateway of one's own stands before them; the
                                              names are those that their official clients read

Webhook secrets may be several, separated by commas, while one takes the place of another.
"""

import re
from dataclasses import dataclass, field
from typing import Protocol

from uploader.backend.loopback import is_private
from uploader.backend.playback_key import PlaybackKey, read_key

QUALITIES = ("basic", "plus", "premium")
SIGNING_KEYS = {
    "cloudflare": ("CLOUDFLARE_SIGNING_KEY_ID", "CLOUDFLARE_SIGNING_KEY"),
    "mux": ("MUX_SIGNING_KEY", "MUX_PRIVATE_KEY"),
}
STREAM_HOST = "cloudflarestream.com"
CLOUDFLARE_API = "https://api.cloudflare.com/client/v4"
MUX_API = "https://api.mux.com"


@dataclass(frozen=True, slots=True)
class CloudflareConfig:
    """An account at Cloudflare Stream. Without webhook secrets no webhook is taken, and asking must do."""

    account_id: str
    api_token: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    customer_host: str | None = None
    basic_upload: bool = False
    signing: PlaybackKey | None = None
    api: str = CLOUDFLARE_API


@dataclass(frozen=True, slots=True)
class MuxConfig:
    """An environment at Mux. Without webhook secrets no webhook is taken, and asking must do."""

    token_id: str
    token_secret: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    video_quality: str = "basic"
    signing: PlaybackKey | None = None
    api: str = MUX_API


class Reader(Protocol):
    """Reads variables and collects problems."""

    problems: list[str]

    def text(self, name: str) -> str | None:
        """The variable, or None where it is missing or empty."""

    def flag(self, name: str) -> bool:
        """1 or 0."""

    def url(self, name: str) -> str | None:
        """An http or https address, or None where it is missing or empty."""


def cloudflare(reader: Reader, *, chosen: bool) -> CloudflareConfig | None:
    """The account, if one is given; it must be where Cloudflare is `chosen` for new uploads."""
    both = _both(reader, "CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN", chosen=chosen, provider="cloudflare")
    secrets, host = _secrets(reader, "CLOUDFLARE_WEBHOOK_SECRET"), _customer_host(reader)
    basic_upload = reader.flag("CLOUDFLARE_BASIC_UPLOAD")
    key = _key(reader, *SIGNING_KEYS["cloudflare"])
    api = _api(reader, "CLOUDFLARE_BASE_URL", CLOUDFLARE_API)
    if both is None:
        return None
    if not re.fullmatch("[0-9A-Za-z_-]+", both[0], re.ASCII):
        reader.problems.append("CLOUDFLARE_ACCOUNT_ID is not an account id: 32 digits and letters from a to f.")
    return CloudflareConfig(both[0], both[1], secrets, host, basic_upload, key, api)


def mux(reader: Reader, *, chosen: bool) -> MuxConfig | None:
    """The environment, if one is given; it must be where Mux is `chosen` for new uploads."""
    both = _both(reader, "MUX_TOKEN_ID", "MUX_TOKEN_SECRET", chosen=chosen, provider="mux")
    secrets = _secrets(reader, "MUX_WEBHOOK_SECRET")
    quality = reader.text("MUX_VIDEO_QUALITY") or QUALITIES[0]
    if quality not in QUALITIES:
        reader.problems.append(f"MUX_VIDEO_QUALITY={quality} is not known. Use {' or '.join(QUALITIES)}.")
    key = _key(reader, *SIGNING_KEYS["mux"])
    api = _api(reader, "MUX_BASE_URL", MUX_API)
    return None if both is None else MuxConfig(*both, secrets, quality, key, api)


def _both(reader: Reader, *names: str, chosen: bool, provider: str) -> tuple[str, str] | None:
    """Two variables of which one is useless; neither is ever repeated in a problem."""
    first, second = (reader.text(name) for name in names)
    for name, value in zip(names, (first, second), strict=True):
        if value is None and (chosen or first or second):
            why = f"VIDEO_PROVIDER={provider} needs it" if chosen else "the other half of the account is set"
            reader.problems.append(f"{name} is missing: {why}.")
        elif value is not None and not (value.isascii() and value.isprintable() and " " not in value):
            reader.problems.append(f"{name} has a character that cannot be in it.")
    return None if first is None or second is None else (first, second)


def _api(reader: Reader, name: str, usual: str) -> str:
    """Where the API answers. Credentials travel there."""
    given = reader.url(name)
    if given is not None and not is_private(given):
        reader.problems.append(f"{name} must begin with https://: credentials travel to it.")
    return (given or usual).rstrip("/")


def _key(reader: Reader, name_of_id: str, name_of_key: str) -> PlaybackKey | None:
    """A key for signed playback. What it is, is never repeated."""
    key_id, text = reader.text(name_of_id), reader.text(name_of_key)
    if key_id is None and text is None:
        return None
    if key_id is None or text is None:
        missing = name_of_id if key_id is None else name_of_key
        reader.problems.append(f"{missing} is missing: the other half of the signing key is set.")
        return None
    try:
        return read_key(key_id, text)
    except ValueError:
        reader.problems.append(f"{name_of_key} is not a private key: PEM or JWK, in base64.")
        return None


def _secrets(reader: Reader, name: str) -> tuple[str, ...]:
    return tuple(one for part in (reader.text(name) or "").split(",") if (one := part.strip()))


def _customer_host(reader: Reader) -> str | None:
    """`code`, `customer-code` or the whole host."""
    given = reader.text("CLOUDFLARE_CUSTOMER_SUBDOMAIN")
    if given is None:
        return None
    label = given.removesuffix(f".{STREAM_HOST}")
    if not re.fullmatch("[0-9A-Za-z-]+", label, re.ASCII):
        reader.problems.append(f"CLOUDFLARE_CUSTOMER_SUBDOMAIN is not a name like customer-code.{STREAM_HOST}.")
    return f"{label if label.startswith('customer-') else f'customer-{label}'}.{STREAM_HOST}"
