"""A server that everybody reaches by one line, which a test may break."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.backend.server import config_in
from tests.proxy import Proxy
from uploader.backend.context import Backend
from uploader.backend.server import prepared


@contextmanager
def reached_by_a_line(folder: Path) -> Iterator[tuple[Backend, Proxy]]:
    """The server in a thread of its own; `backend.base_url` is the line's."""
    with Proxy(0) as line, prepared(config_in(folder, PUBLIC_URL=line.url)) as ready:
        line.target = ready.socket.getsockname()
        thread = threading.Thread(target=ready.run, name="server")
        thread.start()
        try:
            yield ready.backend, line
        finally:
            ready.server.end()
            thread.join()
