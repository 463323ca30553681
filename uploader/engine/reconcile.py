"""Reconcile: the upload host no longer knows an upload, so the backend is asked what it knows."""

from dataclasses import replace

from uploader.engine.job import Job, Step
from uploader.engine.work import Backend, known
from uploader.errors import StartOver, UploadExpired, VideoGone

UNFINISHED = "upload_expired"
"""The server's word for a video whose bytes did not all come in time."""


async def reconcile(job: Job, error: StartOver, backend: Backend) -> Job:
    """The job as it goes on: at the next step, with another address, or begun anew. Raises what `backend` raises."""
    ticket = known(job.ticket)
    try:
        said = await backend.status(ticket.video_id)
    except VideoGone:
        return job.anew()
    unfinished = said.error is not None and said.error.code == UNFINISHED
    if said.status == "cancelled" or unfinished or (said.status == "uploading" and job.step is not Step.TRANSFER):
        return job.anew()
    if said.status != "uploading":
        return replace(job.onward(), sent=job.size, confirmed=job.size) if job.step is Step.TRANSFER else job
    fresh = await backend.renewed(ticket.video_id)
    if fresh.upload_url != ticket.upload_url:
        return replace(job, ticket=fresh, resume={}, sent=0, confirmed=0)
    if isinstance(error, UploadExpired) and fresh.expires_at > ticket.expires_at:
        return replace(job, ticket=fresh)
    return job.anew()
