"""``python -m shsrd COMMAND …``: the command line without its entry point."""

import sys

from shsrd.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
