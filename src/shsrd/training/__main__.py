"""``python -m shsrd.training CONFIG.yaml`` or ``… queue run QUEUE.yaml``, on machines with little more than torch."""

import sys
from collections.abc import Sequence
from pathlib import Path

from shsrd.cube import InputError
from shsrd.training.settings import read_config

USAGE = """usage: python -m shsrd.training CONFIG.yaml
       python -m shsrd.training queue {run,status,pack} QUEUE.yaml …
"""


def main() -> int:
    """Run one config or a queue; exit code 2 and one sentence where it cannot."""
    try:
        return _dispatch(sys.argv[1:])
    except InputError as error:
        sys.stderr.write(f"shsrd: {error}\n")
        return 2


def _dispatch(given: Sequence[str]) -> int:
    if given[:1] == ["queue"]:
        from shsrd.training.queue.command import main as queue

        return queue(given[1:], prog="python -m shsrd.training queue")
    if len(given) != 1:
        sys.stderr.write(USAGE)
        return 2
    from shsrd.training.run import run_training

    run_training(read_config(Path(given[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
