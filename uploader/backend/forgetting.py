"""The `forget` job: has a provider delete what it holds of an upload, however long that takes."""

import logging
from collections.abc import Mapping
from datetime import timedelta

from uploader.backend import jobs
from uploader.backend.providers.base import Provider, ProviderFailed

log = logging.getLogger(__name__)

SOON = timedelta(minutes=1)
"""After trouble that passes."""

LATE = timedelta(hours=1)
"""After a plain no, or without the provider's account: the operator has to do something."""


def forgetter(providers: Mapping[str, Provider]) -> jobs.Handler:
    """The handler. A provider that does not do it is asked again: what stays there costs money."""

    def forget(lease: jobs.Lease) -> None:
        provider = providers.get(lease.payload["provider"])
        if provider is None:
            log.info("A deletion waits: %s is not configured", lease.payload["provider"])
            raise jobs.Later(LATE)
        try:
            provider.forget(lease.payload["uploadId"])
        except ProviderFailed as error:
            log.log(error.level, "Deleting at the provider: %s", error)
            wait = SOON if error.passing else LATE
            raise jobs.Later(max(wait, timedelta(seconds=error.retry_after or 0))) from error

    return forget
