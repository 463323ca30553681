"""The benchmarks' sink counts every byte, although it does not decrypt what it throws away."""

import http.client
import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.sink import Sink, sink
from tests.engine.certificates import certificates

RECORD = 16 * 1024
SIZES = (0, 1, RECORD - 1, RECORD, RECORD + 1, 5 * RECORD, 1 << 20, 3_000_001)


@pytest.fixture(scope="module", params=["TLS", "plain"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sink]:
    with sink(certificates(tmp_path_factory.mktemp("tls")) if request.param == "TLS" else None) as host:
        yield host


@pytest.fixture
def connection(host: Sink) -> Iterator[http.client.HTTPConnection]:
    address = host.url.rpartition("/")[2]
    connection = (
        http.client.HTTPConnection(address, timeout=60)
        if host.certificate is None
        else http.client.HTTPSConnection(address, timeout=60, context=trusting(host.certificate))
    )
    yield connection
    connection.close()


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


def asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection.request(method, path, body)
    reply = connection.getresponse()
    return reply.status, reply.read()


def received(connection: http.client.HTTPConnection) -> int:
    return int(json.loads(asked(connection, "GET", "/received")[1])["bytes"])


@pytest.mark.parametrize("size", SIZES)
def test_it_finds_the_end_of_a_body_of_any_length(connection: http.client.HTTPConnection, size: int):
    before = received(connection)
    for _ in range(3):
        assert asked(connection, "PUT", "/put", os.urandom(size))[0] == 201
    assert received(connection) - before == 3 * size


def test_it_reads_what_is_meant_to_be_read(connection: http.client.HTTPConnection):
    body = json.dumps({"fileSize": 7, "title": "x" * 3 * RECORD}).encode()
    status, ticket = asked(connection, "POST", "/api/videos/upload-url", body)
    assert (status, json.loads(ticket)["maxBytes"]) == (200, 7)


def test_its_clock_runs_from_the_first_piece_to_the_last_reply(host: Sink, connection: http.client.HTTPConnection):
    host.seconds()
    assert host.seconds() == 0
    asked(connection, "PUT", "/put", bytes(RECORD))
    assert host.seconds() > 0
