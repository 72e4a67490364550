"""``python -m shsrd.training CONFIG.yaml``: training on machines that have little more than torch."""

import sys
from pathlib import Path

from shsrd.training.config import TrainingError
from shsrd.training.run import run_training
from shsrd.training.settings import read_config


def main() -> int:
    """Run one config; exit code 2 and one sentence where it cannot."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m shsrd.training CONFIG.yaml\n")
        return 2
    try:
        run_training(read_config(Path(sys.argv[1])))
    except TrainingError as error:
        sys.stderr.write(f"shsrd: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
