"""What the child process may use at most; the one place that knows which systems can enforce it."""

import contextlib
import os
import sys
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """CPU in seconds over all threads, memory (address space) and the largest file written in bytes, open files."""

    cpu: int
    memory: int
    file_size: int
    files: int = 64
    nice: int = 0

    def impose(self) -> None:
        """Put this process under these limits. Where the system has no such limit, the parent's clock remains."""
        if sys.platform == "win32":
            return
        import resource  # noqa: PLC0415  (does not exist on Windows)

        wanted = {
            resource.RLIMIT_CPU: self.cpu,
            resource.RLIMIT_FSIZE: self.file_size,
            resource.RLIMIT_NOFILE: self.files,
            resource.RLIMIT_CORE: 0,
        }
        if sys.platform == "linux":  # macOS has the name but refuses the call
            wanted[resource.RLIMIT_AS] = self.memory
        for kind, value in wanted.items():
            ceiling = resource.getrlimit(kind)[1]
            lowered = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(kind, (lowered, lowered))
        os.nice(self.nice)
