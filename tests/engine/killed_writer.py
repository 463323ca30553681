"""A program that is killed: `python -m tests.engine.killed_writer DATABASE` moves jobs on, and says what is settled."""

import asyncio
import random
import sys
from dataclasses import replace
from pathlib import Path

from tests.engine.many_jobs import a_full_job
from uploader.engine.store import Store


async def main(path: Path) -> None:
    """Never ends by itself."""
    store = Store.open(path)
    jobs = {job.id: replace(job, confirmed=0) for job in (a_full_job() for _ in range(20))}
    for job in jobs.values():
        store.keep(job)
    while True:
        batch = random.sample(list(jobs), 3)
        for job_id in batch:
            jobs[job_id] = replace(jobs[job_id], confirmed=jobs[job_id].confirmed + 1)
            store.keep(jobs[job_id])
        store.order(random.sample(list(jobs), len(jobs)))
        await store.settled()
        for job_id in batch:
            sys.stdout.write(f"{job_id} {jobs[job_id].confirmed}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
