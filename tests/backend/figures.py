"""Reads the figures that a server shows, as Prometheus would."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.backend.asking import eventually
from tests.backend.server import NO_TLS

PATIENCE = 60


class Read(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """Every sample of one reading, and the text."""

    def __init__(self, url: str) -> None:
        self.text = httpx.get(url, trust_env=False, verify=NO_TLS, timeout=PATIENCE).text
        samples = [sample for family in text_string_to_metric_families(self.text) for sample in family.samples]
        super().__init__({(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples})

    def of(self, name: str, **labels: str) -> float | None:
        """One figure; None, which is no number of anything, where there is none."""
        return self.get((name, frozenset(labels.items())))

    def all_of(self, name: str, **labels: str) -> float:
        """The sum of those that have these labels."""
        return sum(n for (found, its), n in self.items() if found == name and labels.items() <= dict(its).items())


def at_rest(url: str) -> Read:
    """The figures once no request is open: each of those that were made has been counted."""
    eventually(lambda: Read(url).of("reelferry_requests_open") == 0, PATIENCE)
    return Read(url)
