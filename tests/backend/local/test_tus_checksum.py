"""Checksums: a spoilt piece leaves no trace."""

import hashlib
import socket
from base64 import b64encode

import pytest

from tests.backend.asking import eventually
from tests.backend.local.stage import Stage, Wire
from tests.backend.local.test_tus_attacks import half_a_patch

pytestmark = pytest.mark.one_database("bytes on disk: the rows are as for test_videos")


def checksum(algorithm: str, data: bytes) -> str:
    return f"{algorithm} {b64encode(hashlib.new(algorithm, data).digest()).decode()}"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_right_checksum_lets_the_piece_in(stage: Stage, wire: Wire, algorithm: str) -> None:
    upload = stage.grant(10)
    for start in (0, 5):
        piece = b"0123456789"[start : start + 5]
        assert wire.patch(upload, start, piece, Upload_Checksum=checksum(algorithm, piece)).status_code == 204
    assert stage.bytes_of(upload) == b"0123456789"
    assert stage.state(upload) == "processing"
    assert [path.name for path in stage.files.folder.iterdir()] == [upload]


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_wrong_checksum_discards_the_piece(stage: Stage, wire: Wire, algorithm: str) -> None:
    upload = stage.grant(10)
    wire.patch(upload, 0, b"012")
    reply = wire.patch(upload, 3, b"xxxx", Upload_Checksum=checksum(algorithm, b"3456"))
    assert (reply.status_code, reply.json()["code"]) == (460, "checksum_mismatch")
    assert wire.offset(upload) == 3
    assert wire.patch(upload, 3, b"3456", Upload_Checksum=checksum(algorithm, b"3456")).status_code == 204
    assert stage.bytes_of(upload) == b"0123456"


def test_a_checked_piece_that_breaks_off_leaves_the_offset_alone(stage: Stage, wire: Wire) -> None:
    size = 4 << 20
    upload = stage.grant(size)
    with half_a_patch(
        stage, upload, size, b"z" * (3 << 20), f"Upload-Checksum: {checksum('sha1', b'z' * size)}"
    ) as peer:
        staged = stage.files.staged(upload)
        eventually(lambda: staged.exists() and staged.stat().st_size >= 2 << 20)
        assert stage.files.offset(upload) == 0  # at no moment does an unproven byte count
        peer.shutdown(socket.SHUT_RDWR)
    assert wire.offset(upload) == 0
    assert not staged.exists()
    assert wire.patch(upload, 0, b"z" * size, Upload_Checksum=checksum("sha1", b"z" * size)).status_code == 204
