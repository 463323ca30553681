"""The system browser of the window tests: `python -m tests.flow.browse ADDRESS` opens it and fills in its forms."""

import sys

from tests.browser import Browser

if __name__ == "__main__":
    browser = Browser()
    browser.open(sys.argv[1]).raise_for_status()
    browser.close()
