"""The tus server as a process of its own, to be killed: `python -m tests.backend.local.tus_process FOLDER`."""

import sys
from pathlib import Path
from typing import Any

import uvicorn

from tests.backend.local.stage import Stage
from uploader.backend.receiver import receiver


def main() -> None:
    stage = Stage(Path(sys.argv[1]))
    http: Any = receiver()  # anything that makes a protocol
    server = uvicorn.Server(uvicorn.Config(stage.app, port=0, http=http, log_level="error", lifespan="off"))
    listener = server.config.bind_socket()
    listener.listen()
    print(listener.getsockname()[1], flush=True)  # noqa: T201  (the parent reads the port)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
