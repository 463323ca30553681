"""tuspy as a peer: python -m benchmarks.tus_py FILE ENDPOINT CHUNK."""

import sys

from tusclient.client import TusClient


def main(file: str, endpoint: str, chunk: str) -> None:
    """Create an upload and carry the file there."""
    TusClient(endpoint).uploader(file, chunk_size=int(chunk)).upload()


if __name__ == "__main__":
    main(*sys.argv[1:])
