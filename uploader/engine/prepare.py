"""Prepare: is the file complete and a video; what does it look like; where may it be sent."""

import asyncio
import logging
from collections.abc import Container
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from uploader.engine import fingerprint
from uploader.engine.drop import clean, media_type, too_large
from uploader.engine.handover import withdraw
from uploader.engine.job import Job
from uploader.engine.work import Work
from uploader.errors import FileChanged, FileEmpty, FileGrowing, ReelferryError, TooLong
from uploader.wire import UploadRequest

log = logging.getLogger(__name__)


async def prepare(work: Work) -> None:
    """Leaves fingerprint, size, duration, thumbnail and ticket; a post that is out if the upload before was posted."""
    if work.job.handover is not None:
        await withdraw(work)
    if work.job.ticket is not None or work.job.post_id is not None:
        return
    await fingerprint.complete(work.job.path, wait=work.clock.wait, now=work.clock.now())
    await _identify(work)
    if work.job.duration is None:
        await _look_inside(work)
    _within_limits(work)
    try:
        work.check()
    except FileChanged as error:
        raise FileGrowing(error.detail) from error
    await work.kept()
    work.learn(ticket=await work.backend.ticket(request_for(work.job), key=f"{work.job.id}.{work.job.attempt}"))


def tidy(thumbnails: Path, job_ids: Container[str]) -> None:
    """Delete the pictures of jobs that are gone: one that was being made when its job went is nobody's."""
    with suppress(OSError):
        for picture in thumbnails.glob("*.jpg"):
            if picture.stem not in job_ids:
                picture.unlink()


async def _identify(work: Work) -> None:
    """The file as it is now. If it is not the one a ticket was asked for, the next ticket is asked for anew."""
    found = await asyncio.to_thread(fingerprint.take, work.job.path)
    if found.size == 0:
        raise FileEmpty
    before = work.job.fingerprint
    if before is not None and replace(before, mtime_ns=found.mtime_ns) != found:
        work.learn(attempt=work.job.attempt + 1, duration=None)
    work.learn(fingerprint=found, size=found.size)


async def _look_inside(work: Work) -> None:
    job = work.job
    probe = await asyncio.to_thread(work.media.probe, job.path)
    work.learn(duration=probe.duration, width=probe.width, height=probe.height)
    target = work.thumbnails / f"{job.id}.jpg"
    try:
        await asyncio.to_thread(work.media.frame, job.path, target)
    except ReelferryError as error:  # a video without a picture in the list is still a video
        log.info("no thumbnail of job %s: %s", job.id, error)
    else:
        work.learn(thumbnail=target)


def _within_limits(work: Work) -> None:
    limits, job = work.limits(), work.job
    if limits is None:
        return
    if job.size > limits.max_bytes:
        raise too_large(limits.max_bytes)
    if job.duration is not None and job.duration > limits.max_duration_seconds:
        minutes = limits.max_duration_seconds // 60
        raise TooLong(hint=f"This server takes videos of up to {minutes} minutes. Export a shorter version.")


def request_for(job: Job) -> UploadRequest:
    """What leave to upload is asked with: the same for the same file, whenever it is asked."""
    path = job.path
    name = clean(path.name)
    return UploadRequest(
        filename=name if len(name) <= 255 else clean(path.stem)[: 255 - len(path.suffix)] + path.suffix,
        file_size=job.size,
        mime_type=media_type(path),
    )
