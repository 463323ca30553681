"""The child process that opens foreign video: reads one request, answers in lines of JSON, and dies with its parent."""

import errno
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from uploader.media.limits import Limits
from uploader.media.refusal import Refusal

Request = dict[str, Any]
Tell = Callable[[float], None]


def main() -> int:
    """Answer the one request on stdin. The last line is `{"result": …}` or `{"error": {code, why, detail}}`."""
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is a complaint, never an answer

    def say(answer: object) -> None:
        os.write(answers, json.dumps(answer).encode() + b"\n")

    request = json.loads(sys.stdin.buffer.readline())
    Limits(**request.pop("limits")).impose()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        say({"result": _done(request, lambda percent: say({"progress": percent}))})
    except Refusal as refusal:
        say({"error": {"code": refusal.code, "why": refusal.why, "detail": str(refusal)}})
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        say({"error": {"code": "disk_full", "detail": str(problem)}})
    return 0


def _done(request: Request, tell: Tell) -> object:
    from uploader.media import look, present  # noqa: PLC0415  (FFmpeg is loaded under the limits)

    match request.pop("do"):
        case "probe":
            return asdict(look.probe(**request))
        case "frame":
            look.frame(**request)
            return None
        case "hls":
            return asdict(present.present(**request, tell=tell))
        case _:
            raise ValueError("no such request")


def _end_with_parent() -> None:
    os.read(0, 1)  # returns when the parent closes its end, or is gone
    os._exit(1)
