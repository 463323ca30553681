"""Whose word about a visitor is believed: that of the proxies that the operator named, and nobody else's."""

import logging
from pathlib import Path

import httpx
import pytest

from tests.backend.asking import eventually, use_up
from tests.backend.server import NO_TLS, serving
from uploader.backend.accounts.limits import TOKENS_PER_ADDRESS
from uploader.backend.context import Backend
from uploader.backend.proxies import networks, plain

pytestmark = pytest.mark.one_database("addresses; the limits themselves are in test_rate_limit")

TIRED = "203.0.113.5"
"""Whoever comes from here has used up the tries of this minute."""


def test_a_proxy_on_another_computer_is_believed_and_whoever_else_says_the_same_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, logger="uploader.backend.access_log")
    with serving(tmp_path, TRUSTED_PROXIES="127.0.0.2, 10.0.0.0/8") as backend:
        use_up(backend, f"token:{TIRED}", TOKENS_PER_ADDRESS)

        def ask(by: str, forwarded: str) -> int:
            with sender(backend, by) as proxy:
                return proxy.post("/oauth/token", headers={"X-Forwarded-For": forwarded}).status_code

        assert ask("127.0.0.2", TIRED) == 429
        assert ask("127.0.0.2", f"{TIRED}, 198.51.100.7") == 400, (
            "what a visitor made up stands before the proxy's word"
        )
        assert ask("127.0.0.2", f"{TIRED}, 10.1.2.3") == 429, "a proxy before the proxy"
        assert ask("127.0.0.3", TIRED) == 400, "somebody else says so"
        assert ask("127.0.0.1", TIRED) == 400, "this computer was not named"
        clients = [TIRED, "198.51.100.7", TIRED, "127.0.0.3", "127.0.0.1"]
        eventually(lambda: [getattr(record, "client", None) for record in caplog.records] == clients)

        for by, scheme in {"127.0.0.2": "https", "127.0.0.3": "http"}.items():
            with sender(backend, by) as proxy:
                reply = proxy.get("/api/me/", headers={"X-Forwarded-Proto": "https"})
            assert reply.status_code == 307
            assert reply.headers["location"].partition(":")[0] == scheme


def sender(backend: Backend, address: str) -> httpx.Client:
    """Somebody at this address."""
    transport = httpx.HTTPTransport(local_address=address, verify=NO_TLS)
    return httpx.Client(base_url=backend.base_url, transport=transport, timeout=60)


@pytest.mark.parametrize(
    ("address", "known"),
    [("::ffff:203.0.113.5", TIRED), (TIRED, TIRED), ("2001:db8::1", "2001:db8::1"), ("unix:", "unix:")],
)
def test_an_address_is_the_same_on_a_socket_for_both_kinds(address: str, known: str):
    assert plain(address) == known
    assert networks("10.0.0.5, 172.18.0.0/16,fd00::/8") == (
        "10.0.0.5/32", "::ffff:a00:5/128", "172.18.0.0/16", "::ffff:ac12:0/112", "fd00::/8",
    )  # fmt: skip
