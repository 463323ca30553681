"""A server that is to end while a provider does not answer."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.backend.asking import eventually
from tests.backend.providers.contract import an_order
from tests.fakes.mux_api import TOKEN_ID, TOKEN_SECRET, FakeMux
from uploader.backend.provider_config import MuxConfig
from uploader.backend.providers.base import ProviderFailed
from uploader.backend.providers.mux.provider import MuxProvider

pytestmark = pytest.mark.one_database("a line on which nothing comes; no rows")


class Silence:
    """Takes connections and says nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def met(self) -> socket.socket:
        """Whoever comes next, once its request is there."""
        self._listener.settimeout(60)
        visitor, _ = self._listener.accept()
        visitor.settimeout(60)
        assert visitor.recv(1)
        return visitor

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def silence() -> Iterator[Silence]:
    made = Silence()
    yield made
    made.close()


def test_a_provider_that_says_nothing_is_not_waited_for(silence: Silence):
    provider = MuxProvider(MuxConfig("an-id", "a-secret", api=silence.url), 3600)
    failures: list[ProviderFailed] = []

    def ask() -> None:
        with pytest.raises(ProviderFailed, match="did not answer before we stopped") as caught:
            provider.grant(an_order())
        failures.append(caught.value)

    thread = threading.Thread(target=ask)
    thread.start()
    with silence.met():  # it waits for an answer now, for a minute if nobody told it
        provider.stop()
        provider.stop()
        eventually(lambda: not thread.is_alive(), within=50)
    [failure] = failures
    assert (failure.passing, failure.status) == (True, None)
    thread.join()


def test_nothing_is_tried_again_once_the_server_stops(mux: FakeMux):
    mux.refusals.append((503, {}, b""))
    provider = MuxProvider(MuxConfig(TOKEN_ID, TOKEN_SECRET, api=mux.url), 3600, pause=20)

    def ask() -> None:
        with pytest.raises(ProviderFailed):
            provider.forget("upload")

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(lambda: mux.asked)
    provider.stop()
    thread.join()
    assert len(mux.asked) == 1
