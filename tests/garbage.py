"""Keeps the collector out of what is counted: it may come at any moment, and runs what other tests left behind."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_collected() -> Iterator[None]:
    """What is garbage already goes before the block, and nothing within it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
