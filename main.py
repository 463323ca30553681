"""Starts Reelferry from a checkout: the same as `python -m uploader`."""

from uploader.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main())
