"""Who counts, and where the figures are shown: nobody and nowhere, unless the operator names a port for them."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from uploader.backend.config import Config, ConfigProblems
from uploader.backend.store.database import Database

if TYPE_CHECKING:
    from uploader.backend.figures import Figures


def counting(config: Config, folder: Path | None = None, place: int = 0) -> "Figures | None":
    """Who counts in this process: by itself, or in `folder` together with others; theirs are the places from 1 on."""
    if config.metrics_port is None:
        return None
    from uploader.backend.figures import Figures  # noqa: PLC0415  (most servers do without)

    return Figures(folder, place)


@contextmanager
def shared(config: Config) -> Iterator[Path | None]:
    """A folder for processes that count together, empty at first and gone afterwards; None where nobody counts.

    Not in the data folder, which several computers may share: these are files of this one's memory.
    """
    if config.metrics_port is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="reelferry-figures-") as name:
        yield Path(name)


@contextmanager
def shown(config: Config, figures: "Figures | None", database: Database) -> Iterator[None]:
    """The figures are on the operator's port while the block runs. ConfigProblems if it is taken."""
    if config.metrics_port is None or figures is None:
        yield
        return
    from uploader.backend import metrics  # noqa: PLC0415  (as above)

    state = metrics.State(database, config.data)
    with ExitStack() as stack:
        try:
            stack.enter_context(metrics.exported(figures.counted, state, config.metrics_port))
        except OSError as error:
            problem = (
                f"Cannot listen on {metrics.LOOPBACK} port {config.metrics_port} (METRICS_PORT): {error.strerror}."
            )
            raise ConfigProblems([problem]) from error
        yield
