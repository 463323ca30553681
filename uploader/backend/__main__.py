"""The command `reelferry-server`: serves, and keeps the accounts."""

import argparse
import contextlib
import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from uploader import log
from uploader.backend import crew, measuring, server
from uploader.backend.accounts import commands
from uploader.backend.config import Config, ConfigProblems
from uploader.backend.providers.cloudflare import commands as cloudflare_commands
from uploader.backend.store.models import now
from uploader.paths import Paths, own_command

WRONG = 2
MOST = 64
TURN = 0.0005
"""Seconds that one thread computes while others wait for the interpreter: a tenth of Python's own, so that a status
request, which changes threads a dozen times, waits less for uploads.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 after a clean end; 2 where the configuration is wrong, with one line a problem on stderr."""
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--data", type=Path, default=Paths.of_user().server, help="where everything is kept")
    data, rest = folder.parse_known_args(argv)  # it may stand anywhere
    arguments = _parser(folder).parse_args(rest)
    try:
        return int(arguments.run(arguments, data.data))
    except ConfigProblems as error:
        for problem in error.problems:
            _tell(problem)
        return WRONG


def _parser(folder: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reelferry-server", description="The Reelferry server.", parents=[folder])
    words = parser.add_subparsers(required=True, metavar="serve|worker|user|cloudflare")
    serve = words.add_parser("serve", help="answer requests until a signal comes")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    serve.add_argument("--exit-with-parent", action="store_true", help="end when standard input closes")
    serve.add_argument("--workers", type=_count, default=1, help="processes that answer (PostgreSQL only)")
    serve.add_argument("--inherit", type=int, help=argparse.SUPPRESS)  # the socket of the process that started us
    serve.add_argument("--figures", type=Path, help=argparse.SUPPRESS)  # where we count together with it
    serve.add_argument("--place", type=int, default=0, help=argparse.SUPPRESS)  # ours in its crew
    serve.set_defaults(run=_serve)
    worker = words.add_parser("worker", help="do jobs and answer nobody, until a signal comes (PostgreSQL only)")
    worker.set_defaults(run=_work)
    user = words.add_parser("user", help="make and change accounts")
    commands.describe(user)
    user.set_defaults(run=_user)
    cloudflare = words.add_parser("cloudflare", help="what Cloudflare is to be told once")
    cloudflare_commands.describe(cloudflare)
    return parser


def _count(given: str) -> int:
    count = int(given)
    if not 1 <= count <= MOST:
        raise argparse.ArgumentTypeError(f"from 1 to {MOST}")
    return count


def _serve(arguments: argparse.Namespace, data: Path) -> int:
    config = Config.load(os.environ, data, host=arguments.host, port=arguments.port)
    log.set_up_server()
    sys.setswitchinterval(TURN)
    if arguments.workers > 1:
        return _serve_together(arguments, config)
    if arguments.inherit is not None:
        return _answer(arguments, config, socket.socket(fileno=arguments.inherit))
    with server.prepared(config) as ready:
        _stop_on_signals(ready.server)
        backend = ready.backend
        if arguments.exit_with_parent:
            threading.Thread(target=_watch_parent, args=(ready.server,), name="parent", daemon=True).start()
        setup_url = None
        if backend.issuer is None:
            setup_url = commands.setup_link(backend.database, backend.base_url, backend.clock())
        sys.stdout.write(json.dumps({"url": backend.base_url, "setupUrl": setup_url}) + "\n")
        sys.stdout.flush()
        _tell(f"Reelferry answers at {backend.base_url}")
        if setup_url is not None and not arguments.exit_with_parent:  # a parent keeps stderr as a log
            _tell(f"Make the first account at {setup_url}")
        _run(ready)
    return 0


def _answer(arguments: argparse.Namespace, config: Config, listener: socket.socket) -> int:
    """One of several processes: answers on the socket it was given, for as long as the one that gave it lives."""
    figures = measuring.counting(config, arguments.figures, arguments.place)
    with server.one_of_several(config, listener, figures) as ready:
        _stop_on_signals(ready.server)
        threading.Thread(target=_watch_parent, args=(ready.server,), name="parent", daemon=True).start()
        sys.stdout.write(json.dumps({"url": ready.backend.base_url}) + "\n")
        sys.stdout.flush()
        _run(ready)
    return 0


def _serve_together(arguments: argparse.Namespace, config: Config) -> int:
    """Several processes answer; this one does the jobs and keeps the others up."""
    _need_postgresql(config, f"--workers {arguments.workers}")
    if sys.platform == "win32":
        raise ConfigProblems(["--workers needs Linux or macOS: start several servers behind a proxy instead."])
    with server.listening(config) as listener, measuring.shared(config) as folder:
        base_url = config.public_url or server.address(listener)
        port = listener.getsockname()[1]
        figures = measuring.counting(config, folder)

        def command(number: int, place: int) -> list[str]:
            words = ("--data", str(config.data), "--host", config.host, "--port", str(port), "--inherit", str(number))
            counted = () if folder is None else ("--figures", str(folder), "--place", str(place))
            return own_command("server", "serve", *words, *counted)

        with (
            server.built(config, base_url, observer=figures) as backend,
            measuring.shown(config, figures, backend.database),
        ):
            setup_url = None
            if backend.issuer is None:
                setup_url = commands.setup_link(backend.database, backend.base_url, backend.clock())
            together = crew.Crew(command, listener, arguments.workers, backend.observer.replaced)
            try:
                together.wait_until_all_answer()
                sys.stdout.write(json.dumps({"url": base_url, "setupUrl": setup_url}) + "\n")
                sys.stdout.flush()
                _tell(f"Reelferry answers at {base_url} with {arguments.workers} processes")
                if setup_url is not None:
                    _tell(f"Make the first account at {setup_url}")
                with server.working(backend):
                    together.run()
            except crew.DidNotStart:
                raise ConfigProblems(["A server process did not start."]) from None
            finally:
                together.end()
    return 0


def _work(_arguments: argparse.Namespace, data: Path) -> int:
    config = Config.load(os.environ, data)
    _need_postgresql(config, "reelferry-server worker")
    if config.public_url is None:
        raise ConfigProblems(["NEXT_PUBLIC_APP_URL is missing: a worker has to know where people reach the server."])
    log.set_up_server()
    ended = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: ended.set())
    figures = measuring.counting(config)
    with (
        server.built(config, config.public_url, observer=figures) as backend,
        measuring.shown(config, figures, backend.database),
        server.working(backend),
    ):
        _tell("Reelferry does jobs")
        ended.wait()
    return 0


def _need_postgresql(config: Config, what: str) -> None:
    if config.database_url.startswith("sqlite"):
        raise ConfigProblems(
            [f"{what} needs PostgreSQL (DATABASE_URL): SQLite is for one server process, which does all."]
        )


def _user(arguments: argparse.Namespace, data: Path) -> int:
    config = Config.load(os.environ, data)
    if config.issuer is not None and arguments.action != "disable":
        raise ConfigProblems([f"Accounts are kept at {config.issuer.url} (AUTH_ISSUER): make and change them there."])
    with server.opened(config) as database:
        return commands.run(arguments, database, now)


def _run(ready: server.Prepared) -> None:
    """What is there by now stays: looking for garbage in it holds up every request, for 0.3 s on a busy machine."""
    gc.freeze()
    ready.run()


def _stop_on_signals(running: server.Server) -> None:
    """From now on, not only once it answers: whoever reads that we are up may end us at once."""
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: running.end())


def _watch_parent(running: server.Server) -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 1024):  # not `sys.stdin.read`: its lock would outlive the main thread
            pass
    running.end()


def _tell(words: str) -> None:
    sys.stderr.write(words + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
