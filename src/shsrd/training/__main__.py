"""``python -m shsrd.training CONFIG.yaml``: training on machines that have little more than torch."""

import sys
from pathlib import Path

from shsrd.training.run import run_training
from shsrd.training.settings import read_config

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m shsrd.training CONFIG.yaml")
    run_training(read_config(Path(sys.argv[1])))
