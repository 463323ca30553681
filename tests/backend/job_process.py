"""A worker process for the tests of jobs: `python -m tests.backend.job_process URL [dies]`.

Begins when its standard input ends, prints the key of each job it does, and ends when all are done. One that `dies`
waits with the first job it gets, lease in hand, to be killed.
"""

import sys
import threading

from sqlalchemy import select

from uploader.backend.jobs import Lease, Worker
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow


def main(url: str, how: str = "") -> None:
    database = Database(url)

    def work(lease: Lease) -> None:
        key = lease.payload["key"]
        if how == "dies":
            print("holding", key, flush=True)  # noqa: T201 (what the test reads)
            threading.Event().wait()
        print("did", key, flush=True)  # noqa: T201 (what the test reads)

    sys.stdin.read()
    worker = Worker(database, {"count": work}, poll=0.02)
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
