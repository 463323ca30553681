"""The engine as a process that a test may kill: `python -m tests.flow.client FOLDER SERVER TEXT sign-in|go-on FILE…`.

Says each fact about a job as a line of JSON; ends with 0 when every job is finished. HASTE in its environment is how
many seconds of silence it bears after the first CHUNK bytes, until the first trouble.
"""

import asyncio
import dataclasses
import json
import os
import sys
from pathlib import Path

from tests.browser import Browser
from tests.flow.haste import Haste
from uploader import log
from uploader.engine.engine import Engine
from uploader.engine.facts import Changed, Fact
from uploader.engine.job import Draft, Status
from uploader.engine.rate import Pace
from uploader.paths import Paths


class FileVault:
    """A vault for tests alone: the refresh token in a file, as the keyring would keep it over a kill."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self, server: str) -> str | None:
        """The token, if there is one."""
        del server
        return self._path.read_text() if self._path.exists() else None

    async def save(self, server: str, token: str) -> None:
        """Keep it, whole or not at all."""
        del server
        beside = self._path.with_suffix(".new")
        beside.write_text(token)
        beside.replace(self._path)

    async def forget(self, server: str) -> None:
        """Keep it no longer."""
        del server
        self._path.unlink(missing_ok=True)


def say(fact: Fact) -> None:
    """One line of JSON for what happened to a job."""
    if isinstance(fact, Changed):
        job = fact.job
        known = {
            "id": job.id,
            "title": job.title,
            "step": job.step.value,
            "status": job.status.value,
            "sent": job.sent,
            "confirmed": job.confirmed,
            "sealed": job.sealed,
            "handed": job.handover is not None,
            "entrusted": job.entrusted,
            "attempt": job.attempt,
            "video": job.ticket.video_id if job.ticket else None,
            "trouble": dataclasses.asdict(job.trouble) | {"retry_at": None} if job.trouble else None,
        }
        sys.stdout.write(json.dumps(known) + "\n")
        sys.stdout.flush()


async def main(folder: Path, server: str, text: str, how: str, files: list[Path]) -> int:
    """Run the queue until nothing is left to do."""
    paths = Paths.under(folder).make()
    log.set_up(paths.logs, verbose=True)
    pace = Haste(int(os.environ["CHUNK"]), float(os.environ["HASTE"])) if "HASTE" in os.environ else Pace()

    def tell(fact: Fact) -> None:
        say(fact)
        if isinstance(pace, Haste) and isinstance(fact, Changed) and fact.job.trouble:
            pace.calm()

    async with Engine.open(
        paths=paths, server=server, vault=FileVault(folder / "token"), emit=tell, pace=pace
    ) as engine:
        if how == "sign-in":
            browser = Browser()
            loop = asyncio.get_running_loop()
            await engine.account.sign_in(lambda url: loop.run_in_executor(None, browser.open, url))
            return 0
        if files:
            await engine.queue.add(files, Draft(text=text, approved=True))
        await engine.queue.ended([job.id for job in engine.queue.jobs])
        return 0 if all(job.status is Status.FINISHED for job in engine.queue.jobs) else 1


if __name__ == "__main__":
    _, given_folder, given_server, given_text, given_how, *given_files = sys.argv
    raise SystemExit(
        asyncio.run(main(Path(given_folder), given_server, given_text, given_how, [Path(file) for file in given_files]))
    )
