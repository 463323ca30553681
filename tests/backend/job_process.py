"""A worker process for the tests of jobs: `python -m tests.backend.job_process URL [KEY-TO-DIE-AT]`.

Prints the key of each job it does; at the named one it waits, lease in hand, to be killed.
"""

import sys
import threading
from datetime import timedelta

from sqlalchemy import select

from uploader.backend.jobs import Lease, Worker
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow


def main(url: str, die_at: str = "") -> None:
    database = Database(url)

    def work(lease: Lease) -> None:
        key = lease.payload["key"]
        if key == die_at:
            print("holding", key, flush=True)  # noqa: T201 (what the test reads)
            threading.Event().wait()
        print("did", key, flush=True)  # noqa: T201 (what the test reads)

    worker = Worker(database, {"count": work}, lease=timedelta(seconds=1), poll=0.02)
    worker.daemon = True
    worker.start()
    while True:
        with database.read() as session:
            if session.scalar(select(JobRow.id).where(JobRow.done_at.is_(None)).limit(1)) is None:
                break
        worker.join(0.05)
    worker.stop()
    worker.join()
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
