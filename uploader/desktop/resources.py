"""Files that come with the program: from source, or from the frozen bundle."""

import sys
from pathlib import Path


def resource(name: str) -> Path:
    """Where a file of the folder `resources` lies."""
    bundle = getattr(sys, "_MEIPASS", None)
    root = Path(bundle) if bundle else Path(__file__).parents[2]
    return root / "resources" / name
