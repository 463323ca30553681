"""Fixtures: a running server whose videos go to a fake Cloudflare or a fake Mux."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.backend.providers.elsewhere import ENVIRON, Elsewhere, makers
from tests.backend.server import serving, signed_in
from tests.fakes.cloudflare_api import FakeCloudflare
from tests.fakes.mux_api import FakeMux
from uploader.backend.providers import MakeProvider


@pytest.fixture
def cloudflare() -> Iterator[FakeCloudflare]:
    with FakeCloudflare().running() as fake:
        yield fake


@pytest.fixture
def mux() -> Iterator[FakeMux]:
    with FakeMux().running() as fake:
        yield fake


@pytest.fixture(params=["cloudflare", "mux"])
def chosen(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def there(cloudflare: FakeCloudflare, mux: FakeMux) -> dict[str, MakeProvider]:
    """All three providers, the two before the fakes."""
    return makers(cloudflare, mux)


@pytest.fixture
def place(
    chosen: str, tmp_path: Path, there: dict[str, MakeProvider], cloudflare: FakeCloudflare, mux: FakeMux
) -> Iterator[Elsewhere]:
    with ExitStack() as stack:
        backend = stack.enter_context(serving(tmp_path / "server", there, VIDEO_PROVIDER=chosen, **ENVIRON))
        place = Elsewhere(backend, stack.enter_context(signed_in(backend)), cloudflare, mux)
        place.hold_still()
        yield place
