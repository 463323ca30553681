"""tuspy as a peer: python -m benchmarks.tus_py FILE ENDPOINT CHUNK prints the seconds the upload took."""

import sys
import time

from tusclient.client import TusClient


def main(file: str, endpoint: str, chunk: str) -> None:
    """Create an upload and carry the file there."""
    begun = time.perf_counter()
    TusClient(endpoint).uploader(file, chunk_size=int(chunk)).upload()
    print(time.perf_counter() - begun)


if __name__ == "__main__":
    main(*sys.argv[1:])
