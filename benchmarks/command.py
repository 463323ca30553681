"""`reelferry add FILE --wait` with a password safe in memory: python -m benchmarks.command SERVER FILE.

Prints its peak memory in MiB as JSON. Folders come from the environment, as for any command line.
"""

import json
import re
import sys
from pathlib import Path

from uploader import __main__ as program
from uploader import settings
from uploader.cli import reach
from uploader.engine.session import MemoryVault
from uploader.paths import Paths


def main(server: str, file: str) -> int:
    """The command's exit code."""
    paths = Paths.of_user().make()
    settings.save(paths.settings, settings.Settings(server=server))
    vault = MemoryVault()
    vault.tokens[server] = "r"
    setattr(reach, "KeyringVault", lambda: vault)  # noqa: B010  (not exported; a machine without a person has none)
    code = program.main(["add", file, "--wait", "--text", "Hello", "--json"])
    print(json.dumps({"peak": peak()}))
    return code


def peak() -> float:
    """The most memory this process ever had resident, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
