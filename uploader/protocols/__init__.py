"""How bytes travel: pure generators, one file each.

To add one: write its generator in a module of its own, name it in `PROTOCOLS`, and let a test inherit the contract in
tests/protocols/contract.py.
"""

from collections.abc import Mapping

from uploader.protocols.base import Checkpoint, Digest, Protocol, Request, Response, Span, Steps
from uploader.protocols.content_range import content_range
from uploader.protocols.form import form
from uploader.protocols.tus import tus

PROTOCOLS: Mapping[str, Protocol] = {
    "content_range": content_range,
    "form": form,
    "tus": tus,
}

IN_ONE_GO = frozenset({"form"})
"""Those whose hosts keep nothing of a broken upload: going on is beginning again."""

__all__ = ["IN_ONE_GO", "PROTOCOLS", "Checkpoint", "Digest", "Protocol", "Request", "Response", "Span", "Steps"]
