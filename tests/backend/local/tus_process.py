"""The tus server as a process of its own, to be killed: `python -m tests.backend.local.tus_process FOLDER`."""

import sys
from pathlib import Path

import uvicorn

from tests.backend.local.stage import Stage


def main() -> None:
    stage = Stage(Path(sys.argv[1]))
    server = uvicorn.Server(uvicorn.Config(stage.app, port=0, log_level="error", lifespan="off"))
    listener = server.config.bind_socket()
    listener.listen()
    print(listener.getsockname()[1], flush=True)  # noqa: T201  (the parent reads the port)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
