"""`reelferry-server cloudflare …`: what an account is told once, and what the operator keeps of the answer."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from uploader.backend.config import Config, ConfigProblems
from uploader.backend.loopback import LOOPBACK
from uploader.backend.provider_config import CloudflareConfig
from uploader.backend.providers.base import ProviderFailed
from uploader.backend.providers.cloudflare.provider import CloudflareProvider
from uploader.backend.webhooks import WEBHOOK

UNKNOWN_TO_US = frozenset({401, 403, 404})
"""What Cloudflare answers where the token or the account is not right."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the actions; each sets `run`, which takes the arguments and the data folder."""
    actions = parser.add_subparsers(required=True, metavar="register-webhook|make-signing-key")
    register = actions.add_parser("register-webhook", help="have Cloudflare send its news to this server")
    register.set_defaults(run=_register_webhook)
    make = actions.add_parser("make-signing-key", help="make a key for SIGNED_PLAYBACK")
    make.set_defaults(run=_make_signing_key)


def _register_webhook(_arguments: argparse.Namespace, data: Path) -> int:
    """Prints the variable to set: the secret is made by Cloudflare, and kept nowhere but where the operator puts it."""
    config = Config.load(os.environ, data)
    missing = []
    if config.public_url is None:
        missing.append("NEXT_PUBLIC_APP_URL is missing: Cloudflare sends its news there.")
    elif urlsplit(config.public_url).hostname in LOOPBACK:
        missing.append("NEXT_PUBLIC_APP_URL names this computer alone: Cloudflare has to reach it from outside.")
    address = f"{config.public_url}{WEBHOOK}"
    with _account(config, missing) as (account, cloudflare):
        there = cloudflare.webhook()
        same = there is not None and there.notification_url == address
        hook = there if there is not None and same else cloudflare.register_webhook(address)
    sys.stdout.write(f"CLOUDFLARE_WEBHOOK_SECRET={hook.secret}\n")
    sys.stdout.flush()
    if same:
        _tell(f"Cloudflare sends its news to {address} already.")
    else:
        _tell(f"Cloudflare sends its news to {address} from now on.")
    if there is not None and not same:
        _tell(f"An account has one webhook: this one took the place of {there.notification_url}.")
    if hook.secret in account.webhook_secrets:
        _tell("The secret is set as it is: there is nothing to do.")
    else:
        _tell("Set this variable where the server's others are, readable by nobody else, and start the server again.")
    return 0


def _make_signing_key(_arguments: argparse.Namespace, data: Path) -> int:
    """Prints the two variables to set: Cloudflare shows the private half this once."""
    with _account(Config.load(os.environ, data), []) as (_, cloudflare):
        key_id, key = cloudflare.make_signing_key()
    sys.stdout.write(f"CLOUDFLARE_SIGNING_KEY_ID={key_id}\nCLOUDFLARE_SIGNING_KEY={key}\n")
    _tell("Set these variables and SIGNED_PLAYBACK=1, and start the server again.")
    return 0


@contextlib.contextmanager
def _account(config: Config, missing: list[str]) -> Iterator[tuple[CloudflareConfig, CloudflareProvider]]:
    """The account, if nothing is missing; what it refuses is a problem with the configuration."""
    if config.cloudflare is None:
        missing.append("CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN are missing.")
    if config.cloudflare is None or missing:
        raise ConfigProblems(missing)
    try:
        yield config.cloudflare, CloudflareProvider(config.cloudflare)
    except ProviderFailed as error:
        raise ConfigProblems([f"{error}.", *_advice(error)]) from error


def _advice(error: ProviderFailed) -> list[str]:
    """The thing to do, where one is known."""
    if error.status in UNKNOWN_TO_US:
        return ['Look at CLOUDFLARE_ACCOUNT_ID, and whether CLOUDFLARE_API_TOKEN is its token with "Stream: Edit".']
    return ["Try again later: doing it twice does no harm."] if error.passing else []


def _tell(words: str) -> None:
    sys.stderr.write(words + "\n")
