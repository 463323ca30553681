"""A TLS connection that is taken apart only where something is to be read: what is thrown away stays encrypted.

Whoever decrypts a GiB to throw it away needs as long for it as a fast client for encrypting it, and is then what was
measured. The handshake and all that is said back are OpenSSL's; of what comes, the lengths of the records tell where a
body ends, and only records with a head in them are opened, with the key that the handshake left (RFC 8446, §5 and §7).
"""

import socket
import ssl
import struct
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

BUFFER = 1 << 20
HEAD = 5  # bytes: kind, version, length
BEYOND = 17  # bytes of a record that say nothing: what kind it is, and a seal
SPOKEN = 23  # that kind
NONCE = 12
RANDOM = slice(HEAD + 6, HEAD + 38)  # in a ClientHello
KEYS = {"TLS_AES_256_GCM_SHA384": (SHA384(), 32), "TLS_AES_128_GCM_SHA256": (SHA256(), 16)}


class Skimmed:
    """One connection of a client, its handshake done. OSError, EOFError."""

    def __init__(self, connection: socket.socket, certificate: Path, key: Path) -> None:
        self._connection = connection
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0  # what is held of the buffer
        self._number = 0  # of the next record
        self._came, self._leaves = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._key, self._first = self._agree(certificate, key)

    def _agree(self, certificate: Path, key: Path) -> tuple[AESGCM, int]:
        with tempfile.NamedTemporaryFile() as log:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.load_cert_chain(certificate, key)
            context.keylog_filename = log.name
            self._tls = context.wrap_bio(self._came, self._leaves, server_side=True)
            name = b""
            while True:
                try:
                    self._tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    self._say()
                    record = self._record()
                    name = name or record[RANDOM]
                    self._came.write(record)
            self._say()
            return self._keys(Path(log.name).read_text().split("\n"), name.hex())

    def _keys(self, log: list[str], name: str) -> tuple[AESGCM, int]:
        told = f"CLIENT_TRAFFIC_SECRET_0 {name} "
        secret = next(bytes.fromhex(line.removeprefix(told)) for line in log if line.startswith(told))
        cipher = self._tls.cipher()
        assert cipher is not None
        hashed, size = KEYS[cipher[0]]

        def derived(label: bytes, length: int) -> bytes:
            info = struct.pack(">HB", length, 6 + len(label)) + b"tls13 " + label + b"\0"
            return HKDFExpand(hashed, length, info).derive(secret)

        return AESGCM(derived(b"key", size)), int.from_bytes(derived(b"iv", NONCE), "big")

    def sendall(self, said: bytes) -> None:
        """Say it."""
        self._tls.write(said)
        self._say()

    def _say(self) -> None:
        self._connection.sendall(self._leaves.read())

    def recv(self, _: int = 0) -> bytes:
        """What the next record says; nothing at the end."""
        try:
            record = self._record()
        except EOFError:
            return b""
        nonce = (self._first ^ self._number).to_bytes(NONCE, "big")
        self._number += 1
        text = self._key.decrypt(nonce, record[HEAD:], record[:HEAD])
        return text[:-1] if text[-1] == SPOKEN else b""

    def skip(self, most: int) -> int:
        """Throw away records that say no more than `most` bytes together: how many; 0 if the next says more, or at the
        end."""
        skipped = 0
        try:
            self._have(self._size())
        except EOFError:
            return 0
        start, end, buffer = self._start, self._end, self._buffer
        while start + HEAD <= end:
            text = (buffer[start + 3] << 8 | buffer[start + 4]) - BEYOND
            if skipped + text > most or start + HEAD + text + BEYOND > end:
                break
            skipped += text
            start += HEAD + text + BEYOND
            self._number += 1
        self._start = start
        return skipped

    def _record(self) -> bytes:
        """The next one, whole."""
        size = self._size()
        self._have(size)
        record = bytes(self._view[self._start : self._start + size])
        self._start += size
        return record

    def _size(self) -> int:
        """Of the next record."""
        self._have(HEAD)
        return HEAD + (self._buffer[self._start + 3] << 8 | self._buffer[self._start + 4])

    def _have(self, size: int) -> None:
        """Take in more, until there are that many bytes."""
        while self._end - self._start < size:
            held = self._end - self._start
            self._buffer[:held] = self._buffer[self._start : self._end]
            taken = self._connection.recv_into(self._view[held:])
            if not taken:
                raise EOFError
            self._start, self._end = 0, held + taken
