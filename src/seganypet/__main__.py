"""`python -m seganypet`, the same as the command `seganypet`."""

import sys

from seganypet.cli import main

if __name__ == "__main__":
    sys.exit(main())
